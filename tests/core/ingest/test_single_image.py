"""One image in place of an archive is an album of one."""

from pathlib import Path

import pytest

from core.errors import NotAnArchive
from core.ingest.dataset import ReadOptions, open_dataset
from core.ingest.inspection import inspect_upload
from core.limits import Limits
from tests.support.uploads import image_file


@pytest.mark.parametrize(
    ("name", "kind"), [("IMG_1.JPG", "JPEG"), ("🌊 Strand.png", "PNG"), ("scan", "TIFF"), ("a.tar.zip", "PNG")]
)
def test_one_image_is_an_album_of_one(tmp_path: Path, name: str, kind: str) -> None:
    source = tmp_path / name
    source.write_bytes(image_file(kind))
    dataset = open_dataset(source, tmp_path / "scratch", options=ReadOptions())
    assert [image.path for image in dataset.images] == ["a" if name == "a.tar.zip" else name]
    assert dataset.layout.kind == "album"


def test_a_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "a.jpg"
    source.write_bytes(b"This is no image. " * 60)
    with pytest.raises(NotAnArchive):
        inspect_upload(source, Limits())
