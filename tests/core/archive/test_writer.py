"""The protected archive: folders, bound on every pixel, manifest, atomic writing, deterministic bytes."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from core.archive.noise_source import NoiseArrays
from core.archive.write_images import ArchiveSettings
from core.archive.writer import ArchiveWriter, write_archive
from core.imaging.pixel_math import add_noise, resized_noise
from core.ingest.dataset import ImageDataset, ReadOptions, open_dataset
from core.ingest.pixels import load_pixels
from tests.support.uploads import encoded, image_file, pixels, write_zip

SIZE = 24
SIZES = ((24, 24), (40, 30), (7, 90), (1, 1), (200, 3))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ImageDataset:
    folder = tmp_path_factory.mktemp("dataset")
    files = {f"set/{name}/{w}x{h}.png": image_file("PNG", w, h, seed=w) for name in ("猫", "dog") for w, h in SIZES}
    files["set/dog/photo.jpg"] = image_file("JPEG", 60, 50)
    files["set/dog/photo.png"] = image_file("PNG", 60, 50)
    files["set\\dog\\clear.png"] = encoded(Image.fromarray(pixels(channels=4)), "PNG")
    files["set/dog/bad.jpg"] = b"no picture"
    files["set/readme.txt"] = b"hello " * 1000
    files["report.json"] = b"mine"
    options = ReadOptions(pass_through="all")
    return open_dataset(write_zip(folder / "a.zip", files), folder / "s", options=options)


def generate_noise(dataset: ImageDataset, radius: int = 8, seed: int = 0) -> NoiseArrays:
    shape = (len(dataset.images), 3, SIZE, SIZE)
    return NoiseArrays(np.random.default_rng(seed).choice(np.array([-radius, radius], np.int8), shape))


def write(dataset: ImageDataset, out: Path, **options: object) -> ArchiveWriter:
    noise = options.pop("noise", generate_noise(dataset))
    settings = ArchiveSettings(**({"radius": 8, "format": "png"} | options))  # type: ignore[arg-type]
    with write_archive(dataset, noise, out, settings) as archive:  # type: ignore[arg-type]
        archive.manifest_extra["seed"] = 3
        archive.add("report.json", '{"a": 1}')
    return archive


def decoded(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def test_names_sizes_and_the_bound_on_every_pixel(dataset: ImageDataset, tmp_path: Path) -> None:
    delivered = write(dataset, tmp_path / "out.zip").delivered
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.testzip() is None
        for image, name, linf in zip(dataset.images, delivered.paths, delivered.linf, strict=True):
            assert name == ("set/dog/photo.jpg.png" if image.format == "JPEG" else image.path)
            before, after = decoded(image.disk_path.read_bytes()), decoded(archive.read(str(name)))
            gap = np.abs(after.astype(int) - before)
            assert gap.max() == linf <= 8
            assert linf > 0 or image.width == 1  # the mean of the noise may be zero
            assert before.shape == after.shape
            assert before.shape[-1] == 3 or not gap[..., 3].any()
        assert archive.read("set/readme.txt") == b"hello " * 1000
        assert archive.read("report-2.json") == b"mine"
        assert archive.read("report.json") == b'{"a": 1}'
        assert "set/dog/bad.jpg" not in archive.namelist()


def test_delivered_pixels_are_those_a_learner_reads_from_the_archive(dataset: ImageDataset, tmp_path: Path) -> None:
    delivered = write(dataset, tmp_path / "out.zip").delivered
    again = open_dataset(tmp_path / "out.zip", tmp_path / "again")
    order = [[p.path for p in again.images].index(str(path)) for path in delivered.paths]
    np.testing.assert_array_equal(load_pixels(again, SIZE)[order], delivered.pixels)
    same_size = [i for i, p in enumerate(dataset.images) if (p.width, p.height) == (SIZE, SIZE)]
    expected = np.clip(
        load_pixels(dataset, SIZE)[same_size].astype(int) + generate_noise(dataset).noise[same_size], 0, 255
    )
    np.testing.assert_array_equal(delivered.pixels[same_size], expected)


def test_the_manifest_lists_every_file_and_every_skipped_file(dataset: ImageDataset, tmp_path: Path) -> None:
    write(dataset, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        manifest = json.loads(archive.read("MANIFEST.json"))
        assert {file["path"] for file in manifest["files"]} == set(archive.namelist()) - {"MANIFEST.json"}
        for file in manifest["files"]:
            content = archive.read(file["path"])
            assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert manifest["seed"] == 3
    assert [file["path"] for file in manifest["skipped"]] == ["set/dog/bad.jpg"]
    assert {file["path"]: file["was"] for file in manifest["files"] if "was" in file} == {
        "set/dog/photo.jpg.png": "set/dog/photo.jpg",
        "report-2.json": "report.json",
    }


def test_the_same_input_gives_the_same_bytes(dataset: ImageDataset, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(dataset, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_unprotected_images_do_not_change(dataset: ImageDataset, tmp_path: Path) -> None:
    mask = np.arange(len(dataset.images)) % 2 == 0
    delivered = write(dataset, tmp_path / "out.zip", protect_mask=mask).delivered
    assert (delivered.linf[mask] > 0).sum() >= mask.sum() - 1  # the mean of the noise on a single pixel may be zero
    assert (delivered.linf[~mask] == 0).all()
    assert (delivered.mse[~mask] == 0).all()


def test_an_unprotected_jpeg_counts_as_unchanged(dataset: ImageDataset, tmp_path: Path) -> None:
    photo = [image.path for image in dataset.images].index("set/dog/photo.jpg")
    mask = np.arange(len(dataset.images)) != photo
    delivered = write(dataset, tmp_path / "out.zip", format="same", protect_mask=mask).delivered
    assert delivered.linf[photo] == delivered.mse[photo] == delivered.beyond[photo] == 0
    again = write(dataset, tmp_path / "out.zip", format="same").delivered
    assert again.linf[photo] > 0


def test_the_same_format_keeps_every_name(dataset: ImageDataset, tmp_path: Path) -> None:
    delivered = write(dataset, tmp_path / "out.zip", format="same").delivered
    assert list(delivered.paths) == [p.path for p in dataset.images]
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.read("set/dog/photo.jpg")[:3] == b"\xff\xd8\xff"


class StopError(Exception):
    pass


def test_an_incomplete_archive_is_never_at_its_place(dataset: ImageDataset, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    writing = write_archive(dataset, generate_noise(dataset), out, ArchiveSettings(radius=8))
    with pytest.raises(StopError), writing:  # noqa: PT012
        assert not out.exists()
        raise StopError
    assert list(tmp_path.iterdir()) == []
    write(dataset, out)
    assert list(tmp_path.iterdir()) == [out]


def test_an_image_that_changed_meanwhile_is_skipped_and_listed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for i in range(2):
            (tmp_path / "set" / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "set" / name / f"{i}.png").write_bytes(image_file(seed=i))
    dataset = open_dataset(tmp_path / "set", tmp_path / "s")
    (tmp_path / "set/a/0.png").write_bytes(image_file(seed=9))
    (tmp_path / "set/b/1.png").write_bytes(b"gone")
    archive = write(dataset, tmp_path / "out.zip")
    assert archive.delivered.paths == (None, "a/1.png", "b/0.png", None)
    assert [file.path for file in archive.skipped] == ["a/0.png", "b/1.png"]
    assert set(zipfile.ZipFile(tmp_path / "out.zip").namelist()) == {
        "a/1.png",
        "b/0.png",
        "report.json",
        "MANIFEST.json",
    }


def test_noise_of_the_wrong_shape_raises_value_error(dataset: ImageDataset, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="noise must be for 13 images with 3 channels, not for 12 with 3"):
        write(dataset, tmp_path / "out.zip", noise=NoiseArrays(generate_noise(dataset).noise[:-1]))
    assert list(tmp_path.iterdir()) == []


edges = st.integers(1, 70)


@settings(deadline=None)
@given(
    st.data(),
    edges,
    edges,
    st.integers(1, 32),
    st.integers(1, 64),
    st.sampled_from([1, 3]),
    st.sampled_from(["L", "RGB", "LA", "RGBA"]),
)
def test_resized_noise_never_exceeds_its_radius(
    data: st.DataObject, width: int, height: int, size: int, radius: int, channels: int, mode: str
) -> None:
    noise = data.draw(arrays.arrays(np.int8, (channels, size, size), elements=st.integers(-radius, radius)))
    shape = (height, width) if mode == "L" else (height, width, len(mode))
    before = data.draw(arrays.arrays(np.uint8, shape, elements=st.integers(0, 255)))
    after = np.asarray(add_noise(Image.fromarray(before, mode), noise, radius))
    gap = np.abs(after.astype(int) - before)
    assert after.shape == before.shape
    assert gap.max() <= radius
    assert "A" not in mode or not gap[..., -1].any()


@given(st.integers(-64, 64), edges, edges)
def test_constant_noise_stays_constant_when_resized(value: int, width: int, height: int) -> None:
    large = np.asarray(resized_noise(np.full((1, 8, 8), value, np.int8), width, height, 64)).astype(int) - 128
    assert (large == value).all()


def test_noise_beyond_its_radius_is_clipped() -> None:
    image = Image.fromarray(np.full((9, 9), 128, np.uint8))
    after = np.asarray(add_noise(image, np.full((1, 4, 4), 100, np.int8), 8))
    assert (after == 136).all()
