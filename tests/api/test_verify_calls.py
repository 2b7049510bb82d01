"""Verify jobs by REST and by the form: who may request what, and what is shown while they run."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from core.reports.verification_html import render_verification
from core.specs.verify import VerifySpec
from store import leases
from store import models as m
from store.object_keys import checkpoint_key
from tests.api.conftest import Service, assert_problem, request_job, upload_dataset
from tests.support.archives import zipped
from tests.support.report_samples import report
from tests.support.verification_samples import partial_report

MADE = report().to_json().encode()


@pytest.fixture
def target(api: httpx.Client, service: Service, job: dict[str, Any]) -> str:
    """The id of a protect job that succeeded."""
    service.succeed(job["id"], archive=zipped(), report=MADE)
    return str(job["id"])


@pytest.fixture
def non_admin(service: Service) -> Iterator[httpx.Client]:
    """The client of a user who is not an admin."""
    with service.client(user="non_admin") as client:
        yield client


def verify(client: httpx.Client, target: str, **spec: Any) -> httpx.Response:
    return client.post("/v1/jobs", json={"kind": "verify", "target_job_id": target, "spec": spec})


def test_a_new_verification_is_queued_with_every_default_filled_in(api: httpx.Client, target: str) -> None:
    answer = verify(api, target)
    found = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/jobs/{found['id']}")
    assert (found["kind"], found["state"], found["target_job_id"]) == ("verify", "queued", target)
    assert found["dataset_id"] == api.get(f"/v1/jobs/{target}").json()["dataset_id"]
    assert found["spec"] == VerifySpec().to_dict()
    assert found["spec"]["trainings"] == [{"norm": "Linf", "radius": 0}, {"norm": "Linf", "radius": 4}]


def test_the_default_radius_is_that_of_the_protection(
    api: httpx.Client, service: Service, dataset: dict[str, Any]
) -> None:
    service.make_ready(dataset["id"])
    job = request_job(api, dataset["id"], radius_u=16, radius_a=6)
    service.succeed(job["id"], archive=zipped(), report=MADE)
    assert verify(api, job["id"]).json()["spec"]["trainings"][1] == {"norm": "Linf", "radius": 6}


def test_a_dataset_without_protection_is_verified(api: httpx.Client, dataset: dict[str, Any]) -> None:
    body = {"kind": "verify", "dataset_id": dataset["id"], "spec": {"seeds": 2}}
    found = api.post("/v1/jobs", json=body).json()
    assert (found["target_job_id"], found["dataset_id"], found["spec"]["seeds"]) == (None, dataset["id"], 2)
    refused = assert_problem(
        api.post("/v1/jobs", json=body | {"spec": {"percentages": [50]}}), 422, "nothing in a dataset"
    )
    assert refused["errors"][0]["field"] == "spec.percentages"


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        ({"architectures": ["resnet99"]}, ["spec.architectures"]),
        ({"architectures": []}, ["spec.architectures"]),
        ({"trainings": [{"norm": "L3", "radius": 1}]}, ["spec.trainings"]),
        ({"trainings": [{"radius": 65}], "seeds": 0}, ["spec.seeds", "spec.trainings"]),
        ({"countermeasures": ["prayer"]}, ["spec.countermeasures"]),
        ({"percentages": [0]}, ["spec.percentages"]),
        ({"scale": "huge"}, ["spec.scale"]),
        ({"radius_u": 8}, ["spec.radius_u"]),
        ({"percentages": [*range(1, 101)], "countermeasures": ["none", "jpeg-10"]}, ["spec.percentages"]),
    ],
)
def test_an_invalid_spec_is_refused(api: httpx.Client, target: str, spec: dict[str, Any], fields: list[str]) -> None:
    found = assert_problem(verify(api, target, **spec), 422)
    assert sorted(error["field"] for error in found["errors"]) == fields


def test_only_admins_verify_and_only_their_own_jobs(
    api: httpx.Client, non_admin: httpx.Client, service: Service, target: str
) -> None:
    assert_problem(verify(non_admin, target), 403, "admins")
    assert_problem(non_admin.post(f"/jobs/{target}/verify"), 404)
    assert_problem(verify(api, m.new_id()), 404, "job")
    theirs = upload_dataset(non_admin)
    service.make_ready(theirs["id"])
    assert_problem(verify(api, request_job(non_admin, theirs["id"])["id"]), 404, "job")


def test_a_job_without_an_archive_cannot_be_verified(api: httpx.Client, service: Service, target: str) -> None:
    dataset = api.get(f"/v1/jobs/{target}").json()["dataset_id"]
    waiting = request_job(api, dataset)
    assert_problem(verify(api, waiting["id"]), 409, "queued")
    other = verify(api, target).json()
    assert assert_problem(verify(api, other["id"]), 422)["errors"][0]["field"] == "target_job_id"
    both = {"kind": "verify", "target_job_id": target, "dataset_id": dataset}
    assert assert_problem(api.post("/v1/jobs", json=both), 422)["errors"][0]["field"] == "target_job_id"
    stray = {"kind": "protect", "target_job_id": target, "dataset_id": dataset}
    assert assert_problem(api.post("/v1/jobs", json=stray), 422)["errors"][0]["field"] == "target_job_id"
    for job in (waiting, other):
        api.post(f"/v1/jobs/{job['id']}/cancel")
    assert api.delete(f"/v1/datasets/{dataset}").status_code == 204
    assert_problem(verify(api, target), 409, "dataset of this job was deleted")


def test_percentages_of_a_partially_protected_archive_are_refused(
    api: httpx.Client, service: Service, dataset: dict[str, Any]
) -> None:
    service.make_ready(dataset["id"])
    job = request_job(api, dataset["id"], percentage=40)
    service.succeed(job["id"], archive=zipped(), report=MADE)
    assert verify(api, job["id"]).status_code == 202
    found = assert_problem(verify(api, job["id"], percentages=[20]), 422, "only 40 %")
    assert found["errors"][0]["field"] == "spec.percentages"
    assert "Share of protected images" not in api.get(f"/jobs/{job['id']}").text


def test_a_job_cannot_be_deleted_during_its_verification(api: httpx.Client, target: str) -> None:
    job = verify(api, target).json()
    assert_problem(api.delete(f"/v1/jobs/{target}"), 409, "verification")
    api.post(f"/v1/jobs/{job['id']}/cancel")
    assert api.delete(f"/v1/jobs/{target}").status_code == 204
    assert api.get(f"/v1/jobs/{job['id']}").json()["target_job_id"] is None


def test_the_page_of_a_canceled_job_links_to_the_form_of_its_target(api: httpx.Client, target: str) -> None:
    of_job = verify(api, target).json()
    of_dataset = api.post("/v1/jobs", json={"kind": "verify", "dataset_id": of_job["dataset_id"]}).json()
    for job, origin in ((of_job, f"/jobs/{target}#verify"), (of_dataset, f"/datasets/{of_job['dataset_id']}")):
        assert api.post(f"/v1/jobs/{job['id']}/cancel").status_code == 202
        assert f'href="{origin}">Start another' in api.get(f"/jobs/{job['id']}").text


def test_measured_rows_are_returned_while_the_job_runs(api: httpx.Client, service: Service, target: str) -> None:
    job = verify(api, target).json()["id"]
    assert_problem(api.get(f"/v1/jobs/{job}/rows"), 404, "No row")
    assert_problem(api.get(f"/v1/jobs/{target}/rows"), 404, "verify job")
    claim = service.claim(job)
    with service.db.write.begin() as session:
        leases.record_progress(
            session, claim, leases.JobProgress(stage="evidence", done=1, total=2, eta_seconds=None), lease_seconds=60
        )
    begun = partial_report(rows=1, spec=VerifySpec())
    service.files.write(checkpoint_key(job, "report.json"), begun.to_json().encode())
    service.files.write(checkpoint_key(job, "report.html"), render_verification(begun).encode())
    assert api.get(f"/v1/jobs/{job}/rows").json() == json.loads(begun.to_json())
    drawn = api.get(f"/v1/jobs/{job}/rows", headers={"Accept": "text/html"})
    assert "1 of 2 rows so far" in drawn.text
    assert drawn.headers["x-frame-options"] == "SAMEORIGIN"
    page = api.get(f"/jobs/{job}").text
    assert "Row 2 of 2" in page
    assert f"/v1/jobs/{job}/rows?done=1" in page
    assert_problem(api.get(f"/v1/jobs/{job}/report"), 409, "running")
    done = partial_report(rows=2, spec=VerifySpec())
    service.files.write(f"jobs/{job}/results/1/report.json", done.to_json().encode())
    service.files.write(f"jobs/{job}/results/1/report.html", render_verification(done).encode())
    prefix = f"jobs/{job}/results/1"
    with service.db.write.begin() as session:
        result = leases.JobResult(report_key=f"{prefix}/report.json", page_key=f"{prefix}/report.html")
        assert leases.succeed(session, claim, result)
    assert len(api.get(f"/v1/jobs/{job}/rows").json()["evidence"]["rows"]) == 2
    assert api.get(f"/v1/jobs/{job}/report").json() == api.get(f"/v1/jobs/{job}/rows").json()
    assert_problem(api.get(f"/v1/jobs/{job}/archive"), 409, "no archive")
    assert "pets: verified" in api.get(f"/jobs/{job}").text
    assert api.get(f"/jobs/{job}/report").status_code == 200


def test_the_form_is_for_admins_and_lists_every_choice(
    api: httpx.Client, service: Service, non_admin: httpx.Client, target: str
) -> None:
    path = f"/jobs/{target}/verify"
    assert 'id="verify-form"' in api.get(f"/jobs/{target}").text
    wrong = api.post(path, data={"trainings": "Linf-4", "countermeasures": "none", "scale": "quick", "seeds": "99"})
    assert wrong.status_code == 422
    assert "Architectures: Must be a list" in wrong.text
    assert "Seeds: Must be a whole number from 1 to 10" in wrong.text
    chosen = {
        "architectures": ["small", "resnet18"],
        "trainings": ["Linf-0", "L2-50"],
        "countermeasures": ["none", "jpeg-75"],
        "percentages": ["100", "60"],
        "scale": "quick",
        "seeds": "2",
    }
    done = api.post(path, data=chosen)
    assert done.status_code == 303
    job = api.get(f"/v1{done.headers['location']}").json()
    assert (job["target_job_id"], job["spec"]["trainings"][1]) == (target, {"norm": "L2", "radius": 50})
    assert (job["spec"]["percentages"], job["spec"]["seeds"]) == ([100, 60], 2)
    assert "Verification, quick: 16 rows" in api.get(f"/jobs/{target}").text
    theirs = upload_dataset(non_admin)
    service.make_ready(theirs["id"])
    own = request_job(non_admin, theirs["id"])["id"]
    service.succeed(own, archive=zipped(), report=MADE)
    assert 'id="verify-form"' not in non_admin.get(f"/jobs/{own}").text
    assert non_admin.post(f"/jobs/{own}/verify", data=chosen).status_code == 403
