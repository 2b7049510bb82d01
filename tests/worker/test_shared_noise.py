"""Two real workers and the noise of one protection: its bytes stay the same, and a killed worker costs one shard."""

import io
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.noise import shards
from core.specs.presets import PRESETS
from store import models as m
from store.object_keys import checkpoint_prefix
from store.settings import Settings
from tests.support.helping_workers import count_claimed_pieces, helped, kill_child, roles, start_pair
from tests.support.processes import Command
from tests.support.rows import job_of, new_job
from tests.support.waiting import wait_until
from tests.support.workers import Start, count_claims, enqueue, wait_for_state
from tests.worker.conftest import Upload
from worker.context import WorkerContext
from worker.executor import run_job

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]
PROTECTION = {"method": "em", "radius_u": 6, "radius_a": 3, "evidence": "none"}
SMALL_SHARDS = """
from dataclasses import replace
from core.noise import shards
from core.specs.presets import PRESETS, QUICK
shards.SHARD = 20
em = QUICK.noise["em"]
PRESETS["quick"] = replace(QUICK, noise=QUICK.noise | {"em": replace(em, final=replace(em.final, outer_steps=200))})
"""
SHARDS, IMAGES = 8, 150


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, make_settings: Callable[..., Settings]) -> Settings:
    """A lease that lasts while two processes import torch on a busy machine; one that is killed is noticed at once."""
    if request.param == "sqlite":
        return make_settings(lease_seconds=30)
    url = request.getfixturevalue("postgres_database")
    return make_settings(lease_seconds=30, database_url=url, secret_keys="0123456789abcdef0123456789abcdef")


@pytest.fixture(autouse=True)
def small_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard takes a second or two, in this process and in those that it starts."""
    monkeypatch.setitem(PRESETS, "quick", PRESETS["quick"])  # both are restored after the test
    monkeypatch.setattr(shards, "SHARD", shards.SHARD)
    exec(SMALL_SHARDS, {})
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SMALL_SHARDS)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.fixture
def dataset(context: WorkerContext, upload: Upload) -> str:
    """A dataset of 150 images."""
    dataset_id, check = upload(classes=3, per_class=50)
    run_job(context, check)
    return dataset_id


@pytest.fixture
def expected(context: WorkerContext, dataset: str, generator: m.Generator) -> dict[str, bytes]:
    """The protected images that one process makes alone."""
    id_ = new_protection(context, dataset, generator)
    run_job(context, id_)
    return images_of(context, id_)


@pytest.fixture
def workers(
    context: WorkerContext, broker: "subprocess.Popen[bytes]", commands: Start, expected: dict[str, bytes]
) -> list[Command]:
    """Two of them; they start when nothing else computes."""
    return start_pair(commands, context)


def new_protection(context: WorkerContext, dataset: str, generator: m.Generator) -> str:
    return new_job(context.database, dataset_id=dataset, generator_id=generator.id, **PROTECTION)


def images_of(context: WorkerContext, id_: str) -> dict[str, bytes]:
    row = job_of(context.database, id_)
    assert (row.state, row.error) == (m.SUCCEEDED, None)
    with zipfile.ZipFile(io.BytesIO(context.files.load(str(row.archive_key)))) as archive:
        images = {name: archive.read(name) for name in archive.namelist() if name.endswith(".png")}
    assert len(images) >= IMAGES
    return images


def test_two_workers_share_the_noise_and_a_killed_one_costs_a_shard(
    context: WorkerContext, dataset: str, generator: m.Generator, expected: dict[str, bytes], workers: list[Command]
) -> None:
    id_ = new_protection(context, dataset, generator)
    enqueue(context, id_, m.PROTECT)
    owner, helper = roles(workers)
    wait_until(lambda: count_claimed_pieces(helper) >= 2, seconds=120)
    kill_child(helper)
    row = wait_for_state(context, id_, m.SUCCEEDED, seconds=300)
    assert (row.attempt, count_claims(helper)) == (1, 0)
    assert set(helped(helper)) < {f"noise-{number}" for number in range(SHARDS)}
    assert 1 <= len(helped(helper)) == len(set(helped(helper)))
    assert helped(owner) == []
    assert images_of(context, id_) == expected
    wait_until(lambda: context.files.list(checkpoint_prefix(id_)) == [], seconds=60)
