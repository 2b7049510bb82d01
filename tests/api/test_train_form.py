"""The form that trains a generator, and what a train job's page says in every state."""

from typing import Any

import httpx
import pytest

from core.specs.protect import EVIDENCE_AMOUNTS, INSTANT, METHODS, METHODS_WITHOUT_SURROGATE, TRAINING_PRESETS
from core.specs.train import TrainSpec
from store import leases
from store import models as m
from tests.api.conftest import Service, upload_dataset

FORM = 'id="train-form"'


@pytest.fixture
def ready(api: httpx.Client, service: Service) -> str:
    """The address of a dataset that was checked."""
    dataset = upload_dataset(api)
    service.make_ready(dataset["id"])
    return f"/datasets/{dataset['id']}"


def started(client: httpx.Client, address: str, **data: str) -> dict[str, Any]:
    """The job that the form starts."""
    done = client.post(f"{address}/train", data=data)
    assert done.status_code == 303, done.text
    found: dict[str, Any] = client.get(f"/v1{done.headers['location']}").json()
    return found


def test_it_offers_what_training_goes_by(api: httpx.Client, ready: str) -> None:
    page = api.get(ready).text
    form = page[page.index(FORM) :]
    for value in (*TRAINING_PRESETS, *EVIDENCE_AMOUNTS, *(set(METHODS) - set(METHODS_WITHOUT_SURROGATE))):
        assert f'value="{value}"' in form, value
    for value in (INSTANT, *METHODS_WITHOUT_SURROGATE):
        assert f'value="{value}"' not in form, value
    assert 'placeholder="pets' in form


def test_left_as_it_is_it_asks_for_the_defaults(api: httpx.Client, ready: str) -> None:
    job = started(api, ready, name="", preset="quick", method="", radius_u="8", radius_a="", seed="0")
    assert (job["kind"], job["state"], job["spec"]) == ("train", "queued", TrainSpec().to_dict())
    grey = started(api, ready, grey="true")
    assert grey["spec"] == TrainSpec(grey=True).to_dict()
    assert "<dt>In grey</dt><dd>trained against it, too</dd>" in api.get(f"/jobs/{grey['id']}").text


def test_what_is_filled_in_is_asked_for_as_by_rest(api: httpx.Client, ready: str) -> None:
    chosen = {"name": " Night ", "preset": "standard", "method": "em", "radius_u": "12", "radius_a": "3", "seed": "5"}
    chosen["evidence"] = "full"
    spec = {"name": "Night", "preset": "standard", "method": "em", "radius_u": 12, "radius_a": 3, "evidence": "full"}
    spec |= {"seed": 5, "grey": False}
    by_rest = {"kind": "train", "dataset_id": ready.rpartition("/")[2], "spec": spec}
    job = started(api, ready, **chosen)
    assert job["spec"] == api.post("/v1/jobs", json=by_rest).json()["spec"] == spec
    page = api.get(f"/jobs/{job['id']}").text
    assert "<dt>Name</dt><dd>Night</dd>" in page
    assert "<dt>Measurement</dt><dd>full</dd>" in page
    assert "Generator “Night”: Standard, strength 12 of 255, EM" in api.get(ready).text


def test_errors_stand_at_their_fields_and_nothing_typed_is_lost(api: httpx.Client, ready: str) -> None:
    typed = {"name": "x" * 201, "preset": "quick", "method": "ntga", "radius_u": "8", "radius_a": "8", "seed": "many"}
    answer = api.post(f"{ready}/train", data=typed)
    assert answer.status_code == 422
    for name in ("name", "method", "seed"):
        assert f'id="train-{name}-wrong"' in answer.text, name
    assert "<details open>" in answer.text[answer.text.index('id="train"') :]
    assert 'value="many"' in answer.text
    assert "x" * 201 in answer.text
    assert "trains no network" in answer.text
    protect = answer.text[answer.text.index('id="protect-form"') : answer.text.index(FORM)]
    assert "aria-invalid" not in protect
    paper = api.post(f"{ready}/train", data={"radius_u": "8", "radius_a": "8"})
    assert "section 4.2" in paper.text
    grey = api.post(f"{ready}/train", data={"method": "em", "grey": "true"}).text
    assert "Needs the method sem and the preset quick" in grey
    assert 'id="train-grey" name="grey" value="true" checked' in grey
    assert "Made from this dataset" not in api.get(ready).text


