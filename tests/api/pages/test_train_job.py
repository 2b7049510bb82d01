"""The page of a train job, in every state and stage."""

import httpx
import pytest

from store import leases
from tests.api.conftest import Service
from tests.api.pages.test_train_form import start_training

ACTIVITIES = {
    "training": "Training the generator",
    "grey": "Training a second model, on images converted to greyscale",
    "network": "Training a network that predicts the noise in one pass",
    "noise": "Making noise for the images that the generator was trained on",
    "evidence": "Training models on the originals and on the protected images",
    "writing": "Writing the generator’s file",
}
STAGE_NAMES = ("Train", "Train in greyscale", "Train a network", "Try it", "Test it", "Save it")


def page_of(client: httpx.Client, job_id: str) -> str:
    """The page of a train job, which must not have the texts of a protection."""
    page = client.get(f"/jobs/{job_id}").text
    for wrong in ("Protecting", "could not be protected", "Protect ", "#protect"):
        assert wrong not in page, wrong
    return page


def test_queued_job_waits(api: httpx.Client, dataset_path: str) -> None:
    page = page_of(api, start_training(api, dataset_path)["id"])
    assert "A generator waits to be trained on pets" in page
    assert "in the queue" in page


def test_running_job_shows_its_stage(api: httpx.Client, service: Service, dataset_path: str) -> None:
    job_id = start_training(api, dataset_path, grey="true")["id"]
    claim = service.claim(job_id)
    for stage, activity in ACTIVITIES.items():
        with service.db.write.begin() as session:
            progress = leases.JobProgress(stage=stage, done=1, total=2, eta_seconds=9.0)
            leases.record_progress(session, claim, progress, lease_seconds=60)
        page = page_of(api, job_id)
        assert f"<strong>{activity}" in page
        assert activity in api.get("/").text
    assert "Training a generator on pets" in page
    positions = [page.index(f">{name}<") for name in STAGE_NAMES]
    assert positions == sorted(positions)
    for name in ("Make the noise", "Report"):
        assert f">{name}<" not in page


def test_stages_depend_on_the_spec(api: httpx.Client, dataset_path: str) -> None:
    unmeasured = page_of(api, start_training(api, dataset_path, evidence="none")["id"])
    assert ">Save it<" in unmeasured
    for name in ("Try it", "Test it"):
        assert name not in unmeasured
    assert "Train in greyscale" not in page_of(api, start_training(api, dataset_path)["id"])
    without_network = page_of(api, start_training(api, dataset_path, method="em")["id"])
    for name in ("Train in greyscale", "Train a network"):
        assert name not in without_network


def test_failed_job_leads_back_to_the_form(api: httpx.Client, service: Service, dataset_path: str) -> None:
    job_id = start_training(api, dataset_path)["id"]
    claim = service.claim(job_id)
    with service.db.write.begin() as session:
        assert leases.fail(session, claim, "The worker ran out of memory.")
    page = page_of(api, job_id)
    assert "No generator could be trained on pets" in page
    assert "The worker ran out of memory." in page
    assert f'href="{dataset_path}#train">Go back and try again' in page


def test_canceled_job_leads_back_to_the_form(api: httpx.Client, dataset_path: str) -> None:
    job_id = start_training(api, dataset_path)["id"]
    assert api.post(f"/jobs/{job_id}/cancel").status_code == 303
    page = page_of(api, job_id)
    assert "Stopped training a generator on pets" in page
    assert f'href="{dataset_path}#train">Start another' in page


@pytest.mark.parametrize(("evidence", "text"), [("quick", "is on its card"), ("none", "was not measured")])
def test_done_job_leads_to_its_generator(
    api: httpx.Client, service: Service, dataset_path: str, evidence: str, text: str
) -> None:
    job_id = start_training(api, dataset_path, evidence=evidence)["id"]
    claim = service.claim(job_id)
    with service.db.write.begin() as session:
        assert leases.succeed(session, claim)
    page = page_of(api, job_id)
    assert "pets: a generator was trained" in page
    assert text in page
    assert f'href="/generators#generator-{job_id}"' in page
