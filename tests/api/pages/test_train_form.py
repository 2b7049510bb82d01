"""The "Train a generator" form: its options, the job that it starts, and who may use it."""

from typing import Any

import httpx

from core.specs.protect import EVIDENCE_AMOUNTS, INSTANT, METHODS, METHODS_WITHOUT_SURROGATE, TRAINING_PRESETS
from core.specs.train import TrainSpec
from store import models as m
from tests.api.conftest import Service, upload_dataset

FORM = 'id="train-form"'


def start_training(client: httpx.Client, dataset_path: str, **fields: str) -> dict[str, Any]:
    """Submit the form; the job that it starts."""
    response = client.post(f"{dataset_path}/train", data=fields)
    assert response.status_code == 303, response.text
    job: dict[str, Any] = client.get(f"/v1{response.headers['location']}").json()
    return job


def test_form_has_the_options_of_training(api: httpx.Client, dataset_path: str) -> None:
    page = api.get(dataset_path).text
    form = page[page.index(FORM) :]
    for value in (*TRAINING_PRESETS, *EVIDENCE_AMOUNTS, *(set(METHODS) - set(METHODS_WITHOUT_SURROGATE))):
        assert f'value="{value}"' in form, value
    for value in (INSTANT, *METHODS_WITHOUT_SURROGATE):
        assert f'value="{value}"' not in form, value
    assert 'placeholder="pets' in form


def test_unchanged_form_asks_for_the_default_spec(api: httpx.Client, dataset_path: str) -> None:
    fields = {"name": "", "preset": "quick", "method": "", "radius_u": "8", "radius_a": "", "seed": "0"}
    job = start_training(api, dataset_path, **fields)
    assert (job["kind"], job["state"], job["spec"]) == ("train", "queued", TrainSpec().to_dict())
    greyscale = start_training(api, dataset_path, grey="true")
    assert greyscale["spec"] == TrainSpec(grey=True).to_dict()
    assert "<dt>Greyscale</dt><dd>also trained on greyscale</dd>" in api.get(f"/jobs/{greyscale['id']}").text


def test_form_asks_for_the_same_spec_as_the_rest_interface(api: httpx.Client, dataset_path: str) -> None:
    fields = {"name": " Night ", "preset": "standard", "method": "em", "radius_u": "12", "radius_a": "3", "seed": "5"}
    fields["evidence"] = "full"
    spec = {"name": "Night", "preset": "standard", "method": "em", "radius_u": 12, "radius_a": 3, "evidence": "full"}
    spec |= {"seed": 5, "grey": False}
    rest_request = {"kind": "train", "dataset_id": dataset_path.rpartition("/")[2], "spec": spec}
    job = start_training(api, dataset_path, **fields)
    assert job["spec"] == api.post("/v1/jobs", json=rest_request).json()["spec"] == spec
    page = api.get(f"/jobs/{job['id']}").text
    assert "<dt>Name</dt><dd>Night</dd>" in page
    assert "<dt>Measurement</dt><dd>full</dd>" in page
    assert "Generator “Night”: Standard, strength 12 of 255, EM" in api.get(dataset_path).text


def test_form_with_errors_is_shown_again_with_its_values(api: httpx.Client, dataset_path: str) -> None:
    fields = {"name": "x" * 201, "preset": "quick", "method": "ntga", "radius_u": "8", "radius_a": "8", "seed": "many"}
    response = api.post(f"{dataset_path}/train", data=fields)
    assert response.status_code == 422
    for name in ("name", "method", "seed"):
        assert f'id="train-{name}-error"' in response.text, name
    assert "<details open>" in response.text[response.text.index('id="train"') :]
    assert 'value="many"' in response.text
    assert "x" * 201 in response.text
    assert "trains no network" in response.text
    protect_form = response.text[response.text.index('id="protect-form"') : response.text.index(FORM)]
    assert "aria-invalid" not in protect_form
    equal_radii = api.post(f"{dataset_path}/train", data={"radius_u": "8", "radius_a": "8"})
    assert "section 4.2" in equal_radii.text
    greyscale = api.post(f"{dataset_path}/train", data={"method": "em", "grey": "true"}).text
    assert "Needs the method sem and the preset quick" in greyscale
    assert 'id="train-grey" name="grey" value="true" checked' in greyscale
    assert "Jobs of this dataset" not in api.get(dataset_path).text


def test_errors_of_the_protect_form_do_not_appear_here(api: httpx.Client, dataset_path: str) -> None:
    response = api.post(f"{dataset_path}/protect", data={"strength": "8", "seed": "-1"})
    assert 'id="seed-error"' in response.text
    assert 'id="train-seed-error"' not in response.text


def test_only_admins_may_train(api: httpx.Client, other: httpx.Client, service: Service, dataset_path: str) -> None:
    dataset = upload_dataset(other)
    service.make_ready(dataset["id"])
    other_path = f"/datasets/{dataset['id']}"
    assert FORM not in other.get(other_path).text
    assert other.post(f"{other_path}/train", data={"radius_u": "0"}).status_code == 403
    assert other.post(f"{dataset_path}/train").status_code == 404
    assert api.post(f"{other_path}/train").status_code == 404
    assert other.get("/v1/jobs").json()["items"] == []


def test_form_of_another_site_is_refused(api: httpx.Client, service: Service, dataset_path: str) -> None:
    browser = service.client()
    token = api.headers["authorization"].removeprefix("Bearer ")
    signed_in = browser.post("/sign-in", data={"token": token}, headers={"Sec-Fetch-Site": "same-origin"})
    assert signed_in.status_code == 303
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 303)):
        response = browser.post(f"{dataset_path}/train", headers={"Sec-Fetch-Site": site})
        assert response.status_code == status, site


def test_rejected_dataset_has_no_form(api: httpx.Client, service: Service) -> None:
    dataset = upload_dataset(api)
    with service.db.write.begin() as session:
        row = session.get_one(m.Dataset, dataset["id"])
        row.state, row.error = m.REJECTED, "It has no images."
    assert FORM not in api.get(f"/datasets/{dataset['id']}").text
    assert api.post(f"/datasets/{dataset['id']}/train").status_code == 409
