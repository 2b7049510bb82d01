"""Trained generators by REST and in the form: what is listed, what can be asked for, and what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.generators.shipped import shipped
from store import generators
from store import models as m
from tests.api.conftest import Service, asked, problem, sent
from tests.support.generator_rows import a_card, card_file

THREE = [{"name": name, "images": 2} for name in ("ant", "bee", "cow")]


@pytest.fixture
def generator(service: Service, tmp_path: Path) -> Iterator[str]:
    """The id of a generator for three classes, radius 16 and 6, that ships for as long as the test runs."""
    path = card_file(tmp_path / "drawn-32px.safetensors", radius_u=16, radius_a=6, measured={"standard": 0.2})
    generators.register_shipped(service.db, service.files, path.parent)
    yield path.stem
    with service.db.write.begin() as session:
        session.delete(session.get_one(m.Generator, path.stem))


@pytest.fixture
def ready(api: httpx.Client, service: Service) -> str:
    """The id of a dataset of three classes that was checked."""
    dataset = sent(api)
    service.make_ready(dataset["id"], classes=THREE)
    return str(dataset["id"])


def test_without_any_there_is_an_empty_list_and_no_choice(api: httpx.Client, ready: str) -> None:
    assert api.get("/v1/generators").json() == {"items": [], "next": None}
    assert "generator_id" not in api.get(f"/datasets/{ready}").text


def test_everybody_sees_them_with_their_cards(api: httpx.Client, other: httpx.Client, generator: str) -> None:
    one = api.get(f"/v1/generators/{generator}").json()
    card = a_card(radius_u=16, radius_a=6, measured={"standard": 0.2})
    assert (one["id"], one["name"], one["method"], one["radius_u"]) == (generator, "Drawn things", "sem", 16)
    assert (one["channels"], one["size"], one["classes"], one["architecture"]) == (3, 32, 3, "small")
    assert one["card"] == card.to_dict()
    assert other.get("/v1/generators?limit=1").json() == {"items": [one], "next": None}
    problem(api.get("/v1/generators/unknown"), 404, "generator")


def test_a_job_takes_what_the_generator_was_trained_for(api: httpx.Client, ready: str, generator: str) -> None:
    job = asked(api, ready, generator_id=generator, seed=4)
    fixed = {key: job["spec"][key] for key in ("generator_id", "method", "radius_u", "radius_a", "seed")}
    assert fixed == {"generator_id": generator, "method": "sem", "radius_u": 16, "radius_a": 6, "seed": 4}
    page = api.get(f"/jobs/{job['id']}").text
    assert generator in page
    assert "Learn the set" not in page


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
def test_what_cannot_be_asked_of_a_generator(
    api: httpx.Client, ready: str, generator: str, spec: dict[str, Any], field: str, said: str
) -> None:
    answer = api.post("/v1/jobs", json={"kind": "protect", "dataset_id": ready, "spec": spec})
    found = problem(answer, 422, said)
    assert [error["field"] for error in found["errors"]] == [field]


def test_a_dataset_of_too_many_classes_is_refused_once_they_are_known(
    api: httpx.Client, service: Service, generator: str
) -> None:
    dataset = sent(api)
    assert asked(api, dataset["id"], generator_id=generator)["state"] == "queued"  # it may still fit
    assert generator in api.get(f"/datasets/{dataset['id']}").text
    service.make_ready(dataset["id"], classes=[*THREE, {"name": "dog", "images": 2}])
    body = {"kind": "protect", "dataset_id": dataset["id"], "spec": {"generator_id": generator}}
    found = problem(api.post("/v1/jobs", json=body), 422, "tells 3 classes apart, and here are 4")
    assert found["errors"][0]["field"] == "spec.generator_id"
    assert generator not in api.get(f"/datasets/{dataset['id']}").text


def test_the_form_offers_it_and_starts_it(api: httpx.Client, ready: str, generator: str) -> None:
    page = api.get(f"/datasets/{ready}").text
    assert "Drawn things (SEM, strength 16, up to 3 classes, 32 x 32 pixels)" in page
    path = f"/datasets/{ready}/protect"
    wrong = api.post(path, data={"strength": "8", "radius_u": "8", "generator_id": generator})
    assert wrong.status_code == 422
    assert "Must be 16: the generator" in wrong.text
    assert f'<option value="{generator}" selected>' in wrong.text
    done = api.post(path, data={"strength": "8", "generator_id": generator})  # which brings its own strength
    assert done.status_code == 303
    spec = api.get(f"/v1{done.headers['location']}").json()["spec"]
    assert (spec["generator_id"], spec["method"], spec["radius_a"]) == (generator, "sem", 6)
    assert "no such generator" in api.post(path, data={"generator_id": "gone"}).text.lower()


def test_instant_takes_a_generator_that_ships_and_what_it_was_trained_for(api: httpx.Client, ready: str) -> None:
    job = asked(api, ready, preset="instant")
    assert {key: job["spec"][key] for key in ("preset", "method", "radius_u", "radius_a", "generator_id")} == {
        "preset": "instant",
        "method": "sem",
        "radius_u": 8,
        "radius_a": 4,
        "generator_id": None,
    }
    assert "Learn the set" not in api.get(f"/jobs/{job['id']}").text
    body = {"kind": "protect", "dataset_id": ready, "spec": {"preset": "instant", "radius_u": 16, "method": "em"}}
    found = problem(api.post("/v1/jobs", json=body), 422, "must be 8")
    assert [error["field"] for error in found["errors"]] == ["spec.method", "spec.radius_u"]
    chosen = api.post(f"/datasets/{ready}/protect", data={"preset": "instant", "strength": "16"}).text
    assert chosen.count("Must be 8: ") == 1, "where it was chosen, and not where nothing was typed"
    typed = api.post(f"/datasets/{ready}/protect", data={"preset": "instant", "strength": "8", "radius_u": "16"}).text
    assert typed.count("Must be 8: ") == 1


def test_instant_has_no_generator_for_very_many_classes(api: httpx.Client, service: Service) -> None:
    dataset, most = sent(api), max(one.card.classes for one in shipped())
    many = [{"name": f"class {n}", "images": 2} for n in range(most + 1)]
    service.make_ready(dataset["id"], classes=many)
    body = {"kind": "protect", "dataset_id": dataset["id"], "spec": {"preset": "instant"}}
    found = problem(api.post("/v1/jobs", json=body), 422, "Choose the preset quick instead")
    assert [error["field"] for error in found["errors"]] == ["spec.preset"]