def test_an_error_in_the_other_form_leaves_this_one_alone(api: httpx.Client, ready: str) -> None:
    answer = api.post(f"{ready}/protect", data={"strength": "8", "seed": "-1"})
    assert 'id="seed-wrong"' in answer.text
    assert 'id="train-seed-wrong"' not in answer.text


def test_it_is_the_admins(api: httpx.Client, other: httpx.Client, service: Service, ready: str) -> None:
    theirs = upload_dataset(other)
    service.make_ready(theirs["id"])
    path = f"/datasets/{theirs['id']}"
    assert FORM not in other.get(path).text
    assert other.post(f"{path}/train", data={"radius_u": "0"}).status_code == 403
    assert other.post(f"{ready}/train").status_code == 404
    assert api.post(f"{path}/train").status_code == 404
    assert other.get("/v1/jobs").json()["items"] == []


def test_another_sites_page_cannot_send_it(api: httpx.Client, service: Service, ready: str) -> None:
    browser = service.client()
    token = api.headers["authorization"].removeprefix("Bearer ")
    signed_in = browser.post("/sign-in", data={"token": token}, headers={"Sec-Fetch-Site": "same-origin"})
    assert signed_in.status_code == 303
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 303)):
        assert browser.post(f"{ready}/train", headers={"Sec-Fetch-Site": site}).status_code == status, site


def test_a_rejected_dataset_has_no_form(api: httpx.Client, service: Service) -> None:
    dataset = upload_dataset(api)
    with service.db.write.begin() as session:
        row = session.get_one(m.Dataset, dataset["id"])
        row.state, row.error = m.REJECTED, "It has no pictures."
    assert FORM not in api.get(f"/datasets/{dataset['id']}").text
    assert api.post(f"/datasets/{dataset['id']}/train").status_code == 409


def words(client: httpx.Client, job_id: str) -> str:
    """A job's page, which must not take it for a protection."""
    page = client.get(f"/jobs/{job_id}").text
    for wrong in ("Protecting", "protected", "Protect ", "#protect"):
        assert wrong not in page, wrong
    return page


def test_the_page_speaks_of_training_in_every_state(api: httpx.Client, service: Service, ready: str) -> None:
    queued = started(api, ready, grey="true")["id"]
    page = words(api, queued)
    assert "A generator waits to be trained on pets" in page
    assert "Waiting for its turn" in page
    claim = service.claim(queued)
    said = {
        "training": "Training the generator",
        "grey": "Training a second model, on pictures turned grey",
        "network": "Training a network that makes the noise at once",
        "noise": "Making noise for the pictures that it was trained on",
        "evidence": "Training models on both sets",
        "writing": "Writing the generator’s file",
    }
    for stage, doing in said.items():
        with service.db.write.begin() as session:
            leases.record_progress(
                session, claim, leases.JobProgress(stage=stage, done=1, total=2, eta_seconds=9.0), lease_seconds=60
            )
        page = words(api, queued)
        assert f"<strong>{doing}" in page
        assert doing in api.get("/").text
    assert "Training a generator on pets" in page
    labels = ("Train", "Train in grey", "Make it fast", "Try it", "Test it", "Keep it")
    strip = [page.index(f">{label}<") for label in labels]
    assert strip == sorted(strip)
    for other in ("Make the noise", "Report"):
        assert other not in page
    unmeasured = words(api, started(api, ready, evidence="none")["id"])
    assert ">Keep it<" in unmeasured
    for other in ("Try it", "Test it"):
        assert other not in unmeasured
    assert "Train in grey" not in words(api, started(api, ready)["id"])
    without_network = words(api, started(api, ready, method="em")["id"])
    for other in ("Train in grey", "Make it fast"):
        assert other not in without_network
    with service.db.write.begin() as session:
        assert leases.fail(session, claim, "The worker ran out of memory.")
    page = words(api, queued)
    assert "No generator could be trained on pets" in page
    assert f'href="{ready}#train">Go back and try again' in page
    canceled = started(api, ready)["id"]
    assert api.post(f"/jobs/{canceled}/cancel").status_code == 303
    page = words(api, canceled)
    assert "Stopped training a generator on pets" in page
    assert f'href="{ready}#train">Start another' in page
    for evidence, said in (("quick", "is on its card"), ("none", "was not measured")):
        done = started(api, ready, evidence=evidence)["id"]
        with service.db.write.begin() as session:
            assert leases.succeed(session, leases.claim(session, done, worker="test", lease_seconds=60))
        page = words(api, done)
        assert "pets: a generator was trained" in page
        assert said in page
        assert f'href="/generators#generator-{done}"' in page
