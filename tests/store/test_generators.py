"""Trained generators as rows and stored files: shipped ones are registered once, and requested by id."""

import hashlib
from pathlib import Path

import pytest

from core.errors import BadInput, SpecError
from core.specs.protect import ProtectSpec
from store import generators
from store import models as m
from store.database import Database
from store.object_store import ObjectStore, open_object_store
from store.settings import Settings
from tests.support.generator_rows import a_card, card_file
from tests.support.rows import dataset_of, new_dataset, new_job


@pytest.fixture
def files(each_settings: Settings) -> ObjectStore:
    return open_object_store(each_settings)


def the_row(database: Database, id_: str = "drawn-32px") -> m.Generator:
    with database.read() as session:
        return session.get_one(m.Generator, id_)


def test_a_shipped_generator_is_registered_once_under_the_name_of_its_file(
    each_database: Database, files: ObjectStore, tmp_path: Path
) -> None:
    path = card_file(tmp_path / "drawn-32px.safetensors")
    assert generators.register_shipped(each_database, files, tmp_path) == ["drawn-32px"]
    row = the_row(each_database)
    assert (row.name, row.method, row.architecture, row.channels) == ("Drawn things", "sem", "small", 3)
    assert (row.size, row.classes, row.radius_u, row.radius_a, row.job_id) == (32, 3, 8, 4, None)
    assert row.card == a_card().to_dict()
    assert files.load(row.file_key) == path.read_bytes()
    assert (row.bytes, row.sha256) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    assert generators.register_shipped(each_database, files, tmp_path) == []
    files.delete(row.file_key)
    generators.register_shipped(each_database, files, tmp_path)
    assert files.exists(row.file_key)


def test_a_newer_file_updates_the_row(each_database: Database, files: ObjectStore, tmp_path: Path) -> None:
    card_file(tmp_path / "drawn-32px.safetensors")
    generators.register_shipped(each_database, files, tmp_path)
    before = the_row(each_database)
    card_file(tmp_path / "drawn-32px.safetensors", name="Better", measured={"standard": 0.2})
    assert generators.register_shipped(each_database, files, tmp_path) == ["drawn-32px"]
    after = the_row(each_database)
    assert (after.id, after.created_at, after.name) == (before.id, before.created_at, "Better")
    assert after.card["measured"] == {"standard": 0.2}
    assert after.file_key != before.file_key
    assert files.exists(before.file_key)  # a running job may still fetch it


def test_a_file_that_is_no_generator_is_not_registered(
    each_database: Database, files: ObjectStore, tmp_path: Path
) -> None:
    (tmp_path / "bad.safetensors").write_text("nothing of the kind")
    with pytest.raises(BadInput, match=r"bad\.safetensors"):
        generators.register_shipped(each_database, files, tmp_path)
    with each_database.read() as session:
        assert session.get(m.Generator, "bad") is None


def test_a_generator_outlives_the_job_that_made_it(each_database: Database, files: ObjectStore, tmp_path: Path) -> None:
    job_id = new_job(each_database)
    stored = generators.store_file(files, "made", card_file(tmp_path / "made.safetensors"))
    with each_database.write.begin() as session:
        generators.upsert(session, "made", stored, job_id=job_id)
    assert the_row(each_database, "made").job_id == job_id
    with each_database.write.begin() as session:
        session.delete(session.get_one(m.Job, job_id))
    assert the_row(each_database, "made").job_id is None


def test_a_spec_takes_method_and_radii_from_its_generator(
    each_database: Database, files: ObjectStore, tmp_path: Path
) -> None:
    card_file(tmp_path / "drawn-32px.safetensors", radius_u=16, radius_a=10)
    generators.register_shipped(each_database, files, tmp_path)
    with each_database.read() as session:
        spec = generators.parse_spec(session, {"generator_id": "drawn-32px", "seed": 3})
        own = {"generator_id": "drawn-32px", "method": "sem", "radius_u": 16, "radius_a": 10, "seed": 3}
        assert spec == ProtectSpec(**own)
        assert generators.parse_spec(session, spec.to_dict()) == spec
        assert generators.parse_spec(session, {"generator_id": None}) == ProtectSpec()
        for fields, field in (
            ({"generator_id": "other"}, "generator_id"),
            ({"generator_id": "a\0b"}, "generator_id"),
            ({"generator_id": 5}, "generator_id"),
            ({"generator_id": "drawn-32px", "radius_u": 8}, "radius_u"),
            ({"generator_id": "drawn-32px", "method": "em"}, "method"),
        ):
            with pytest.raises(SpecError) as refused:
                generators.parse_spec(session, fields)
            assert [e.field for e in refused.value.errors] == [field]


def test_only_compatible_generators_can_be_chosen(each_database: Database, files: ObjectStore, tmp_path: Path) -> None:
    card_file(tmp_path / "drawn-32px.safetensors")
    generators.register_shipped(each_database, files, tmp_path)
    spec = ProtectSpec(method="sem", radius_a=4, generator_id="drawn-32px")
    for state, classes, fits in ((m.READY, 3, True), (m.READY, 4, False), (m.CHECKING, 0, True)):
        found = [{"name": str(n), "images": 2} for n in range(classes)]
        dataset = dataset_of(each_database, new_dataset(each_database, state=state, classes=found))
        with each_database.read() as session:
            assert bool(generators.compatible_generators(session, dataset)) == fits
            if fits:
                generators.check_compatibility(session, spec, dataset)
                continue
            with pytest.raises(SpecError, match="was trained on 3 classes, and this dataset has 4"):
                generators.check_compatibility(session, spec, dataset)
