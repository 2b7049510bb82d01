"""Trained generators by REST and in the form: what is listed, what is accepted, and what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.generators.shipped import shipped_generators
from store import generators
from store import models as m
from tests.api.conftest import Service, assert_problem, request_job, upload_dataset
from tests.support.generator_rows import a_card, card_file

THREE = [{"name": name, "images": 2} for name in ("ant", "bee", "cow")]


@pytest.fixture
def generator(service: Service, tmp_path: Path) -> Iterator[str]:
    """The id of a generator for three classes and the radii 16 and 6, which is shipped during the test."""
    path = card_file(tmp_path / "drawn-32px.safetensors", radius_u=16, radius_a=6, measured={"standard": 0.2})
    generators.register_shipped(service.db, service.files, path.parent)
    yield path.stem
    with service.db.write.begin() as session:
        session.delete(session.get_one(m.Generator, path.stem))


@pytest.fixture
def ready(api: httpx.Client, service: Service) -> str:
    """The id of a ready dataset of three classes."""
    dataset = upload_dataset(api)
    service.make_ready(dataset["id"], classes=THREE)
    return str(dataset["id"])


def test_without_generators_the_list_is_empty_and_the_form_offers_none(api: httpx.Client, ready: str) -> None:
    assert api.get("/v1/generators").json() == {"items": [], "next": None}
    assert "generator_id" not in api.get(f"/datasets/{ready}").text


def test_every_user_sees_the_generators_with_their_cards(
    api: httpx.Client, other: httpx.Client, generator: str
) -> None:
    one = api.get(f"/v1/generators/{generator}").json()
    card = a_card(radius_u=16, radius_a=6, measured={"standard": 0.2})
    assert (one["id"], one["name"], one["method"], one["radius_u"]) == (generator, "Drawn things", "sem", 16)
    assert (one["channels"], one["size"], one["classes"], one["architecture"]) == (3, 32, 3, "small")
    assert one["card"] == card.to_dict()
    assert other.get("/v1/generators?limit=1").json() == {"items": [one], "next": None}
    assert_problem(api.get("/v1/generators/unknown"), 404, "generator")


def test_a_job_takes_the_settings_of_its_generator(api: httpx.Client, ready: str, generator: str) -> None:
    job = request_job(api, ready, generator_id=generator, seed=4)
    fixed = {key: job["spec"][key] for key in ("generator_id", "method", "radius_u", "radius_a", "seed")}
    assert fixed == {"generator_id": generator, "method": "sem", "radius_u": 16, "radius_a": 6, "seed": 4}
    page = api.get(f"/jobs/{job['id']}").text
    assert generator in page
    assert ">Train a model<" not in page


@pytest.mark.parametrize(
    ("spec", "field", "said"),
    [
        ({"generator_id": "unknown"}, "spec.generator_id", "no such generator"),
        ({"generator_id": 7}, "spec.generator_id", "must be the id of a generator"),
        ({"generator_id": "a b"}, "spec.generator_id", "must be the id of a generator"),
        ({"generator_id": "drawn-32px", "radius_u": 8}, "spec.radius_u", "must be 16"),
        ({"generator_id": "drawn-32px", "method": "rem"}, "spec.method", "must be sem"),
        ({"generator_id": "drawn-32px", "seed": -1}, "spec.seed", "whole number"),
    ],
)
def test_settings_that_do_not_fit_the_generator_are_refused(
    api: httpx.Client, ready: str, generator: str, spec: dict[str, Any], field: str, said: str
) -> None:
    answer = api.post("/v1/jobs", json={"kind": "protect", "dataset_id": ready, "spec": spec})
    found = assert_problem(answer, 422, said)
    assert [error["field"] for error in found["errors"]] == [field]


def test_a_dataset_with_too_many_classes_is_refused_once_they_are_known(
    api: httpx.Client, service: Service, generator: str
) -> None:
    dataset = upload_dataset(api)
    assert request_job(api, dataset["id"], generator_id=generator)["state"] == "queued"  # its classes are not known yet
    offered = f'<option value="{generator}"'
    assert offered in api.get(f"/datasets/{dataset['id']}").text
    service.make_ready(dataset["id"], classes=[*THREE, {"name": "dog", "images": 2}])
    body = {"kind": "protect", "dataset_id": dataset["id"], "spec": {"generator_id": generator}}
    found = assert_problem(api.post("/v1/jobs", json=body), 422, "was trained on 3 classes, and this dataset has 4")
    assert found["errors"][0]["field"] == "spec.generator_id"
    assert offered not in api.get(f"/datasets/{dataset['id']}").text


def test_the_form_offers_a_generator_and_starts_a_job_with_it(api: httpx.Client, ready: str, generator: str) -> None:
    page = api.get(f"/datasets/{ready}").text
    assert "Drawn things (SEM, strength 16, up to 3 classes, 32 x 32 pixels)" in page
    path = f"/datasets/{ready}/protect"
    wrong = api.post(path, data={"strength": "8", "radius_u": "8", "generator_id": generator})
    assert wrong.status_code == 422
    assert "Must be 16: the generator" in wrong.text
    assert f'<option value="{generator}" selected>' in wrong.text
    done = api.post(path, data={"strength": "8", "generator_id": generator})  # the generator has its own strength
    assert done.status_code == 303
    spec = api.get(f"/v1{done.headers['location']}").json()["spec"]
    assert (spec["generator_id"], spec["method"], spec["radius_a"]) == (generator, "sem", 6)
    assert "no such generator" in api.post(path, data={"generator_id": "gone"}).text.lower()


def test_instant_takes_a_shipped_generator_and_its_settings(api: httpx.Client, ready: str) -> None:
    undecided = request_job(api, ready, preset="instant")
    assert undecided["spec"]["method"] is None, "photographs get textures, and small images a shipped generator"
    job = request_job(api, ready, preset="instant", method="sem")
    assert {key: job["spec"][key] for key in ("preset", "method", "radius_u", "radius_a", "generator_id")} == {
        "preset": "instant",
        "method": "sem",
        "radius_u": 8,
        "radius_a": 4,
        "generator_id": None,
    }
    assert ">Train a model<" not in api.get(f"/jobs/{job['id']}").text
    body = {"kind": "protect", "dataset_id": ready, "spec": {"preset": "instant", "radius_u": 16, "method": "em"}}
    found = assert_problem(api.post("/v1/jobs", json=body), 422, "must be 8")
    assert [error["field"] for error in found["errors"]] == ["spec.method", "spec.radius_u"]
    fields = {"preset": "instant", "method": "sem", "radius_u": "16"}
    typed = api.post(f"/datasets/{ready}/protect", data=fields).text
    assert typed.count("Must be 8: ") == 1


def test_instant_with_a_method_is_refused_for_too_many_classes(api: httpx.Client, service: Service) -> None:
    dataset, most = upload_dataset(api), max(one.card.classes for one in shipped_generators())
    many = [{"name": f"class {n}", "images": 2} for n in range(most + 1)]
    service.make_ready(dataset["id"], classes=many)
    body = {"kind": "protect", "dataset_id": dataset["id"], "spec": {"preset": "instant", "method": "sem"}}
    found = assert_problem(api.post("/v1/jobs", json=body), 422, "Choose the preset quick instead")
    assert [error["field"] for error in found["errors"]] == ["spec.preset"]
