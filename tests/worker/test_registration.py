"""A worker keeps its row as long as it works, and no CPU worker takes a job that waits for a GPU worker."""

import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from store import models as m
from store import workers
from store.settings import Settings
from store.task_queue import CPU, GPU, SCIENCE
from store.workers import WorkerCard, claim_name, worker_id_of
from store.workforce import queues_of
from tests.support.processes import environment
from tests.support.rows import job_of, new_job, new_worker
from tests.support.waiting import wait_until
from tests.support.workers import Start, enqueue, start_worker, wait_for_state
from tests.worker.conftest import Upload
from worker.celery_app import message_queues
from worker.context import WorkerContext
from worker.next_job import run_first_job
from worker.recovery import recover
from worker.registration import WORKER_ID_VARIABLE, WorkerRegistration
from worker.worker_card import describe_worker


def rows(context: WorkerContext) -> list[m.Worker]:
    with context.database.read() as session:
        return list(session.scalars(select(m.Worker)))


def a_card(**values: Any) -> WorkerCard:
    usual = {"host": "box", "name": SCIENCE, "queues": (CPU, "short"), "device": "CPU, 2 cores", "version": "1"}
    return WorkerCard(**{"id": m.new_id(), **usual, **values})


def test_the_row_is_kept_while_the_worker_works_and_deleted_at_its_end(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WORKER_ID_VARIABLE, "")  # restored after the test
    works: list[bool] = []
    card = a_card()
    registration = WorkerRegistration(context, card, works=lambda: bool(works))
    registration.start()
    assert rows(context) == []
    works.append(True)
    first = wait_until(lambda: [row.seen_at for row in rows(context)], seconds=20)
    wait_until(lambda: rows(context)[0].seen_at > first[0], seconds=20)
    with context.database.write.begin() as session:
        workers.remove(session, card.id)  # as after a long pause of the machine
    wait_until(lambda: rows(context), seconds=20)
    registration.stop()
    assert rows(context) == []


def test_a_worker_says_what_it_takes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.device_probe.GPU_FILES", ())
    science = describe_worker(settings, SCIENCE)
    assert (science.queues, science.device) == ((CPU, "short"), "CPU, 1 core")
    assert sorted(message_queues(science)) == [CPU, SCIENCE, "short"], "also messages of earlier versions"
    assert message_queues(describe_worker(settings, "check")) == ["check"]
    with_gpu = a_card(queues=queues_of(SCIENCE, has_gpu=True))
    assert sorted(message_queues(with_gpu)) == [CPU, GPU, SCIENCE, "short"]


def test_a_machine_whose_gpu_torch_cannot_use_computes_on_its_processor(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.device_probe.GPU_FILES", ("null",))
    monkeypatch.setattr("worker.device_probe.PROBE", "raise SystemExit(1)")
    with capture_logs() as logs:
        assert describe_worker(settings, SCIENCE).device == "CPU, 1 core"
    assert [event["event"] for event in logs] == ["worker.gpu_not_found"]
    monkeypatch.setattr("worker.device_probe.PROBE", "import sys; print('H200 as', sys.argv[1])")
    found = describe_worker(settings, GPU)
    assert (found.queues, found.device) == ((GPU,), "H200 as cuda")


def test_the_name_of_a_claim_leads_to_the_row_of_its_worker() -> None:
    assert worker_id_of(claim_name(host="h", pid=1, token="t", worker_id="w-_1")) == "w-_1"
    for other in (None, "", "w1", "host:1:token", claim_name(host="h", pid=1, token="t", worker_id="")):
        assert worker_id_of(other) is None


def test_a_message_that_a_gpu_worker_came_after_runs_no_gpu_job(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper, other = new_job(context.database), new_job(context.database)
    with context.database.write.begin() as session:
        session.get_one(m.Job, paper).queue = GPU
    tried: list[str] = []
    monkeypatch.setattr("worker.next_job.run_job", lambda _, id_: tried.append(id_))
    run_first_job(context, paper, queue=CPU)
    assert tried == [paper, other], "there is no GPU"
    new_worker(context.database, queues=(GPU,))
    tried.clear()
    run_first_job(context, paper, queue=CPU)
    assert tried == [other]


def test_recovery_wakes_those_who_take_the_job(context: WorkerContext, broker: "subprocess.Popen[bytes]") -> None:
    from store.task_queue import queue_length

    paper = new_job(context.database)
    with context.database.write.begin() as session:
        session.get_one(m.Job, paper).queue = GPU
    recover(context)
    assert [queue_length(context.settings, name) for name in (CPU, GPU)] == [1, 0]
    new_worker(context.database, queues=(GPU,))
    with context.database.write.begin() as session:
        session.get_one(m.Job, paper).enqueued_at = None
    recover(context)
    assert [queue_length(context.settings, name) for name in (CPU, GPU)] == [1, 1]


def test_a_gpu_worker_without_a_gpu_is_refused_in_one_line(settings: Settings) -> None:
    command = [sys.executable, "-m", "cli.main", "worker", "--queue", "gpu"]
    env = environment(settings) | {"UNTEACHABLE_DEVICE": "cpu"}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == (
        "unteachable: this machine has no GPU that torch can use: choose --queue cpu, or --queue science for any device"
    )


@pytest.mark.slow
def test_a_real_worker_has_a_row_that_leads_to_its_job(
    context: WorkerContext, broker: "subprocess.Popen[bytes]", commands: Start, upload: Upload
) -> None:
    worker = start_worker(commands, context)
    (row,) = wait_until(lambda: rows(context), seconds=120)
    assert (row.name, row.queues) == ("check", ["check"])
    _, job_id = upload(classes=2, per_class=200)
    enqueue(context, job_id)
    running = wait_until(lambda: (job := job_of(context.database, job_id)).state != m.QUEUED and job, seconds=120)
    assert running.worker is None or worker_id_of(running.worker) == row.id
    wait_for_state(context, job_id, m.SUCCEEDED)
    worker.end()
    assert rows(context) == []
