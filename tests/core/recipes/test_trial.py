"""A trial shows the files that a protection delivers, each within its target of visibility."""

import io
import secrets
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.archive.noise_source import ClassTextures
from core.archive.write_images import ArchiveSettings
from core.archive.writer import write_archive
from core.errors import BadInput
from core.imaging.sandbox import DecoderSandbox, SandboxResult
from core.imaging.texture_codebook import TextureCodebook
from core.ingest.dataset import open_dataset
from core.metrics.visibility import score_pair, window_ssimulacra2
from core.recipes.options import RunOptions
from core.recipes.report_dataset import labels_of
from core.recipes.trial import IN_TURN, TrialFile, make_trial
from core.specs.protect import ProtectSpec
from core.specs.visibility import VISIBILITY_TARGETS
from core.specs.work_size import MIN_SIZE
from tests.support.photographs import photograph
from tests.support.uploads import encoded

KEY = bytes(range(32))
SMALL, LARGE = (slice(0, 240), slice(22, 278)), (slice(77, 333), slice(97, 353))
MIDDLES = {"0/1.jpg": SMALL, "0/2.jpg": LARGE, "1/3.png": SMALL}
"""The pixels on which SSIMULACRA2 is measured: the middle of the image, or of its upper left window."""
SPEC = ProtectSpec.parse({"preset": "instant"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photographs of two classes, one large, one with alpha."""
    folder = tmp_path / "images"
    files = {
        "0/1.jpg": encoded(photograph(300, 240, 1, grain=10), "JPEG", quality=85),
        "0/2.jpg": encoded(photograph(900, 820, 2, grain=10), "JPEG", quality=90),
        "1/3.png": encoded(photograph(300, 240, 3, grain=10).convert("RGBA"), "PNG"),
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def trial(folder: Path, tmp_path: Path) -> dict[str, list[TrialFile]]:
    """The files of a trial by visibility, in the order in which they are made."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    first, others = make_trial(folder, SPEC, RunOptions(scratch=scratch, device="cpu", cores=2))
    made = [*first, *others]
    assert {file.visibility for file in first} == {IN_TURN[0]}
    return {name: [file for file in made if file.visibility == name] for name in IN_TURN}


def delivered(folder: Path, tmp_path: Path, visibility: str) -> dict[str, bytes]:
    """The files of an archive with the same key, by their path in the upload."""
    (tmp_path / f"unpacked-{visibility}").mkdir()
    dataset = open_dataset(folder, tmp_path / f"unpacked-{visibility}")
    codebook = TextureCodebook(len(dataset.classes), KEY)
    noise = ClassTextures(labels=labels_of(dataset), codebook=codebook, channels=3, size=MIN_SIZE)
    settings = ArchiveSettings(radius=SPEC.radius_u, max_flip=VISIBILITY_TARGETS[visibility].flip)
    with write_archive(dataset, noise, tmp_path / f"{visibility}.zip", settings) as archive:
        paths = zip(dataset.images, archive.delivered.paths, strict=True)
        return {image.path: archive.read(str(path)) for image, path in paths}


def test_a_trial_shows_the_bytes_of_a_protection_with_its_key(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_bytes", lambda size: KEY[:size])
    made = trial(folder, tmp_path)
    for visibility, files in made.items():
        assert {file.path: file.data for file in files} == delivered(folder, tmp_path, visibility)


def test_every_file_of_a_trial_has_its_target_and_its_measures(folder: Path, tmp_path: Path) -> None:
    for visibility, files in trial(folder, tmp_path).items():
        target = VISIBILITY_TARGETS[visibility].flip
        assert [file.path for file in files] == ["0/1.jpg", "0/2.jpg", "1/3.png"]
        for file in files:
            before, after = (np.asarray(Image.open(source)) for source in (folder / file.path, io.BytesIO(file.data)))
            score = score_pair(before, after)
            assert file.flip == pytest.approx(score.flip, abs=1e-6)
            assert file.flip <= target
            rows, columns = MIDDLES[file.path]
            assert file.ssimulacra2 == window_ssimulacra2(before[rows, columns], after[rows, columns])


def test_the_images_at_the_first_visibility_travel_without_the_others(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_batch, batches = DecoderSandbox._run_batch, []

    def recorded(sandbox: DecoderSandbox, batch: list) -> list[SandboxResult]:  # type: ignore[type-arg]
        batches.append([task.args.get("max_flips") for task in batch])
        return run_batch(sandbox, batch)

    monkeypatch.setattr(DecoderSandbox, "_run_batch", recorded)
    trial(folder, tmp_path)
    first, *others = [VISIBILITY_TARGETS[name].flip for name in IN_TURN]
    assert sum(batch.count([first]) for batch in batches) == sum(batch.count(others) for batch in batches) == 3
    assert not [batch for batch in batches if [first] in batch and others in batch]


def test_what_a_hijacked_decoder_sends_is_not_shown(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_batch = DecoderSandbox._run_batch

    def hijacked(sandbox: DecoderSandbox, batch: list) -> list[SandboxResult]:  # type: ignore[type-arg]
        results = run_batch(sandbox, batch)
        for task, result in zip(batch, results, strict=True):
            if task.op == "encode_at_targets":
                wrong = {"1.jpg": lambda one: one.blobs.pop(), "2.jpg": lambda one: one.values.update(flips=[2.0])}
                wrong.get(task.file.name, lambda one: one.values.update(flips="0.04"))(result)
        return results

    monkeypatch.setattr(DecoderSandbox, "_run_batch", hijacked)
    with pytest.raises(BadInput, match="None of the images could be written"):
        trial(folder, tmp_path)
