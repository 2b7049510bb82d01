"""What admins see of workers and queues, by REST and on the page, and what a job says that no worker takes."""

from collections.abc import Callable, Iterator

import pytest

from store import leases
from store.settings import Settings
from store.workers import claim_name
from tests.api.conftest import Service, assert_problem, request_job, running, upload_dataset
from tests.support.ports import free_port
from tests.support.rows import new_worker

HTML = {"Accept": "text/html"}


@pytest.fixture
def alone(make_settings: Callable[..., Settings]) -> Iterator[Service]:
    """A service whose workers are those of the test."""
    with running(make_settings(port=free_port(), lease_seconds=60)) as service:
        yield service


def test_admins_see_workers_and_queues_and_each_job_says_who_takes_it(alone: Service) -> None:
    admin, other = alone.client(user="admin"), alone.client(user="other")
    dataset = upload_dataset(admin)
    alone.make_ready(dataset["id"], images=2_000)
    quick, paper = (request_job(admin, dataset["id"], preset=preset) for preset in ("quick", "paper"))
    for job, queue in ((quick, "cpu"), (paper, "gpu")):
        assert job["queue"]["name"] == queue
        assert (job["queue"]["workers"], job["queue"]["starts_in_seconds"]) == (0, None)
    assert paper["queue"]["notice"] == "No worker with a GPU is running, and this job waits for one"
    assert "No worker is running that takes this job" in admin.get(f"/jobs/{quick['id']}", headers=HTML).text
    page = admin.get("/workers", headers=HTML).text
    assert "Jobs wait, and no worker takes them: " in page
    assert "No worker is running." in page

    busy = new_worker(alone.db)
    lost = new_worker(alone.db, name="check", queues=("check",), silent_seconds=600)
    name = claim_name(host="box", pid=7, token="t", worker_id=busy)
    with alone.db.write.begin() as session:
        assert leases.claim(session, quick["id"], worker=name, lease_seconds=60)
    listed = {worker["id"]: worker for worker in admin.get("/v1/admin/workers").json()["items"]}
    assert listed.keys() == {busy, lost}
    assert (listed[busy]["live"], listed[busy]["job_id"], listed[busy]["queues"]) == (
        True,
        quick["id"],
        ["cpu", "short"],
    )
    assert (listed[lost]["live"], listed[lost]["job_id"]) == (False, None)
    queues = {queue["name"]: queue for queue in admin.get("/v1/admin/queues").json()["items"]}
    assert queues["gpu"]["waiting"] == queues["gpu"]["workers"] == queues["cpu"]["running"] == 1
    waits = admin.get(f"/v1/jobs/{paper['id']}").json()["queue"]
    assert (waits["position"], waits["workers"], waits["notice"]) == (1, 1, None), (
        "a CPU worker takes it: there is no GPU"
    )
    page = admin.get("/workers", headers=HTML).text
    assert "science on box" in page
    assert quick["id"] in page
    assert "take the jobs of <code>gpu</code> too" in page
    assert 'unteachable_queue_workers{queue="check"} 0.0' in alone.client().get("/metrics").text
    status = alone.client().get("/status").json()
    assert {worker["id"] for worker in status["workers"]} == {busy, lost}
    assert [queue["name"] for queue in status["queues"]] == ["check", "short", "cpu", "gpu"]

    for path in ("/v1/admin/workers", "/v1/admin/queues"):
        assert_problem(other.get(path), 403, "admins only")
    assert other.get("/workers", headers=HTML).status_code == 403
    assert 'href="/workers"' not in other.get("/", headers=HTML).text
    assert_problem(alone.client().get("/v1/admin/workers"), 401, "")
