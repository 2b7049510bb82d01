"""The page of the trained generators, which every signed-in user sees."""

import html
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from store import generators, leases
from store import models as m
from tests.api.conftest import Service
from tests.support.generator_rows import card_file

MEASURED = {
    "strange things": {
        "data": "tiny",
        "classes": 4,
        "seed": 3,
        "training_images": 3000,
        "test_images": 500,
        "test_accuracy_percent": {
            "the generator": {"0": 15.6, "2": 20.24, "4": 30.6},
            "the originals": {"0": 38.4, "2": 33.0, "4": 30.6},
            "trained on these": {"0": 27.2, "2": 29.8},
        },
    }
}

AddGenerator = Callable[..., str]


@pytest.fixture
def add_generator(service: Service, tmp_path: Path) -> Iterator[AddGenerator]:
    """Adds a generator with an id, the job that trained it and fields of its card; deletes it after the test."""
    ids: list[str] = []

    def add(*, id_: str | None = None, job_id: str | None = None, **card: Any) -> str:
        generator_id = id_ or f"drawn-{len(ids)}"
        path = card_file(tmp_path / f"{generator_id}.safetensors", **card)
        with service.db.write.begin() as session:
            stored = generators.store_file(service.files, generator_id, path)
            generators.upsert(session, generator_id, stored, job_id=job_id)
        ids.append(generator_id)
        return generator_id

    yield add
    with service.db.write.begin() as session:
        for generator_id in ids:
            session.delete(session.get_one(m.Generator, generator_id))


class PageText(HTMLParser):
    """The text of a page, and the cells of its table rows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._parts: list[str] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        self._parts.append(data)
        if self._in_cell:
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        """All text, with single spaces."""
        return " ".join("".join(self._parts).split())


def open_page(client: httpx.Client) -> PageText:
    response = client.get("/generators")
    assert response.status_code == 200
    return PageText(response.text)


def test_page_needs_a_signed_in_user(service: Service) -> None:
    response = service.client().get("/generators", headers={"Accept": "text/html"})
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in")


def test_page_without_generators_says_how_to_train_one(api: httpx.Client, other: httpx.Client) -> None:
    assert "choose “Train a generator”, or run unteachable train" in open_page(api).text
    assert "Ask an admin to train one" in open_page(other).text
    assert '<a href="/generators" aria-current="page">' in api.get("/generators").text
    assert '<a href="/generators">' in api.get("/").text


def test_card_is_shown(other: httpx.Client, add_generator: AddGenerator) -> None:
    add_generator(name="Drawn <things>", radius_u=16, radius_a=6, data="sketches", channels=1, images=1234)
    text = open_page(other).text
    facts = ("Drawn <things>", "sketches", "1,234, greyscale", "32 × 32 px", "SEM: stable", "16 of 255", "6 of 255")
    for fact in (*facts, "Quick", "01 Jan 2026, 00:00 UTC", "CPU, 2 cores", "ant, bee, cow", "Part of the service"):
        assert fact in text, fact
    assert "unteachable train drawn drawn.safetensors" in text
    assert "Nothing was measured. The report of each protection" in text


def test_page_says_how_a_generator_makes_noise(other: httpx.Client, add_generator: AddGenerator) -> None:
    add_generator()
    assert "by a search for each image" in open_page(other).text
    add_generator(network_updates=9)
    assert "in one pass of a network" in open_page(other).text
    assert "also trained on greyscale" not in open_page(other).text
    add_generator(network_updates=9, grey_updates=6)
    assert "in one pass of a network, also trained on greyscale" in open_page(other).text


def test_figures_are_a_table_in_a_fixed_order(api: httpx.Client, add_generator: AddGenerator) -> None:
    add_generator(measured=MEASURED)
    page = open_page(api)
    assert page.rows == [
        ["Trained on", "Standard training", "AT 2/255", "AT 4/255"],
        ["The unprotected originals", "38.4", "33.0", "30.6"],
        ["Noise trained on these images themselves", "27.2", "29.8", "–not measured"],
        ["This generator’s noise", "15.6", "20.2", "30.6"],
    ]
    assert "Strange things. Test accuracy in per cent. Lower means better protection. Chance is 25." in page.text
    assert "Data: tiny, 4 classes, 3,000 training images, 500 test images, seed 3" in page.text
    assert "With AT 4/255, this generator’s noise did not lower the accuracy." in page.text
    assert "The report of each protection" not in page.text


def test_page_says_why_nothing_could_be_measured(api: httpx.Client, add_generator: AddGenerator) -> None:
    add_generator(measured={"the images that it was trained on": {"note": "too few images: 3 could be held out"}})
    text = open_page(api).text
    assert "The images that it was trained on: Too few images: 3 could be held out. The report of each" in text
    assert "Nothing was measured." not in text


@pytest.mark.parametrize("figures", [0.2, {"test_accuracy_percent": [1]}, {"test_accuracy_percent": {"a": {"b": 1}}}])
def test_figures_in_another_form_are_shown_as_json(
    api: httpx.Client, add_generator: AddGenerator, figures: Any
) -> None:
    add_generator(measured={"elsewhere": figures, **MEASURED})
    page = open_page(api)
    assert len(page.rows) == 4
    assert '"elsewhere"' in page.text


def test_generator_of_a_job_links_its_owner_to_the_job(
    api: httpx.Client, other: httpx.Client, service: Service, add_generator: AddGenerator, dataset: dict[str, Any]
) -> None:
    body = {"kind": "train", "dataset_id": dataset["id"], "spec": {"name": "Night"}}
    job_id = api.post("/v1/jobs", json=body).json()["id"]
    service.make_ready(dataset["id"])
    with service.db.write.begin() as session:
        claim = leases.claim(session, job_id, worker="test", lease_seconds=60)
        assert claim is not None
        assert leases.succeed(session, claim)
    add_generator(id_=job_id, job_id=job_id, command=f"train job {job_id}", name="Night", data="a dir")
    own_page, other_page = api.get("/generators").text, other.get("/generators").text
    assert f'href="/jobs/{job_id}"' in own_page
    assert f'href="/jobs/{job_id}"' not in other_page
    assert "Trained here by a job of an admin" in other_page
    assert f"/generators#generator-{job_id}" in api.get(f"/jobs/{job_id}").text
    assert f'id="generator-{job_id}"' in own_page
    assert api.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert "Trained here by a job that was deleted" in open_page(api).text


def test_generator_of_a_job_shows_the_equivalent_command(api: httpx.Client, add_generator: AddGenerator) -> None:
    job_command = "train job drawn-0"
    add_generator(command=job_command, name="Night", data="a dir")
    page = html.unescape(api.get("/generators").text)
    assert job_command not in page
    assert (
        "unteachable train 'a dir' OUT.safetensors --name Night --preset quick --method sem --radius-u 8 --radius-a 4"
    ) in page
    assert "--grey" not in page
    assert "--seed 0 --evidence none" in page  # nothing was measured, so no images were held out
    add_generator(command="train job drawn-1", network_updates=5, grey_updates=5)
    assert "--seed 0 --grey --evidence none" in html.unescape(api.get("/generators").text)
