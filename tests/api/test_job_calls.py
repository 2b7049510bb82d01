"""Requesting, canceling and deleting jobs, and what is refused."""

import json
from typing import Any

import httpx
import pytest

from core.specs.protect import ProtectSpec
from store import leases
from store import models as m
from tests.api.conftest import Service, assert_problem, request_job, upload_dataset, without_place
from tests.support.archives import zipped


def test_a_new_job_is_queued_with_every_default_filled_in(api: httpx.Client, dataset: dict[str, Any]) -> None:
    body = {"kind": "protect", "dataset_id": dataset["id"], "spec": {"radius_u": 16}}
    answer = api.post("/v1/jobs", json=body)
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["kind"], job["state"], job["attempt"], job["error"]) == ("protect", "queued", 0, None)
    assert job["spec"] == ProtectSpec(radius_u=16).to_dict()
    assert job["progress"] == {"stage": None, "done": 0, "total": 0, "eta_seconds": None}
    assert without_place(api.get(answer.headers["location"]).json()) == without_place(job)
    assert [without_place(item) for item in api.get("/v1/jobs?limit=1").json()["items"]] == [without_place(job)]


def test_a_job_is_enqueued_when_its_dataset_is_ready(api: httpx.Client, service: Service) -> None:
    waiting = request_job(api, upload_dataset(api)["id"])
    dataset = upload_dataset(api)
    service.make_ready(dataset["id"])
    enqueued = request_job(api, dataset["id"])
    with service.db.read() as session:
        assert session.get_one(m.Job, waiting["id"]).enqueued_at is None  # the end of the check enqueues it
        assert session.get_one(m.Job, enqueued["id"]).enqueued_at is not None


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"spec": {"radius_a": 8}}, ["spec.radius_a"]),
        ({"spec": {"radius_a": 9, "radius_u": 9}}, ["spec.radius_a"]),
        ({"spec": {"radius_u": 0}}, ["spec.radius_u"]),
        ({"spec": {"radius_u": "8"}}, ["spec.radius_u"]),
        ({"spec": {"radius_u": 8.5}}, ["spec.radius_u"]),
        ({"spec": {"radius_u": True}}, ["spec.radius_u"]),
        ({"spec": {"preset": "best"}}, ["spec.preset"]),
        ({"spec": {"preset": ["quick"]}}, ["spec.preset"]),
        ({"spec": {"method": "magic"}}, ["spec.method"]),
        ({"spec": {"seed": -1, "format": "gif"}}, ["spec.format", "spec.seed"]),
        ({"spec": {"raduis_u": 8}}, ["spec.raduis_u"]),
        ({"spec": {"\ud800": 8}}, None),
        ({"spec": {"keep_exif": "yes", "x": 1}}, ["spec.keep_exif", "spec.x"]),
        ({"spec": []}, ["spec"]),
        ({"spec": None}, ["spec"]),
        ({"spec": json.loads('{"a":' * 500 + "1" + "}" * 500)}, ["spec"]),
        ({"webhook": "http://example.com"}, ["webhook"]),
        ({"kind": "destroy"}, ["kind"]),
        ({"kind": None}, ["kind"]),
        ({"dataset_id": None}, ["dataset_id"]),
        ({"dataset_id": 5}, ["dataset_id"]),
    ],
)
def test_an_invalid_spec_is_refused(
    api: httpx.Client, dataset: dict[str, Any], change: dict[str, Any], fields: list[str] | None
) -> None:
    body = json.dumps({"kind": "protect", "dataset_id": dataset["id"]} | change)
    answer = api.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    found = assert_problem(answer, 422)
    if fields is not None:
        assert sorted(e["field"] for e in found["errors"]) == fields
        assert all(e["message"] for e in found["errors"])


def test_the_error_cites_the_papers_reason(api: httpx.Client, dataset: dict[str, Any]) -> None:
    body = {"kind": "protect", "dataset_id": dataset["id"], "spec": {"radius_a": 8, "radius_u": 8}}
    assert_problem(api.post("/v1/jobs", json=body), 422, "section 4.2")


@pytest.mark.parametrize(
    ("content", "kind", "field"),
    [
        (b"{", "application/json", "body"),
        (b"", "application/json", "body"),
        (b"[]", "application/json", "body"),
        (b"{}", "text/plain", "body"),
        (b"\xff", "application/json", None),
    ],
)
def test_bodies_that_are_not_valid_json_are_refused(
    api: httpx.Client, content: bytes, kind: str, field: str | None
) -> None:
    answer = api.post("/v1/jobs", content=content, headers={"Content-Type": kind})
    assert answer.status_code in (400, 422)
    found = assert_problem(answer, answer.status_code)
    assert field is None or found["errors"][0]["field"] == field


