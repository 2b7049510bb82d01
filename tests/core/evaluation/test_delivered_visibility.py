"""FLIP and SSIMULACRA2 of the delivered files: what is in the archive, which images, and every kind of image."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.archive.delivered_files import DeliveredFiles
from core.archive.noise_source import NoiseArrays
from core.archive.write_images import ArchiveSettings
from core.archive.writer import write_archive
from core.errors import Cancelled
from core.evaluation import delivered_visibility
from core.evaluation.delivered_visibility import DeliveredVisibility, measure_visibility, with_visibility
from core.imaging.sandbox import DecoderSandbox
from core.ingest.dataset import ImageDataset, open_dataset
from core.metrics.visibility import score_pair
from core.reports.samples import MAX_SHOWN, MAX_TYPICAL, MAX_WORST, Sample, take_samples
from core.results.protection import Imperceptibility
from core.runtime.progress import Progress, Step
from tests.support.uploads import encoded, image_file, pixels, png, write_zip

FIGURES = Imperceptibility(linf_max=8.0, linf_mean=8.0, mae=5.0, psnr_db=32.0, ssim=0.9)


class Delivery:
    """A dataset that was delivered with noise of `strengths` (of 255, one for each image), and what was measured."""

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, bytes],
        *,
        format: str = "png",
        strengths: list[int] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.dataset: ImageDataset = open_dataset(write_zip(folder / "in.zip", files), folder / "in")
        count, channels = len(self.dataset.images), self.dataset.channels
        signs = np.random.default_rng(0).choice([-1, 1], (count, channels, 16, 16))
        noise = NoiseArrays((signs * np.array(strengths or [8] * count)[:, None, None, None]).astype(np.int8))
        settings = ArchiveSettings(radius=8, format=format)
        with (
            DecoderSandbox(processes=1) as sandbox,
            write_archive(self.dataset, noise, folder / "out.zip", settings, sandbox=sandbox) as archive,
        ):
            files_read = DeliveredFiles(
                dataset=self.dataset,
                archive=archive,
                scratch=folder,
                sandbox=sandbox,
                progress=progress or Progress(),
            )
            self.visibility: DeliveredVisibility = measure_visibility(files_read, seed=3, threads=2)
            self.samples: list[Sample] = take_samples(files_read, self.visibility)
            self.paths = archive.delivered.paths
        self.archive = zipfile.ZipFile(folder / "out.zip")

    @property
    def figures(self) -> Imperceptibility:
        return with_visibility(FIGURES, self.visibility, self.paths)

    def decoded(self, i: int) -> list[np.ndarray]:
        """The image as uploaded and as in the archive, by Pillow alone."""
        after = io.BytesIO(self.archive.read(str(self.paths[i])))
        return [np.asarray(Image.open(file)) for file in (self.dataset.images[i].disk_path, after)]


def photographs(count: int, *, side: int = 230, format: str = "PNG") -> dict[str, bytes]:
    return {f"{'ab'[i % 2]}/{i:03}.{format.lower()}": image_file(format, side, side, seed=i) for i in range(count)}


@pytest.mark.parametrize("format", ["png", "same"])
def test_scores_are_those_of_the_files_in_the_archive(tmp_path: Path, format: str) -> None:
    delivery = Delivery(tmp_path, photographs(3, format="JPEG"), format=format)
    expected = {i: score_pair(*delivery.decoded(i)) for i in range(3)}
    assert {image.index: image.score for image in delivery.visibility.images} == expected
    flips = [score.flip for score in expected.values()]
    qualities = [score.ssimulacra2 for score in expected.values() if score.ssimulacra2 is not None]
    figures = delivery.figures
    assert (figures.flip, figures.flip_worst) == (pytest.approx(np.mean(flips)), max(flips))
    assert (figures.ssimulacra2, figures.ssimulacra2_worst) == (pytest.approx(np.mean(qualities)), min(qualities))
    assert (figures.changed_images, figures.measured_images, figures.ssimulacra2_images) == (3, 3, 3)
    assert [image.flip for image in figures.worst_images] == sorted(flips, reverse=True)
    assert {image.path for image in figures.worst_images} == set(delivery.paths)
    assert (figures.linf_max, figures.ssim) == (FIGURES.linf_max, FIGURES.ssim)


def test_images_that_did_not_change_are_left_out(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path, photographs(4, side=40), strengths=[0, 8, 0, 2])
    assert [image.index for image in delivery.visibility.images] == [1, 3]
    assert delivery.figures.changed_images == 2


def test_nothing_changed_leaves_the_figures_empty(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path, photographs(2, side=40), strengths=[0, 0])
    figures = delivery.figures
    assert (figures.flip, figures.changed_images, figures.measured_images, figures.worst_images) == (None, 0, 0, ())
    assert delivery.samples == []


def test_of_many_images_a_sample_gives_the_means_and_the_largest_changes_the_worst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivered_visibility, "DRAWN_IMAGES", 4)
    monkeypatch.setattr(delivered_visibility, "LARGEST_PIXELS", 2 * 40 * 40)
    strengths = [2] * 20
    strengths[7] = strengths[13] = 8
    one = Delivery(tmp_path, photographs(20, side=40), strengths=strengths)
    drawn = [image for image in one.visibility.images if image.drawn]
    assert len(drawn) == 4
    assert len(one.visibility.images) == 6
    assert {7, 13} <= {image.index for image in one.visibility.images}
    assert {image.index for image in one.visibility.images[:2]} == {7, 13}
    assert one.figures.flip == pytest.approx(np.mean([image.score.flip for image in drawn]))
    assert one.figures.flip_worst == one.visibility.images[0].score.flip
    (tmp_path / "again").mkdir()
    assert Delivery(tmp_path / "again", photographs(20, side=40), strengths=strengths).visibility == one.visibility


def test_every_kind_and_size_of_image_is_measured(tmp_path: Path) -> None:
    deep = png(30, 20, b"".join(bytes([0]) + bytes(range(180)) for _ in range(20)), bits=16)
    turned = Image.Exif()
    turned[0x0112] = 6
    files = {
        "a/alpha.png": encoded(Image.fromarray(pixels(230, 240, channels=4)), "PNG"),
        "a/grey.png": encoded(Image.fromarray(pixels(230, 240, channels=1)), "PNG"),
        "a/deep.png": deep,
        "b/turned.jpg": image_file("JPEG", 240, 60, exif=turned),
        "b/one.png": image_file("PNG", 1, 1, seed=2),
        "b/small.webp": image_file("WEBP", 32, 32, lossless=True),
        "b/wide.png": image_file("PNG", 900, 8),
    }
    delivery = Delivery(tmp_path, files, format="same")
    scores = {delivery.dataset.images[image.index].path: image.score for image in delivery.visibility.images}
    assert set(files) - {"b/one.png"} <= set(scores)  # the mean of the noise may be zero
    assert {path for path, score in scores.items() if score.ssimulacra2 is not None} == {"a/alpha.png", "a/grey.png"}
    assert delivery.figures.ssimulacra2_images == 2
    assert all(0 < score.flip < 1 for score in scores.values())
    turned_sample = next(sample for sample in delivery.samples if sample.path == "b/turned.jpg")
    assert turned_sample.original.shape == turned_sample.delivered.shape == (240, 60, 3)


def test_samples_are_the_worst_first_and_a_few_in_the_middle(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path, photographs(15, side=24), strengths=[1 + i % 8 for i in range(15)])
    ranked = [delivery.paths[image.index] for image in delivery.visibility.images]
    paths = [sample.path for sample in delivery.samples]
    assert paths == ranked[:MAX_WORST] + ranked[7 : 7 + MAX_TYPICAL]
    for sample in delivery.samples:
        before, after = delivery.decoded(delivery.paths.index(sample.path))
        assert np.array_equal(sample.original, before)
        assert np.array_equal(sample.delivered, after)
        assert not sample.is_part


def test_of_a_large_image_the_page_shows_a_part_at_full_size(tmp_path: Path) -> None:
    files = photographs(2, side=40) | {"a/large.png": image_file("PNG", 2000, 900)}
    delivery = Delivery(tmp_path, files)
    large = next(sample for sample in delivery.samples if sample.path == "a/large.png")
    before, _ = delivery.decoded(delivery.paths.index("a/large.png"))
    assert large.is_part
    assert large.original.shape == (900, MAX_SHOWN, 3)
    starts = [x for x in range(2000 - MAX_SHOWN + 1) if np.array_equal(before[:, x], large.original[:, 0])]
    assert any(np.array_equal(before[:, x : x + MAX_SHOWN], large.original) for x in starts)


def test_the_measuring_can_be_cancelled(tmp_path: Path) -> None:
    def stop(step: Step) -> None:
        if step.stage == "report":
            raise Cancelled

    with pytest.raises(Cancelled):
        Delivery(tmp_path, photographs(4, side=40), progress=Progress(stop, interval=0.0))
    assert not (tmp_path / "out.zip").exists()


def test_a_file_that_cannot_be_read_any_more_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = DeliveredFiles._tasks  # type: ignore[attr-defined]

    def damage_second(self: DeliveredFiles, i: int, *rest: object) -> object:
        tasks = read(self, i, *rest)  # type: ignore[arg-type]
        if i == 1:
            tasks[1].file.write_bytes(b"damaged")
        return tasks

    monkeypatch.setattr(DeliveredFiles, "_tasks", damage_second)
    delivery = Delivery(tmp_path, photographs(3, side=40))
    assert sorted(image.index for image in delivery.visibility.images) == [0, 2]
    assert replace(delivery.figures, worst_images=()).measured_images == 2
