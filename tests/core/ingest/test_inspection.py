"""A bad upload is detected without decoding an image, with a reason; a good upload passes."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import BadInput
from core.ingest.inspection import inspect_upload
from core.ingest.unpack import unpack
from core.limits import Limits
from tests.support.uploads import VALID_FILES, inspection_error, write_folder, write_tar, write_zip


@pytest.mark.parametrize("kind", ["zip", "stored", "tar", "tar.gz", "tar.xz", "folder"])
def test_every_kind_of_source_gives_the_same_inspection(tmp_path: Path, kind: str) -> None:
    make: dict[str, Callable[[], Path]] = {
        "zip": lambda: write_zip(tmp_path / "a", VALID_FILES),
        "stored": lambda: write_zip(tmp_path / "a", VALID_FILES, zipfile.ZIP_STORED),
        "tar": lambda: write_tar(tmp_path / "a", VALID_FILES),
        "tar.gz": lambda: write_tar(tmp_path / "a", VALID_FILES, mode="w:gz"),
        "tar.xz": lambda: write_tar(tmp_path / "a", VALID_FILES, mode="w:xz"),
        "folder": lambda: write_folder(tmp_path / "a", VALID_FILES),
    }
    inspection = inspect_upload(make[kind]())
    assert {entry.path: entry.bytes for entry in inspection.entries} == {
        name: len(data) for name, data in VALID_FILES.items()
    }
    assert (inspection.images, inspection.skipped) == (4, ())
    assert inspection.bytes == sum(map(len, VALID_FILES.values()))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"just some text\n" * 100, "not an archive"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), "not an archive"),
        (gzip.compress(b"a table, not a tar\n" * 200), "not an archive"),
        (b"PK\x03\x04", "not an archive"),
    ],
    ids=["empty", "text", "7z", "gzip", "zip header"],
)
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    assert expected in inspection_error(tmp_path / "a.zip").reason


@pytest.mark.parametrize("make", [write_zip, write_tar, write_folder])
def test_an_upload_without_files_or_images_is_refused(tmp_path: Path, make: Callable[..., Path]) -> None:
    (tmp_path / "empty").mkdir()
    empty = tmp_path / "empty" if make is write_folder else make(tmp_path / "a", {})
    assert "nothing inside" in inspection_error(empty).reason
    assert "no images" in inspection_error(make(tmp_path / "b", {"a/x.txt": b"x", "b/y.csv": b"y"})).reason


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:xz"])
def test_every_truncation_is_detected(tmp_path: Path, mode: str) -> None:
    whole = tmp_path / "whole"
    write_zip(whole, VALID_FILES) if mode == "zip" else write_tar(whole, VALID_FILES, mode=mode)
    data = whole.read_bytes()
    content_end = len(data) - 1 if mode != "w" else data.rstrip(b"\0").__len__() + 1
    for cut in sorted({1, 10, 300, 512, 1024, 1536, len(data) // 2, content_end - 600, content_end}):
        if 0 < cut < len(data):
            (tmp_path / "cut").write_bytes(data[:cut])
            inspection_error(tmp_path / "cut")


def test_a_tar_truncated_between_two_files_is_detected(tmp_path: Path) -> None:
    data = write_tar(tmp_path / "a", {"a/1.png": bytes(512), "b/1.png": bytes(512), "c/1.png": b"x"}).read_bytes()
    (tmp_path / "cut").write_bytes(data[:2048])
    assert "truncated" in inspection_error(tmp_path / "cut").reason


@pytest.mark.parametrize("inner", ["more.zip", "cat/more.tar.gz", "a.7z", "b.RAR"])
def test_an_archive_inside_the_archive_is_refused(tmp_path: Path, inner: str) -> None:
    bad = inspection_error(write_zip(tmp_path / "a", VALID_FILES | {inner: b"x"}))
    assert "another archive" in bad.reason
    assert bad.path == inner


def _patched(source: Path, name: bytes, offset: int, value: bytes) -> Path:
    """Overwrite bytes of one entry's record in the directory of a zip."""
    data = bytearray(source.read_bytes())
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(name))
    data[at + offset : at + offset + len(value)] = value
    source.write_bytes(data)
    return source


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_entry_larger_than_declared_is_refused(tmp_path: Path, compression: int) -> None:
    source = write_zip(tmp_path / "a", VALID_FILES | {"cat/wrong.png": b"much more than ten bytes" * 1000}, compression)
    bad = inspection_error(_patched(source, b"cat/wrong.png", 24, struct.pack("<L", 10)))
    assert "more than the 10 bytes" in bad.reason


def test_an_entry_smaller_than_declared_is_refused(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "a", VALID_FILES | {"cat/wrong.png": b"some bytes" * 1000})
    inspection_error(_patched(source, b"cat/wrong.png", 24, struct.pack("<L", 20_000)))


