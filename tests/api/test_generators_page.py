"""The page for generators: what each is, where it came from, what was measured; for everybody who is signed in."""

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

Make = Callable[..., str]


@pytest.fixture
def make(service: Service, tmp_path: Path) -> Iterator[Make]:
    """Makes generators that are there for as long as the test runs; ids of shipped ones are `drawn-N`."""
    made: list[str] = []

    def one(*, id_: str | None = None, job_id: str | None = None, **card: Any) -> str:
        name = id_ or f"drawn-{len(made)}"
        path = card_file(tmp_path / f"{name}.safetensors", **card)
        with service.db.write.begin() as session:
            generators.upsert(session, name, generators.store_file(service.files, name, path), job_id=job_id)
        made.append(name)
        return name

    yield one
    with service.db.write.begin() as session:
        for name in made:
            session.delete(session.get_one(m.Generator, name))


class Page(HTMLParser):
    """The words of a page, and its table rows as lists of words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.words: list[str] = []
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._cell:
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        """All words, with single spaces."""
        return " ".join("".join(self.words).split())


def look(client: httpx.Client) -> Page:
    answer = client.get("/generators")
    assert answer.status_code == 200
    return Page(answer.text)


def test_it_is_for_who_is_signed_in(service: Service) -> None:
    refused = service.client().get("/generators", headers={"Accept": "text/html"})
    assert (refused.status_code, refused.headers["location"]) == (303, "/sign-in")


def test_without_any_it_says_what_to_do(api: httpx.Client, other: httpx.Client) -> None:
    assert "choose “Train a generator”, or run unteachable train" in look(api).text
    assert "Ask an admin to train one" in look(other).text
    assert '<a href="/generators" aria-current="page">' in api.get("/generators").text
    assert '<a href="/generators">' in api.get("/").text


def test_it_says_what_a_generator_is(other: httpx.Client, make: Make) -> None:
    make(name="Drawn <things>", radius_u=16, radius_a=6, data="sketches", channels=1, images=1234)
    text = look(other).text
    for said in ("Drawn <things>", "sketches", "1,234, grey", "32 × 32 px", "SEM: stable", "16 of 255", "6 of 255"):
        assert said in text, said
    for said in ("Quick", "01 Jan 2026, 00:00 UTC", "CPU, 2 cores", "ant, bee, cow", "Shipped with the service"):
        assert said in text, said
    assert "unteachable train drawn drawn.safetensors" in text
    assert "by a search for each picture" in text
    make(name="Quick one", network_updates=9)
    assert "at once" in look(other).text
    assert "judged in grey" not in look(other).text
    make(name="Grey one", network_updates=9, grey_updates=6)
    assert "at once, judged in grey, too" in look(other).text
    assert "Nothing was measured. The report of each protection" in text


def test_figures_are_a_table_in_one_order(api: httpx.Client, make: Make) -> None:
    make(measured=MEASURED)
    page = look(api)
    assert page.rows == [
        ["Learned from", "Standard training", "AT 2/255", "AT 4/255"],
        ["The originals, unprotected", "38.4", "33.0", "30.6"],
        ["Noise trained on these pictures themselves", "27.2", "29.8", "–not measured"],
        ["This generator’s noise", "15.6", "20.2", "30.6"],
    ]
    assert "Strange things. Test accuracy in per cent" in page.text
    caption = "lower is better protected, and 25 is chance. Data: tiny, 4 classes, 3,000 training pictures, 500 test"
    assert caption in page.text
    assert "seed 3" in page.text
    assert "Under AT 4/255 this generator’s noise lowered nothing here." in page.text
    assert "The report of each protection" not in page.text


def test_why_nothing_could_be_measured_is_said(api: httpx.Client, make: Make) -> None:
    make(measured={"the pictures that it was trained on": {"note": "too few pictures: 3 could be held out"}})
    text = look(api).text
    assert "The pictures that it was trained on: Too few pictures: 3 could be held out. The report of each" in text
    assert "Nothing was measured." not in text


@pytest.mark.parametrize("figures", [0.2, {"test_accuracy_percent": [1]}, {"test_accuracy_percent": {"a": {"b": 1}}}])
def test_figures_in_another_form_are_shown_as_they_are(api: httpx.Client, make: Make, figures: Any) -> None:
    make(measured={"elsewhere": figures, **MEASURED})
    page = look(api)
    assert len(page.rows) == 4
    assert '"elsewhere"' in page.text


def test_a_jobs_generator_leads_its_owner_to_the_job(
    api: httpx.Client, other: httpx.Client, service: Service, make: Make, dataset: dict[str, Any]
) -> None:
    body = {"kind": "train", "dataset_id": dataset["id"], "spec": {"name": "Night"}}
    job = api.post("/v1/jobs", json=body).json()["id"]
    service.make_ready(dataset["id"])
    with service.db.write.begin() as session:
        claim = leases.claim(session, job, worker="test", lease_seconds=60)
        assert claim is not None
        assert leases.succeed(session, claim)
    make(id_=job, job_id=job, command=f"train job {job}", name="Night", data="a dir")
    mine, theirs = api.get("/generators").text, other.get("/generators").text
    assert f'href="/jobs/{job}"' in mine
    assert f'href="/jobs/{job}"' not in theirs
    assert "Trained here by an admin’s job" in theirs
    assert f"train job {job}" not in mine
    command = (
        "unteachable train 'a dir' OUT.safetensors --name Night --preset quick --method sem --radius-u 8 --radius-a 4"
    )
    assert command in html.unescape(mine)
    assert "--grey" not in mine
    make(id_="judged", job_id=job, command=f"train job {job}", network_updates=5, grey_updates=5)
    assert "--seed 0 --grey --evidence none" in api.get("/generators").text
    assert "--seed 0 --evidence none" in mine  # nothing was measured, so nothing was held out
    assert f"/generators#generator-{job}" in api.get(f"/jobs/{job}").text
    assert f'id="generator-{job}"' in mine
    assert api.delete(f"/v1/jobs/{job}").status_code == 204
    assert "Trained here by a job that was deleted" in look(api).text
