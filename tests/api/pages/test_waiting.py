"""What the pages say of time: the estimate on the form, the place in the queue, and what a job took beside it."""

import html
import json
import re

import httpx
import pytest

from api.pages.waiting import place_in_words, times_in_words
from store import leases
from store import models as m
from store.estimates import Estimate
from store.queue_places import QueuePlace
from tests.api.conftest import Service, request_job, upload_dataset

HTML = {"Accept": "text/html"}


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (None, "Waiting for its turn"),
        (QueuePlace(position=1, starts_in_seconds=0.0), "Next in the queue, starts in a few seconds"),
        (QueuePlace(position=2, starts_in_seconds=300.0), "2nd in the queue, starts in about 5 minutes"),
        (QueuePlace(position=3, starts_in_seconds=None), "3rd in the queue"),
        (
            QueuePlace(position=1, starts_in_seconds=None, queue="gpu", workers=0),
            "Next in the queue. No worker with a GPU is running, and this job waits for one",
        ),
        (QueuePlace(position=12, starts_in_seconds=None), "12th in the queue"),
        (QueuePlace(position=21, starts_in_seconds=None), "21st in the queue"),
    ],
)
def test_a_place_in_words(place: QueuePlace | None, words: str) -> None:
    assert place_in_words(place) == words


def test_what_a_job_took_stands_beside_what_was_expected() -> None:
    job = m.Job(estimate={"archive": 60.0, "evidence": 300.0}, measured=None)
    assert times_in_words(job) == [
        ("Until the archive", "expected: about a minute"),
        ("The measurement", "expected: about 5 minutes"),
    ]
    job.measured = {"archive": 120.0, "evidence": 280.0}
    assert times_in_words(job)[0] == ("Until the archive", "about 2 minutes (expected: about a minute)")
    assert times_in_words(m.Job()) == []


def test_the_form_says_how_long_it_takes_and_the_job_where_it_waits(api: httpx.Client, service: Service) -> None:
    dataset = upload_dataset(api)
    page = api.get(f"/datasets/{dataset['id']}", headers=HTML).text
    assert re.search(r'id="estimate"[^>]* hidden', page)
    service.make_ready(dataset["id"], images=2_000)
    page = api.get(f"/datasets/{dataset['id']}", headers=HTML).text
    assert "The protected images are ready in about" in page
    found = re.search(r'data-estimates="([^"]*)"', page)
    assert found is not None
    estimates = json.loads(html.unescape(found[1]))
    assert estimates["instant"]["none"][1] == 0
    assert estimates["quick"]["full"][1] > estimates["quick"]["quick"][1] > 0
    jobs = [request_job(api, dataset["id"]) for _ in range(2)]
    displayed = [api.get(f"/v1/jobs/{job['id']}").json() for job in jobs]
    assert displayed[1]["queue"]["position"] == displayed[0]["queue"]["position"] + 1
    assert 0 < displayed[0]["estimate"]["evidence"] <= 300
    listed = {job["id"]: job["queue"] for job in api.get("/v1/jobs").json()["items"]}
    assert listed[jobs[1]["id"]]["position"] == displayed[1]["queue"]["position"]
    assert "in the queue" in api.get(f"/jobs/{jobs[1]['id']}", headers=HTML).text
    claim = service.claim(jobs[0]["id"])
    assert api.get(f"/v1/jobs/{jobs[0]['id']}").json()["queue"] is None
    result = leases.JobResult(report_key="r", page_key="p", measured=Estimate(archive=100.0, evidence=290.0).to_dict())
    with service.db.write.begin() as session:
        assert leases.succeed(session, claim, result)
    assert api.get(f"/v1/jobs/{jobs[0]['id']}").json()["measured"] == {"archive": 100.0, "evidence": 290.0}
    assert "about 2 minutes (expected:" in api.get(f"/jobs/{jobs[0]['id']}", headers=HTML).text
    for job in jobs[1:]:
        api.post(f"/v1/jobs/{job['id']}/cancel")