def test_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "a", VALID_FILES | {"cat/wrong.png": b"some bytes" * 1000})
    assert "damaged" in inspection_error(_patched(source, b"cat/wrong.png", 16, b"\1\2\3\4")).reason


def test_encrypted_entries_are_refused(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "a", VALID_FILES | {"cat/secret.png": b"x"})
    assert "encrypted" in inspection_error(_patched(source, b"cat/secret.png", 8, b"\1\0")).reason


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unsupported_compression_methods_are_refused(tmp_path: Path, compression: int) -> None:
    assert "method" in inspection_error(write_zip(tmp_path / "a", VALID_FILES, compression)).reason


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "a", VALID_FILES)
    assert "overlap" in inspection_error(_patched(source, b"dog/1.png", 42, struct.pack("<L", 3))).reason


@pytest.mark.parametrize("make", [write_zip, write_tar, write_folder])
@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(files=4), "more than 4 files"),
        (Limits(file_bytes=20), "20 bytes"),
        (Limits(bytes=200), "200 bytes"),
    ],
)
def test_an_upload_over_a_limit_is_refused(
    tmp_path: Path, make: Callable[..., Path], limits: Limits, expected: str
) -> None:
    assert expected in inspection_error(make(tmp_path / "a", VALID_FILES), limits).reason


@pytest.mark.parametrize("mode", ["zip", "w:gz", "w:xz"])
def test_an_archive_bomb_is_refused(tmp_path: Path, mode: str) -> None:
    files = VALID_FILES | {"cat/bomb.bmp": bytes(3_000_000)}
    source = write_zip(tmp_path / "a", files) if mode == "zip" else write_tar(tmp_path / "a", files, mode=mode)
    assert "archive bombs" in inspection_error(source, Limits(ratio_free_bytes=1_000_000)).reason


def test_the_entries_of_a_zip_are_counted_before_they_are_read(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "a", {f"{i}.png": b"" for i in range(100)})
    assert "more than 20 files" in inspection_error(source, Limits(files=20)).reason


def test_a_huge_tar_header_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("cat/x.png")
    info.pax_headers = {"comment": "x" * 8_000_000}
    with tarfile.open(tmp_path / "a", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(b""))
    assert "far too large" in inspection_error(tmp_path / "a").reason


def test_an_album_without_classes_is_accepted(tmp_path: Path) -> None:
    assert inspect_upload(write_zip(tmp_path / "a", {"cat/1.png": b"1", "cat/2.png": b"2"})).images == 2
    assert inspect_upload(write_zip(tmp_path / "b", {"1.png": b"1"})).images == 1


def test_files_that_are_skipped_for_their_names(tmp_path: Path) -> None:
    names = (
        "__MACOSX/cat/._1.png",
        "cat/.DS_Store",
        "cat/Thumbs.db",
        "x" * 1001 + ".png",
    )
    inspection = inspect_upload(write_zip(tmp_path / "a", VALID_FILES | dict.fromkeys(names, b"x")))
    assert len(inspection.skipped) == len(names)
    assert inspection.images == 4


ARCHIVE_KINDS = ("zip", "w", "w:gz", "w:xz")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(ARCHIVE_KINDS),
    position=st.floats(0, 1),
    replacement=st.binary(min_size=1, max_size=8),
    cut=st.floats(0, 2),
)
def test_damaged_archives_are_refused_or_read_the_same_way_twice(
    tmp_path: Path, kind: str, position: float, replacement: bytes, cut: float
) -> None:
    whole = tmp_path / kind.replace(":", "")
    if not whole.exists():
        write_zip(whole, VALID_FILES) if kind == "zip" else write_tar(whole, VALID_FILES, mode=kind)
    data = bytearray(whole.read_bytes())
    at = int(position * (len(data) - 1))
    data[at : at + len(replacement)] = replacement
    damaged = tmp_path / "damaged"
    damaged.write_bytes(data[: int(cut * len(data))] if cut < 1 else data)
    target = tmp_path / "out"
    try:
        inspection = inspect_upload(damaged)
    except BadInput:
        return
    assert sum(entry.bytes for entry in inspection.entries) == inspection.bytes
    for file in target.rglob("*"):
        if file.is_file():
            file.unlink()
    files = unpack(damaged, target, Limits()).files
    assert [(file.path, file.bytes) for file in files] == [(entry.path, entry.bytes) for entry in inspection.entries]


def test_unpacking_never_uses_the_names_in_the_archive(tmp_path: Path) -> None:
    counted: list[int] = []
    files = unpack(write_zip(tmp_path / "a", VALID_FILES), tmp_path / "out", Limits(), counted.append).files
    assert sum(counted) == sum(map(len, VALID_FILES.values()))
    assert {file.path: file.disk_path.read_bytes() for file in files} == VALID_FILES
    assert all(file.disk_path.name.isdigit() and tmp_path / "out" in file.disk_path.parents for file in files)
