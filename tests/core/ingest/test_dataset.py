"""Opening a source: which files are used, pass through or are skipped, and which uploads are refused."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInput
from core.ingest.dataset import open_dataset
from core.ingest.pixels import load_pixels
from core.ingest.thumbnails import make_thumbnails
from core.limits import Limits
from core.runtime.progress import Progress, Step
from tests.support.uploads import (
    encoded,
    image_file,
    pixels,
    png_header,
    two_classes,
    write_folder,
    write_tar,
    write_zip,
)

MIXED = two_classes(readme_dot_txt=b"hello") | {
    "cat/text.jpg": b"not an image",
    "cat/bomb.png": png_header(65_000, 65_000),
    "dog/drawing.svg": b"<svg/>",
    "dog/half.jpg": image_file("JPEG", 200, 150)[:2000],
    "stray.png": image_file(),
}


@pytest.mark.parametrize("make", [write_zip, write_tar, write_folder])
def test_single_bad_files_are_skipped_and_listed(tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    steps: list[Step] = []
    source = make(tmp_path / "my pets", MIXED)
    dataset = open_dataset(source, tmp_path / "scratch", progress=Progress(steps.append, interval=0))
    assert dataset.name == "my pets"
    assert dataset.classes == ("cat", "dog", "(no label)")
    assert [(p.path, p.label) for p in dataset.images] == [
        ("cat/0.png", 0),
        ("cat/1.png", 0),
        ("dog/0.png", 1),
        ("dog/1.png", 1),
        ("stray.png", 2),
    ]
    assert dataset.with_named_classes().classes == ("cat", "dog")
    assert len(dataset.with_named_classes().images) == 4
    assert [file.path for file in dataset.passthrough] == ["readme.txt"]
    reasons = {file.path: file.reason for file in dataset.skipped}
    assert set(reasons) == {"cat/text.jpg", "cat/bomb.png", "dog/drawing.svg", "dog/half.jpg"}
    assert "text" in reasons["cat/text.jpg"]
    assert "pixels" in reasons["cat/bomb.png"]
    assert "SVG" in reasons["dog/drawing.svg"]
    assert "truncated" in reasons["dog/half.jpg"]
    assert "1 of 8 images have no label, such as “stray.png”" in dataset.layout.notes[0]
    assert (steps[-1].stage, steps[-1].done, steps[-1].total) == ("decoding", 8, 8)


def test_every_source_gives_the_same_dataset(tmp_path: Path) -> None:
    sources = (make(tmp_path / make.__name__, MIXED) for make in (write_zip, write_tar, write_folder))
    datasets = [open_dataset(source, tmp_path / str(i)) for i, source in enumerate(sources)]
    records = [[(p.path, p.sha256, p.label, p.width, p.mode) for p in dataset.images] for dataset in datasets]
    assert records[0] == records[1] == records[2]
    assert datasets[0].skipped == datasets[1].skipped == datasets[2].skipped


def test_one_image_a_class_is_enough(tmp_path: Path) -> None:
    dataset = open_dataset(
        write_zip(tmp_path / "a.zip", {"a/1.png": image_file(), "b/1.png": image_file()}), tmp_path / "s"
    )
    assert len(dataset.images) == 2


def test_an_upload_without_an_image_that_decodes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="None of the 2 images can be used"):
        open_dataset(write_zip(tmp_path / "a", {"a/1.jpg": b"x", "b/1.jpg": b"y"}), tmp_path / "s")
    dataset = open_dataset(write_zip(tmp_path / "b", {"a/1.jpg": image_file("JPEG"), "b/1.jpg": b"y"}), tmp_path / "t")
    assert [image.path for image in dataset.images] == ["a/1.jpg"]


def test_images_over_the_limit_of_pixels_are_skipped(tmp_path: Path) -> None:
    files = two_classes(cat__large_dot_png=image_file(width=100, height=100))
    dataset = open_dataset(write_zip(tmp_path / "a", files), tmp_path / "s", limits=Limits(pixels=5000))
    assert [file.path for file in dataset.skipped] == ["cat/large.png"]


def test_a_split_needs_training_and_test_images(tmp_path: Path) -> None:
    both = {f"{split}/{name}/1.png": image_file() for split in ("train", "val") for name in "ab"}
    assert [p.split for p in open_dataset(write_zip(tmp_path / "a", both), tmp_path / "s").images] == ["train"] * 2 + [
        "test"
    ] * 2
    one = {name: data for name, data in both.items() if name.startswith("train")}
    dataset = open_dataset(write_zip(tmp_path / "b", one), tmp_path / "t")
    assert [p.split for p in dataset.images] == [None, None]
    assert dataset.classes == ("a", "b")


def test_images_of_any_size_are_loaded_at_one_size(tmp_path: Path) -> None:
    files = {
        "a/1.png": image_file(width=32, height=32),
        "b/1.png": image_file(width=90, height=11),
        "b/2.png": image_file(width=1, height=1),
    }
    values = load_pixels(open_dataset(write_zip(tmp_path / "a", files), tmp_path / "s"), 32)
    assert (values.shape, values.dtype) == ((3, 3, 32, 32), np.uint8)
    np.testing.assert_array_equal(values[0].transpose(1, 2, 0), pixels(32, 32))
    np.testing.assert_array_equal(values[2], np.broadcast_to(pixels(1, 1).reshape(3, 1, 1), (3, 32, 32)))


def test_one_channel_if_all_images_are_greyscale(tmp_path: Path) -> None:
    greyscale = encoded(Image.fromarray(pixels(channels=1)), "PNG")
    all_greyscale = open_dataset(
        write_zip(tmp_path / "a", {"a/1.png": greyscale, "b/1.png": greyscale}), tmp_path / "s"
    )
    assert load_pixels(all_greyscale, 16).shape == (2, 1, 16, 16)
    one_greyscale = open_dataset(
        write_zip(tmp_path / "b", {"a/1.png": greyscale, "b/1.png": image_file()}), tmp_path / "t"
    )
    values = load_pixels(one_greyscale, 16)
    assert values.shape == (2, 3, 16, 16)
    assert (values[0, 0] == values[0, 1]).all()


def test_an_image_that_changes_after_opening_is_refused(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "a", two_classes())
    dataset = open_dataset(source, tmp_path / "s")
    (source / "cat/0.png").write_bytes(b"gone")
    with pytest.raises(BadInput, match="cat/0"):
        load_pixels(dataset, 16)


def test_thumbnails_are_spread_over_the_classes(tmp_path: Path) -> None:
    files = {f"{name}/{i}.jpg": image_file("JPEG", 400, 300, seed=i) for name in "abc" for i in range(4)}
    dataset = open_dataset(write_zip(tmp_path / "a", files), tmp_path / "s")
    thumbs = make_thumbnails(dataset, 5, edge=100)
    assert [path for path, _ in thumbs] == ["a/0.jpg", "b/0.jpg", "c/0.jpg", "a/1.jpg", "b/1.jpg"]
    assert all(Image.open(io.BytesIO(data)).size == (100, 75) for _, data in thumbs)
    assert [path for path, _ in make_thumbnails(dataset, 2)] == ["a/0.jpg", "b/0.jpg"]


def test_what_decoding_changed_is_said_once_for_each_kind(tmp_path: Path) -> None:
    files = two_classes() | {f"cat/{n}.png": encoded(Image.fromarray(pixels()).quantize(16), "PNG") for n in (7, 8)}
    dataset = open_dataset(write_folder(tmp_path / "up", files), tmp_path / "scratch")
    assert dataset.layout.notes == ("2 images, such as “cat/7.png”: palette converted to RGB.",)
