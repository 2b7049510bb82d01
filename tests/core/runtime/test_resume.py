"""`--work FOLDER`: a killed command resumes from it with the same result; a folder holds the work of one command."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from cli.main import app
from core.noise.generator_file import load_generator
from core.runtime.folder_checkpoints import FolderCheckpointStore
from tests.support.generator_runs import png_images
from tests.support.images import write_images_zip
from tests.support.short_training import STEPS, drawn, short_training


class KilledError(BaseException):
    """Stands for a kill of the process."""


@pytest.fixture(autouse=True, scope="module")
def short() -> Iterator[None]:
    """Few updates, with a checkpoint after each."""
    with short_training(), pytest.MonkeyPatch.context() as patched:
        patched.setattr("core.training.loop.CHECKPOINT_INTERVAL_SECONDS", 0)
        yield


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words), "--device", "cpu"])


def run_until_killed(saves: int, *words: object) -> None:
    """Run a command that is killed after it has saved `saves` checkpoints."""
    saved: list[str] = []

    def save(store: FolderCheckpointStore, name: str, data: bytes) -> None:
        real(store, name, data)
        saved.append(name)
        if len(saved) == saves:
            raise KilledError

    real = FolderCheckpointStore.save
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(FolderCheckpointStore, "save", save)
        with pytest.raises(KilledError):
            run(*words)


def record_saves(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the checkpoints that are saved from now on."""
    saved: list[str] = []

    def save(store: FolderCheckpointStore, name: str, data: bytes) -> None:
        real(store, name, data)
        saved.append(name)

    real = FolderCheckpointStore.save
    monkeypatch.setattr(FolderCheckpointStore, "save", save)
    return saved


def test_training_resumes_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, work = drawn(tmp_path / "learn.zip"), tmp_path / "work"
    command = ("train", source, tmp_path / "g.safetensors", "--method", "em")
    run_until_killed(2, *command, "--work", work)
    assert not (tmp_path / "g.safetensors").exists()
    assert (work / "surrogate.safetensors").exists()
    saved = record_saves(monkeypatch)
    done = run(*command, "--work", work)
    assert done.exit_code == 0, done.output
    assert len(saved) == STEPS - 2 + 1  # the remaining updates, and the end
    assert not work.exists()
    assert run("train", source, tmp_path / "whole.safetensors", "--method", "em").exit_code == 0
    ends = [
        load_generator(tmp_path / f"{name}.safetensors", device="cpu").model.state_dict() for name in ("g", "whole")
    ]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


@pytest.mark.slow
@pytest.mark.parametrize(("saves", "killed_in"), [(3, "noise"), (12, "evidence")])
def test_protection_resumes_to_the_same_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saves: int, killed_in: str
) -> None:
    source, work = write_images_zip(tmp_path / "pets.zip", classes=2, per_class=130), tmp_path / "work"
    command = ("protect", source, tmp_path / "out.zip", "--method", "em")
    run_until_killed(saves, *command, "--work", work)
    # The archive is delivered before its evidence is measured.
    early = png_images(tmp_path / "out.zip") if killed_in == "evidence" else None
    assert (tmp_path / "out.zip").exists() == (early is not None)
    saved = record_saves(monkeypatch)
    done = run(*command, "--work", work)
    assert done.exit_code == 0, done.output
    resumed = len(saved)
    assert not work.exists()
    assert run("protect", source, tmp_path / "whole.zip", "--method", "em", "--work", work).exit_code == 0
    assert resumed < len(saved) - resumed
    images = png_images(tmp_path / "whole.zip")
    assert png_images(tmp_path / "out.zip") == images != {}
    assert early in (None, images)


@pytest.mark.slow
def test_verification_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, work = write_images_zip(tmp_path / "pets.zip", classes=2, per_class=130), tmp_path / "work"
    command = ("verify", source, "--trainings", "0", "--trainings", "2", "--work", work, "--out")
    monkeypatch.setattr("core.evaluation.learner_pool.MAX_AT_ONCE", 1)
    run_until_killed(STEPS + 2, *command, tmp_path / "r.json")  # in the second learner
    saved = record_saves(monkeypatch)
    assert run(*command, tmp_path / "r.json").exit_code == 0
    assert "Linf-0" not in " ".join(saved)
    assert not work.exists()


def test_a_folder_refuses_the_work_of_another_command(tmp_path: Path) -> None:
    source, work = drawn(tmp_path / "learn.zip"), tmp_path / "work"
    command = ("train", source, tmp_path / "g.safetensors", "--work", work, "--method", "em")
    run_until_killed(2, *command)
    before = {path.name: path.read_bytes() for path in work.iterdir()}
    others = [
        (*command, "--seed", "1"),
        (*command, "--size", "24"),
        ("protect", source, tmp_path / "o.zip", "--work", work, "--method", "em"),
    ]
    for other in others:
        refused = run(*other)
        assert refused.exit_code == 2
        assert "unfinished work of another command" in refused.output
    drawn(source, seed=1)
    assert "of other files" in run(*command).output
    assert {path.name: path.read_bytes() for path in work.iterdir()} == before


def test_a_folder_with_other_files_is_refused_and_unchanged(tmp_path: Path) -> None:
    source, work = drawn(tmp_path / "learn.zip"), tmp_path / "work"
    work.mkdir()
    (work / "novel.txt").write_text("It was a dark and stormy night")
    refused = run("train", source, tmp_path / "g.safetensors", "--work", work)
    assert refused.exit_code == 2
    assert "holds other things" in refused.output
    assert (work / "novel.txt").exists()


def test_a_refused_source_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no archive")
    assert run("train", tmp_path / "text.zip", tmp_path / "g.safetensors", "--work", tmp_path / "work").exit_code == 2
    assert not (tmp_path / "work").exists()
    assert not (tmp_path / "g.safetensors").exists()
