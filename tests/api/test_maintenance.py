"""During maintenance the API refuses writes and answers reads."""

from typing import Any

import httpx

from ops.doctor import _check_database
from store.maintenance_mode import MaintenanceMode
from tests.api.conftest import Service, assert_problem, request_job, upload_dataset
from tests.support.waiting import wait_until

TUS = {"Tus-Resumable": "1.0.0", "Upload-Length": "10"}


def test_writes_are_refused_and_reads_go_on(service: Service, api: httpx.Client, job: dict[str, Any]) -> None:
    with MaintenanceMode(service.db, reason="a backup", refuses_writes=True):
        wait_until(lambda: api.delete("/v1/jobs/none").status_code == 503, what="the API notices it")
        dataset = f"/v1/datasets/{job['dataset_id']}"
        refused = [
            api.post("/v1/jobs", json={"kind": "protect", "dataset_id": job["dataset_id"], "spec": {}}),
            api.delete(f"/v1/jobs/{job['id']}"),
            api.delete(dataset),
            api.post("/v1/uploads", headers=TUS),
            api.post("/v1/datasets", files={"file": ("a.zip", b"-")}),
        ]
        for answer in refused:
            problem = assert_problem(answer, 503, "maintenance")
            assert problem["type"] == "urn:unteachable:problem:maintenance"
            assert int(answer.headers["Retry-After"]) > 0
        assert api.get(dataset).status_code == 200
        assert api.get(f"/v1/jobs/{job['id']}").json()["state"] == "queued"
        assert api.get("/readyz").status_code == 200
        status = api.get("/status").json()["maintenance"]
        assert (status["reason"], status["refuses_writes"]) == ("a backup", True)
        assert "in maintenance until" in _check_database(service.settings)
    wait_until(lambda: api.delete("/v1/jobs/none").status_code == 404, what="writes go on")
    assert api.get("/status").json()["maintenance"] is None


def test_a_backup_of_a_running_service_refuses_nothing(service: Service, api: httpx.Client) -> None:
    with MaintenanceMode(service.db, reason="a backup", refuses_writes=False):
        dataset = upload_dataset(api)
        service.make_ready(dataset["id"])
        job = request_job(api, dataset["id"])
        service.succeed(job["id"], archive=b"archive")
        assert api.delete(f"/v1/jobs/{job['id']}").status_code == 204
        assert service.files.list(f"jobs/{job['id']}"), "the files wait for the end of the backup"