def test_jobs_for_admins_are_refused_to_other_users(api: httpx.Client, other: httpx.Client) -> None:
    for kind, field in (("verify", "target_job_id"), ("train", "dataset_id")):
        assert_problem(other.post("/v1/jobs", json={"kind": kind}), 403, "admins")
        found = assert_problem(api.post("/v1/jobs", json={"kind": kind}), 422)
        assert found["errors"][0]["field"] == field


def test_an_admin_requests_the_training_of_a_generator(
    api: httpx.Client, service: Service, dataset: dict[str, Any]
) -> None:
    body = {"kind": "train", "dataset_id": dataset["id"], "spec": {"method": "em", "radius_u": 16}}
    job = api.post("/v1/jobs", json=body).json()
    assert (job["kind"], job["state"]) == ("train", "queued")
    given = {"name": None, "preset": "quick", "method": "em", "radius_u": 16, "radius_a": None, "seed": 0}
    assert job["spec"] == given | {"evidence": "quick", "grey": False}
    page = api.get(f"/jobs/{job['id']}").text
    assert "A generator waits to be trained on pets" in page
    assert "Make the noise" not in page
    found = assert_problem(api.post("/v1/jobs", json=body | {"spec": {"eot": False, "radius_u": 0}}), 422)
    assert {e["field"] for e in found["errors"]} == {"spec.eot", "spec.radius_u"}
    service.make_ready(dataset["id"])
    claim = service.claim(job["id"])

    with service.db.write.begin() as session:
        assert leases.succeed(session, claim)
    assert "a generator was trained" in api.get(f"/jobs/{job['id']}").text
    assert "The generator can be used" in api.get("/").text
    assert_problem(api.get(f"/v1/jobs/{job['id']}/archive"), 409, f"/v1/generators/{job['id']}")
    assert api.get(f"/jobs/{job['id']}/report").status_code == 404


def test_a_missing_or_rejected_dataset_is_refused(api: httpx.Client, service: Service) -> None:
    assert_problem(api.post("/v1/jobs", json={"kind": "protect", "dataset_id": m.new_id()}), 404, "dataset")
    dataset = upload_dataset(api)
    with service.db.write.begin() as session:
        row = session.get_one(m.Dataset, dataset["id"])
        row.state, row.error = m.REJECTED, "no picture can be read"
    body = {"kind": "protect", "dataset_id": dataset["id"]}
    assert_problem(api.post("/v1/jobs", json=body), 409, "no picture can be read")


def test_canceling_a_queued_job(api: httpx.Client, job: dict[str, Any]) -> None:
    answer = api.post(f"/v1/jobs/{job['id']}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "canceled")
    assert_problem(api.post(f"/v1/jobs/{job['id']}/cancel"), 409, "over")


def test_canceling_a_running_job_tells_its_worker(api: httpx.Client, service: Service, job: dict[str, Any]) -> None:

    claim = service.claim(job["id"])
    answer = api.post(f"/v1/jobs/{job['id']}/cancel")
    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["cancel_requested"]) == ("running", True)
    with service.db.write.begin() as session:
        assert leases.renew(session, claim, lease_seconds=5) is leases.LeaseStatus.CANCEL
        assert leases.cancel(session, claim)
    assert api.get(f"/v1/jobs/{job['id']}").json()["state"] == "canceled"


def test_only_a_finished_job_can_be_deleted(api: httpx.Client, service: Service, job: dict[str, Any]) -> None:
    path = f"/v1/jobs/{job['id']}"
    assert_problem(api.delete(path), 409, "cancel it first")
    service.succeed(job["id"], archive=zipped())
    assert service.files.list(f"jobs/{job['id']}")
    assert api.delete(path).status_code == 204
    assert service.files.list(f"jobs/{job['id']}") == []
    assert_problem(api.get(path), 404)


def test_the_spec_lists_every_choice(api: httpx.Client) -> None:
    spec = api.get("/v1/spec").json()
    assert set(spec["schema"]["properties"]) == set(ProtectSpec().to_dict())
    assert [p["name"] for p in spec["presets"]] == spec["schema"]["properties"]["preset"]["enum"]
    assert all(p["title"] and p["description"] for p in spec["presets"])
    assert len(spec["limits"]) > 2
