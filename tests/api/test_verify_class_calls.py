"""One protected class among clean ones, requested by REST and by the form."""

import json
from typing import Any

import httpx
import pytest

from core.specs.protected_class import MAX_NAMED_CLASSES
from tests.api.conftest import Service, assert_problem, request_job
from tests.api.test_verify_calls import MADE, verify
from tests.support.archives import zipped

FORM = {"architectures": "small", "trainings": "Linf-0", "countermeasures": "none", "scale": "quick", "seeds": "1"}


def made(api: httpx.Client, service: Service, dataset: dict[str, Any], classes: list[str], **spec: Any) -> str:
    """The id of a protect job of these classes that succeeded."""
    service.make_ready(dataset["id"], classes=[{"name": name, "images": 150} for name in classes])
    job = request_job(api, dataset["id"], **spec)
    service.succeed(job["id"], archive=zipped(), report=MADE)
    return str(job["id"])


@pytest.fixture
def target(api: httpx.Client, service: Service, dataset: dict[str, Any]) -> str:
    """The id of a protect job of two classes that succeeded."""
    return made(api, service, dataset, ["cats & co", "dogs"])


def refused_class(answer: httpx.Response, *said: str) -> str:
    found = assert_problem(answer, 422, *said)
    assert [error["field"] for error in found["errors"]] == ["spec.protected_class"]
    return str(found["errors"][0]["message"])


def test_the_protected_class_is_stored_and_shown(api: httpx.Client, target: str) -> None:
    answer = verify(api, target, protected_class="cats & co", trainings=[{"radius": 0}])
    assert answer.status_code == 202, answer.text
    spec = answer.json()["spec"]
    assert (spec["protected_class"], spec["percentages"]) == ("cats & co", [100])
    assert "only “cats &amp; co”" in api.get(f"/jobs/{answer.json()['id']}").text
    assert "Verification, quick: 1 row, only “cats &amp; co” protected" in api.get(f"/jobs/{target}").text
    assert verify(api, target).json()["spec"]["protected_class"] is None


def test_an_unknown_class_is_refused_with_the_known_ones(api: httpx.Client, service: Service, target: str) -> None:
    assert refused_class(verify(api, target, protected_class="cows")).endswith("of the dataset: cats & co, dogs")
    refused_class(verify(api, target, protected_class="Dogs"))
    body = json.dumps({"kind": "verify", "target_job_id": target, "spec": {"protected_class": "\ud800"}})
    refused_class(api.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"}), "cats & co")
    refused_class(verify(api, target, protected_class=""))
    refused_class(verify(api, target, protected_class=["dogs"]))


def test_the_error_names_only_some_of_many_classes(
    api: httpx.Client, service: Service, dataset: dict[str, Any]
) -> None:
    job = made(api, service, dataset, [f"c{n:03}" for n in range(MAX_NAMED_CLASSES + 7)])
    said = refused_class(verify(api, job, protected_class="c"))
    assert said.endswith(f"c{MAX_NAMED_CLASSES - 1:03} and 7 more")


def test_a_protected_class_is_refused_with_percentages_or_a_partial_protection(
    api: httpx.Client, service: Service, target: str, dataset: dict[str, Any]
) -> None:
    refused_class(verify(api, target, protected_class="dogs", percentages=[100, 80]), "percentages must be left out")
    alone = {"kind": "verify", "dataset_id": dataset["id"], "spec": {"protected_class": "dogs"}}
    refused_class(api.post("/v1/jobs", json=alone), "nothing in a dataset alone")
    part = request_job(api, dataset["id"], percentage=40)["id"]
    service.succeed(part, archive=zipped(), report=MADE)
    refused_class(verify(api, part, protected_class="dogs"), "only 40 %")
    assert 'name="protected_class"' not in api.get(f"/jobs/{part}").text


def test_the_form_offers_every_class(api: httpx.Client, target: str) -> None:
    page = api.get(f"/jobs/{target}").text
    assert '<option value="" selected>All classes are protected</option>' in page
    assert '<option value="cats &amp; co">Only “cats &amp; co”</option>' in page
    path = f"/jobs/{target}/verify"
    wrong = api.post(path, data=FORM | {"protected_class": "dogs", "percentages": ["100", "60"]})
    assert wrong.status_code == 422
    assert "Protected class: Is protected as a whole" in wrong.text
    assert '<option value="dogs" selected>' in wrong.text
    done = api.post(path, data=FORM | {"protected_class": "cats & co", "percentages": "100"})
    assert done.status_code == 303
    assert api.get(f"/v1{done.headers['location']}").json()["spec"]["protected_class"] == "cats & co"
    done = api.post(path, data=FORM | {"protected_class": "", "percentages": "100"})
    assert api.get(f"/v1{done.headers['location']}").json()["spec"]["protected_class"] is None


def test_the_schema_describes_the_protected_class(api: httpx.Client) -> None:
    key = api.get("/v1/spec").json()["verify_schema"]["properties"]["protected_class"]
    assert (key["type"], key["default"]) == (["string", "null"], None)
    assert "test images of this class alone" in key["description"]
