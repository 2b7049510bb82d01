"""Whatever follows, precedes or lies between what an archive lists is read on or refused by name: no image vanishes."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from core.ingest.inspection import inspect_upload
from tests.support.archives import image_files, tarred, zipped
from tests.support.uploads import inspection_error, write_zip

SECOND = {f"birds/{n}.png": data for n, data in enumerate(image_files().values())}
ONE, OTHER = tarred(), tarred(SECOND)
MORE = {"gz": gzip.compress, "xz": lzma.compress, "": bytes}


@pytest.mark.parametrize("content", [ONE + OTHER, bytes(1024) + ONE + OTHER, ONE + bytes(6 << 20) + OTHER])
@pytest.mark.parametrize("pack", MORE.values(), ids=MORE)
def test_a_second_tar_is_read_on(tmp_path: Path, pack: Callable[[bytes], bytes], content: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(pack(content + b"\0" * (-len(content) % 512)))
    assert inspect_upload(tmp_path / "a.tar").images == 12


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gz", "xz"])
def test_compressed_tars_one_after_the_other_are_read_on(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / "a").write_bytes(pack(ONE) + pack(OTHER))
    assert inspect_upload(tmp_path / "a").images == 12


@pytest.mark.parametrize("padding", [b"", b"\0", bytes(511), bytes(5 << 20)])
@pytest.mark.parametrize("pack", MORE.values(), ids=MORE)
def test_zeros_after_a_tar_are_padding(tmp_path: Path, pack: Callable[[bytes], bytes], padding: bytes) -> None:
    (tmp_path / "a").write_bytes(pack(ONE + padding))
    assert inspect_upload(tmp_path / "a").images == 6


@pytest.mark.parametrize(
    "rest", [b"x", b"some text", bytes(512) + b"\x01", zipped(SECOND), bytes(700) + zipped(SECOND)]
)
@pytest.mark.parametrize("pack", MORE.values(), ids=MORE)
def test_other_bytes_after_a_tar_are_refused_by_name(
    tmp_path: Path, pack: Callable[[bytes], bytes], rest: bytes
) -> None:
    (tmp_path / "a").write_bytes(pack(ONE + rest))
    assert "after its end" in inspection_error(tmp_path / "a").reason
    (tmp_path / "b").write_bytes(gzip.compress(ONE) + rest.lstrip(b"\0"))
    assert "something else follows" in inspection_error(tmp_path / "b").reason


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (zipped() + zipped(SECOND), "in front of its first file"),
        (zipped()[:500] + zipped(SECOND), "in front of its first file"),
        (zipped() + ONE, "after its end|truncated"),
        (zipped() + b"\xff\xd8\xff an image", "after its end"),
        (zipped() + bytes(30) + b"x", "after its end"),
    ],
    ids=["two zips", "half a zip", "a tar", "an image", "a byte"],
)
def test_bytes_around_a_zip_are_refused_by_name(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "a").write_bytes(content)
    reason = inspection_error(tmp_path / "a").reason
    assert any(part in reason for part in expected.split("|"))


def test_zeros_after_a_zip_and_a_comment_are_no_files(tmp_path: Path) -> None:
    commented = zipped()[:-2] + (7).to_bytes(2, "little") + b"a comme"
    for content in (zipped() + bytes(100), commented, commented + b"\r\n"):
        (tmp_path / "a").write_bytes(content)
        assert inspect_upload(tmp_path / "a").images == 6


def test_a_file_that_the_directory_of_a_zip_does_not_list_is_refused(tmp_path: Path) -> None:
    data = write_zip(tmp_path / "a", image_files()).read_bytes()
    start = data.index(b"PK\x01\x02")
    record = data[start : data.index(b"PK\x01\x02", start + 4)]
    end = bytearray(data[-22:])
    end[8:10] = end[10:12] = (5).to_bytes(2, "little")
    end[12:16] = (int.from_bytes(end[12:16], "little") - len(record)).to_bytes(4, "little")
    second = data.index(b"PK\x01\x02", start + len(record))
    middle = data[second : data.index(b"PK\x01\x02", second + 4)]
    (tmp_path / "a").write_bytes(data[:-22].replace(middle, b"") + end)
    assert "does not list" in inspection_error(tmp_path / "a").reason
