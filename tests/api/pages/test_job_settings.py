"""A job's page says what was asked in the words of the form: first how visible the noise may be."""

from api.pages.job_summary import request_summary
from api.pages.job_text import request_details
from core.specs.protect import ProtectSpec
from store import models as m


def details(**spec: object) -> dict[str, str]:
    job = m.Job(kind=m.PROTECT, spec=ProtectSpec.parse(spec).to_dict())
    return {label: str(value) for label, value in request_details(job)}


def test_the_one_decision_comes_first() -> None:
    found = details(preset="instant", visibility="strong")
    assert next(iter(found.items())) == ("How visible", "strong on photographs")
    assert (found["Thoroughness"], found["Format"]) == ("Instant", "as uploaded")
    assert found["Method"].startswith("textures for photographs")


def test_the_settings_of_the_paper_have_no_target() -> None:
    found = details(preset="paper")
    assert "How visible" not in found
    assert found["Method"] == "the preset’s"


def test_the_classes_beside_an_album_are_named_without_an_id() -> None:
    assert "Classes beside the album" in details(reference_dataset_id="abc")
    job = m.Job(kind=m.PROTECT, spec=ProtectSpec(reference_dataset_id="abc").to_dict())
    assert request_summary(job) == "Quick, balanced, beside classes of another dataset"
