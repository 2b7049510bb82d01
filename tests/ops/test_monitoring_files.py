"""The dashboard and the alert rules name metrics that the API really exports, by the labels that these have."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from api.metrics import Metrics
from store import models as m
from store.counters import COUNTERS
from store.database import Database
from store.queue_state import QueueState, queue_states
from store.task_queue import GPU
from store.workforce import read_workforce
from tests.support.rows import DEFAULT, must_claim, new_dataset, new_job

FOLDER = Path(__file__).parents[2] / "docs" / "operations"


@pytest.fixture(scope="module")
def exported() -> dict[str, set[str]]:
    """The names in an answer of /metrics, each with its labels."""
    metrics = Metrics(
        lambda: [("protect", "queued", 1)],
        lambda: [QueueState(name="cpu", waiting=1, running=0, oldest_seconds=60.0, workers=1)],
        lambda: {(kind.name, *kind.labels): 1.0 for kind in COUNTERS},
    )
    metrics.observe_request(method="GET", route="/v1/jobs", status=200, seconds=0.1)
    lines = [line for line in metrics.text().decode().splitlines() if not line.startswith("#")]
    found: dict[str, set[str]] = {}
    for line in lines:
        name = re.match(r"\w+", line)
        assert name is not None
        found.setdefault(name[0], set()).update(re.findall(r"(\w+)=\"", line))
    return found


def expressions() -> list[str]:
    """Every PromQL expression of the two files."""
    rules: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
    panels: list[dict[str, Any]] = json.loads((FOLDER / "grafana.json").read_text())["panels"]
    return [rule["expr"] for rule in rules] + [t["expr"] for panel in panels for t in panel["targets"]]


def test_every_metric_that_they_name_is_exported(exported: dict[str, set[str]]) -> None:
    named = set(re.findall(r"unteachable_\w+", " ".join(expressions())))
    assert len(named) >= 14
    assert named <= exported.keys()


def test_every_label_that_they_name_belongs_to_a_metric_beside_it(exported: dict[str, set[str]]) -> None:
    for text in expressions():
        labels = {"job"} if re.search(r"\bup\{", text) else set()
        for name in re.findall(r"unteachable_\w+", text):
            labels |= exported[name]
        used = set(re.findall(r"[{,]\s*(\w+)\s*[=!]~?\"?", text))
        used |= {label for group in re.findall(r"by \(([^)]*)\)", text) for label in re.split(r",\s*", group)}
        assert used <= labels, text


def test_the_alerts_say_what_to_do() -> None:
    for rule in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]:
        assert rule["labels"]["severity"] in ("page", "warning"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "action"}, rule["alert"]


def test_the_query_of_the_autoscaler_counts_the_jobs_that_wait_for_a_gpu(each_database: Database) -> None:
    documents = list(yaml.safe_load_all((FOLDER / "keda.yml").read_text()))
    (trigger,) = documents[1]["spec"]["triggers"]
    checking = new_dataset(each_database, state=m.CHECKING)
    claimed, canceled, early, *others = (new_job(each_database, dataset_id=id_) for id_ in (None, None, checking, None))
    waiting = [new_job(each_database) for _ in range(2)]
    with each_database.write.begin() as session:
        for id_ in (claimed, canceled, early, *waiting):
            session.get_one(m.Job, id_).queue = GPU
        session.get_one(m.Job, canceled).cancel_requested = True
    must_claim(each_database, claimed)
    with each_database.read() as session:
        states = {state.name: state.waiting for state in queue_states(session, read_workforce(session, DEFAULT))}
        assert session.scalar(sa.text(trigger["metadata"]["query"])) == states[GPU] == len(waiting)
    arguments = documents[1]["spec"]["jobTargetRef"]["template"]["spec"]["containers"][0]["args"]
    assert arguments == ["worker", "--queue", GPU, "--once"]
    assert others
