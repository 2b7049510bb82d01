"""Unsafe names, links and devices in an upload are refused or skipped, with a reason."""

import stat
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.ingest.inspection import inspect_upload
from tests.support.uploads import VALID_FILES, inspection_error, write_folder, write_tar, write_zip


@pytest.mark.parametrize("name", ["/etc/cat/1.png", "C:\\cats\\1.png", "c:1.png", "\\\\host\\x.png", "\\x.png"])
@pytest.mark.parametrize("make", [write_zip, write_tar])
def test_absolute_paths_are_refused(tmp_path: Path, make: Callable[..., Path], name: str) -> None:
    assert "absolute path" in inspection_error(make(tmp_path / "a", VALID_FILES | {name: b"x"})).reason


@pytest.mark.parametrize("name", ["../x.png", "cat/../../x.png", "cat\\..\\x.png", "cat/.."])
@pytest.mark.parametrize("make", [write_zip, write_tar])
def test_paths_that_leave_their_folder_are_refused(tmp_path: Path, make: Callable[..., Path], name: str) -> None:
    assert "leaves its folder" in inspection_error(make(tmp_path / "a", VALID_FILES | {name: b"x"})).reason


def test_control_characters_in_names_are_refused(tmp_path: Path) -> None:
    assert (
        "control character" in inspection_error(write_tar(tmp_path / "a", VALID_FILES | {"cat/a\nb.png": b"x"})).reason
    )


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    link = tarfile.TarInfo("cat/link.png")
    link.type, link.linkname = kind, "/etc/passwd"
    assert "is a link" in inspection_error(write_tar(tmp_path / "a", VALID_FILES, link)).reason


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    device = tarfile.TarInfo("cat/device.png")
    device.type = kind
    assert "special file" in inspection_error(write_tar(tmp_path / "a", VALID_FILES, device)).reason


@pytest.mark.parametrize(
    ("mode", "expected"), [(stat.S_IFLNK, "is a link"), (stat.S_IFCHR, "special"), (stat.S_IFIFO, "special")]
)
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, mode: int, expected: str) -> None:
    info = zipfile.ZipInfo("cat/odd.png")
    info.create_system, info.external_attr = 3, (mode | 0o644) << 16
    with zipfile.ZipFile(write_zip(tmp_path / "a", VALID_FILES), "a") as archive:
        archive.writestr(info, b"/etc/passwd")
    assert expected in inspection_error(tmp_path / "a").reason


def test_links_in_a_folder_are_skipped_and_listed(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", VALID_FILES)
    (folder / "cat/link.png").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(folder)
    assert {file.path: file.reason for file in inspect_upload(folder).skipped} == {
        "cat/link.png": "a link; links are not followed",
        "loop": "a link; links are not followed",
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("cat/x.png", "cat/X.PNG"),
        ("cat/x.png", "CAT/y.png"),
        ("cat/\u00e9.png", "cat/e\u0301.png"),
        ("cat/stra\u00dfe.png", "cat/STRASSE.png"),
        ("cat/x.png", "cat\\x.png"),
        ("cat/x.png", "./cat//x.png"),
        ("cat/x", "cat/x/1.png"),
    ],
)
@pytest.mark.parametrize("make", [write_zip, write_tar])
def test_names_that_collide_on_some_systems_are_refused(
    tmp_path: Path, make: Callable[..., Path], first: str, second: str
) -> None:
    for files in ({first: b"1", second: b"2"}, {second: b"2", first: b"1"}):
        assert "same name" in inspection_error(make(tmp_path / "a", files)).reason


def test_a_duplicate_name_is_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "a", "w") as archive:
        warnings.simplefilter("ignore")  # zipfile warns of the duplicate
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    assert "same name" in inspection_error(tmp_path / "a").reason


def test_backslashes_and_other_scripts_in_names(tmp_path: Path) -> None:
    files = {"катя\\1.png": b"1", "猫\\дом 1.png": b"2", "猫/é.png": b"3"}
    for source in (write_zip(tmp_path / "a", files), write_tar(tmp_path / "b", files)):
        inspection = inspect_upload(source)
        assert {entry.path.partition("/")[0] for entry in inspection.entries} >= {"катя", "猫"}
        assert [entry.path for entry in inspection.entries] == ["катя/1.png", "猫/дом 1.png", "猫/é.png"]


def test_utf8_names_without_the_flag_are_read(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "a", {"cat/é.png": b"1", "dog/2.png": b"2"})
    data = source.read_bytes()
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.index(mark) + at
        data = data[:start] + b"\0\0" + data[start + 2 :]
    source.write_bytes(data)
    assert inspect_upload(source).entries[0].path == "cat/é.png"


def test_a_name_that_is_not_unicode_is_skipped(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a", "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as archive:
        for name in (*VALID_FILES, "cat/é.png"):
            archive.addfile(tarfile.TarInfo(name))
    assert [file.reason for file in inspect_upload(tmp_path / "a").skipped] == [
        "its name is not valid Unicode (UTF-8); rename it"
    ]
