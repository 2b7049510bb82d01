"""The line on a job's card: two jobs with other settings have other lines."""

from typing import Any

import httpx
import pytest

from api.pages.job_summary import request_summary
from core.specs.protect import ProtectSpec
from store import models as m
from tests.api.conftest import Service, request_job, upload_dataset

CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"preset": "standard"},
    {"method": "rem"},
    {"radius_u": 6},
    {"radius_a": 2},
    {"eot": False},
    {"percentage": 60},
    {"evidence": "none"},
    {"evidence": "full"},
    {"evidence_minutes": 9},
    {"evidence_minutes": 0},
    {"seed": 7},
    {"keep_exif": True},
    {"generator_id": "tiny-imagenet-64"},
    *({"format": name} for name in ("png", "same") if name != ProtectSpec().format),
)


def line(spec: dict[str, Any], kind: str = m.PROTECT) -> str:
    """The line of a job with this spec."""
    return request_summary(m.Job(kind=kind, spec=spec))


def test_every_setting_makes_a_different_line() -> None:
    lines = [line(ProtectSpec.parse(change).to_dict()) for change in CHANGES]
    assert len(set(lines)) == len(CHANGES), lines


@pytest.mark.parametrize("name", list(ProtectSpec().to_dict()))
def test_a_setting_that_has_no_words_is_still_named(name: str) -> None:
    default = ProtectSpec().to_dict()
    known = {"preset": "standard", "evidence": "full", "visibility": "subtle"}
    value = known.get(name, f"other than {default[name]}")
    assert line(default | {name: value}) != line(default)


def test_the_start_page_tells_two_protections_of_one_dataset_apart(api: httpx.Client, service: Service) -> None:
    dataset = upload_dataset(api)
    service.make_ready(dataset["id"])
    for evidence in ("none", "quick"):
        request_job(api, dataset["id"], evidence=evidence, seed=41)
    page = api.get("/", headers={"Accept": "text/html"}).text
    assert "not measured, seed 41" in page
    assert page.count("seed 41") == 2
