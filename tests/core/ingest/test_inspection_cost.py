"""What an inspection costs: memory and time stay bounded for archives that are built to cost much."""

import gzip
import io
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import BadInput, UploadTooLarge
from core.filenames import UniquePaths
from core.ingest import inspection_process
from core.ingest.inspection import inspect_upload
from core.ingest.inspection_process import InspectionProcess, InspectionStopped, InspectionTimeout, memory_limit
from core.limits import Limits
from tests.support.uploads import VALID_FILES, inspection_error, write_tar, write_zip

FEW_FILES = Limits(files=5000)
SECONDS = 60.0


def deep_names(files: int, depth: int) -> Iterator[str]:
    """Names that share no folder."""
    return ("/".join([f"{number:x}", *["a"] * (depth - 1), "x.png"]) for number in range(files))


def pax_tar(path: Path, kind: bytes, *headers: bytes) -> Path:
    """A tar.gz with extended headers of this content, and a file after each."""
    with gzip.open(path, "wb", compresslevel=1) as out:
        for number, content in enumerate(headers):
            header = tarfile.TarInfo("header")
            header.type, header.size = kind, len(content)
            out.write(header.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512))
            out.write(tarfile.TarInfo(f"cat/{number}.png").tobuf(tarfile.USTAR_FORMAT))
        out.write(bytes(1024))
    return path


def pax_record(key: str, value: bytes) -> bytes:
    rest = f" {key}=".encode() + value + b"\n"
    length = len(rest) + len(str(len(rest) + len(str(len(rest)))))
    return str(length).encode() + rest


def zip_with_comments(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(1200):
            info = zipfile.ZipInfo(f"cat/{number}.png")
            info.comment = b"c" * 65_000
            archive.writestr(info, b"")
    return path


HOSTILE: dict[str, Callable[[Path], Path]] = {
    "deep tar": lambda path: write_tar(path, dict.fromkeys(deep_names(700, 495), b""), mode="w:gz"),
    "deep zip": lambda path: write_zip(path, dict.fromkeys(deep_names(700, 495), b"")),
    "overlapping records": lambda path: pax_tar(path, tarfile.XHDTYPE, b"2 " * 100_000 + b"="),
    "long number": lambda path: pax_tar(path, tarfile.XHDTYPE, pax_record("comment", b"1" * 300_000)),
    "global headers": lambda path: pax_tar(
        path,
        tarfile.XGLTYPE,
        *(b"".join(pax_record(f"{n}.{key}", b"") for key in range(10_000)) for n in range(20)),
    ),
    "directory of comments": zip_with_comments,
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_archive_costs_much_memory_or_time(tmp_path: Path, kind: str) -> None:
    source = HOSTILE[kind](tmp_path / "hostile")
    with pytest.raises(BadInput) as caught:
        InspectionProcess(source, FEW_FILES).run(seconds=SECONDS)
    assert "memory" not in caught.value.reason  # it is refused for what it is, long before the memory is used up


def test_a_folder_is_stored_once_and_too_many_are_refused(tmp_path: Path) -> None:
    paths = UniquePaths()
    for number in range(100):
        paths.add(f"a/b/c/{number}.png")
    assert paths.folders == 3
    few = Limits(files=100)
    bad = inspection_error(write_tar(tmp_path / "a", dict.fromkeys(deep_names(20, 50), b"")), few)
    assert isinstance(bad, UploadTooLarge)
    assert "more than 100 folders" in bad.reason


@pytest.mark.parametrize("make", [write_zip, write_tar])
def test_names_that_are_too_long_together_are_refused(tmp_path: Path, make: Callable[..., Path]) -> None:
    files = {f"{'x' * 90}{number:02d}.png": b"1" for number in range(40)} | {"DS/._junk" + "y" * 90: b""}
    source = make(tmp_path / "a", files)
    assert inspect_upload(source, Limits(name_bytes=40 * 100)).images == 40
    assert "names of the files" in inspection_error(source, Limits(name_bytes=38 * 100)).reason


@pytest.mark.parametrize("make", [write_zip, write_tar])
def test_a_file_that_lies_too_deep_is_skipped_with_its_reason(tmp_path: Path, make: Callable[..., Path]) -> None:
    deep, deeper = "a/" * 64 + "x.png", "a/" * 65 + "y.png"
    inspection = inspect_upload(make(tmp_path / "a", VALID_FILES | {deep: b"1", deeper: b"1"}))
    assert deep in {entry.path for entry in inspection.entries}
    assert [(file.path, file.reason) for file in inspection.skipped] == [
        (deeper, "it lies more than 64 folders deep; move it up")
    ]


def test_sound_extended_headers_are_read(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a", "w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "сто"}) as archive:
        for number in range(3):
            info = tarfile.TarInfo(f"кошки/{'имя' * 30}{number}.png")
            info.pax_headers = {"SCHILY.xattr.user.note": "a=b\nc" * 500, "mtime": "1700000000.123456789"}
            archive.addfile(info, io.BytesIO(b""))
    assert [entry.path[-5:] for entry in inspect_upload(tmp_path / "a").entries] == ["0.png", "1.png", "2.png"]


def test_the_process_answers_as_the_function_does(tmp_path: Path) -> None:
    InspectionProcess(write_zip(tmp_path / "good", VALID_FILES), Limits()).run(seconds=SECONDS)
    for limits, content in ((Limits(), b"text"), (Limits(files=2), None)):
        source = tmp_path / "bad"
        write_zip(source, VALID_FILES) if content is None else source.write_bytes(content)
        expected = inspection_error(source, limits)
        with pytest.raises(type(expected)) as caught:
            InspectionProcess(source, limits).run(seconds=SECONDS)
        assert (caught.value.reason, caught.value.path) == (expected.reason, expected.path)
    with pytest.raises(FileNotFoundError):
        InspectionProcess(tmp_path / "missing", Limits()).run(seconds=SECONDS)


def test_the_memory_of_the_process_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_tar(tmp_path / "a", dict.fromkeys(deep_names(1500, 50), b""))
    monkeypatch.setattr(inspection_process, "memory_limit", lambda _: 32 << 20)
    with pytest.raises(UploadTooLarge, match="takes more than 32 MiB of memory"):
        InspectionProcess(source, Limits()).run(seconds=SECONDS)
    assert memory_limit(Limits()) < 1 << 30


def test_the_time_of_the_process_is_bounded_and_it_can_be_stopped(tmp_path: Path) -> None:
    source = tmp_path / "a.gz"
    source.write_bytes(b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 50_000_000)  # a name of 50 MB, read byte by byte
    began = time.monotonic()
    with pytest.raises(InspectionTimeout):
        InspectionProcess(source, Limits()).run(seconds=0.5)
    process = InspectionProcess(source, Limits(), is_slow=True)
    process.stop()
    with pytest.raises(InspectionStopped):
        process.run(seconds=SECONDS)
    assert time.monotonic() - began < 5
