"""Paths of delivered images: as in the upload, with the extension of the format, never two the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.member_names import UploadedImage, delivered_names
from core.portable_names import ARCHIVE_FILES, fold


@pytest.mark.parametrize(
    ("images", "requested", "names"),
    [
        ([("a/cat.jpg", "JPEG")], "png", ["a/cat.png"]),
        ([("a/cat.jpg", "JPEG")], "same", ["a/cat.jpg"]),
        ([("a/cat.PNG", "PNG"), ("a/dog.JPEG", "JPEG")], "png", ["a/cat.PNG", "a/dog.png"]),
        ([("a/cat.jpg", "JPEG"), ("a/cat.png", "PNG")], "png", ["a/cat.jpg.png", "a/cat.png"]),
        ([("a/cat.jpg", "JPEG"), ("a/cat.jpeg", "JPEG")], "png", ["a/cat.jpg.png", "a/cat.jpeg.png"]),
        ([("a/Cat.jpg", "JPEG"), ("a/cat.webp", "WEBP")], "png", ["a/Cat.jpg.png", "a/cat.webp.png"]),
        (
            [("a/c.jpg", "JPEG"), ("a/c.png", "PNG"), ("a/c.jpg.png", "PNG")],
            "png",
            ["a/c.jpg-2.png", "a/c.png", "a/c.jpg.png"],
        ),
        ([("a/moving.gif", "GIF")], "same", ["a/moving.png"]),
        ([("a/IMG_1.HEIC", "HEIF")], "same", ["a/IMG_1.jpg"]),
        ([("a/IMG_1.HEIC", "HEIF"), ("a/IMG_1.JPG", "JPEG")], "same", ["a/IMG_1.HEIC.jpg", "a/IMG_1.JPG"]),
        ([("a/really-a-png.jpg", "PNG")], "same", ["a/really-a-png.jpg"]),
        ([("a/really-a-png.jpg", "PNG")], "png", ["a/really-a-png.png"]),
        ([("a/x.v1.2.jpg", "JPEG")], "png", ["a/x.v1.2.png"]),
    ],
)
def test_delivered_names(images: list[tuple[str, str]], requested: str, names: list[str]) -> None:
    assert delivered_names([UploadedImage(path, format, "RGB") for path, format in images], [], requested) == names


def test_files_that_pass_through_keep_their_names() -> None:
    assert delivered_names([UploadedImage("a/x.jpg", "JPEG", "RGB")], ["a/x.png"], "png") == ["a/x.jpg.png"]


part = st.text("aB\u00e9\u732b. -", min_size=1, max_size=3).filter(lambda text: text.strip(" ."))
names_of_files = st.builds(
    lambda folder, stem, ending: f"{folder}/{stem}{ending}",
    part,
    part,
    st.sampled_from([".jpg", ".png", ".JPG", ".webp", ".tif"]),
)
KINDS = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF"}


@given(st.lists(names_of_files, unique_by=fold, max_size=20), st.sampled_from(["png", "same"]))
def test_names_never_collide_and_folders_stay(paths: list[str], requested: str) -> None:
    images = [UploadedImage(path, KINDS["." + path.rpartition(".")[2].lower()], "RGB") for path in paths]
    names = delivered_names(images, [], requested)
    assert len({fold(name) for name in (*names, *ARCHIVE_FILES)}) == len(paths) + len(ARCHIVE_FILES)
    for path, name in zip(paths, names, strict=True):
        assert name.rpartition("/")[0] == path.rpartition("/")[0]
        assert requested == "png" or name == path
        assert requested == "same" or name.lower().endswith(".png")
