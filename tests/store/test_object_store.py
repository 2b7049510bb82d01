"""The object store: atomic writes, ranges, and clear errors."""

import errno
import os
import resource
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from store.clock import utc_now
from store.object_reads import CHUNK_BYTES
from store.object_store import ObjectStore, open_object_store
from store.settings import Settings
from store.store_errors import StoreError


@pytest.fixture
def files(settings: Settings) -> ObjectStore:
    return open_object_store(settings)


def test_what_is_saved_can_be_fetched(files: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3 * CHUNK_BYTES + 17))
    files.save("jobs/a/archive.zip", source)
    files.fetch("jobs/a/archive.zip", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()
    assert files.size("jobs/a/archive.zip") == 3 * CHUNK_BYTES + 17
    assert files.exists("jobs/a/archive.zip")
    assert not files.exists("jobs/a/other.zip")


def test_moving_removes_the_file(files: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"mine")
    files.move("datasets/d/upload", source)
    assert not source.exists()
    assert files.load("datasets/d/upload") == b"mine"


@pytest.mark.parametrize("verb", ["save", "link", "move"])
def test_the_modified_time_is_when_it_was_stored(files: ObjectStore, tmp_path: Path, verb: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"mine")
    os.utime(source, (1e9, 1e9))
    getattr(files, verb)("datasets/d/upload", source)
    (age,) = files.modified_times("datasets").values()
    assert abs(age - utc_now()) < timedelta(minutes=1)


def test_a_fetched_copy_outlives_its_original(files: ObjectStore, tmp_path: Path) -> None:
    files.write("a", b"first")
    files.fetch("a", tmp_path / "copy")
    files.write("a", b"second")
    files.delete("a")
    assert (tmp_path / "copy").read_bytes() == b"first"


@pytest.mark.parametrize(("start", "end"), [(0, None), (5, None), (0, 1), (CHUNK_BYTES - 1, CHUNK_BYTES + 1), (7, 7)])
def test_a_range_is_read(files: ObjectStore, start: int, end: int | None) -> None:
    data = os.urandom(2 * CHUNK_BYTES + 3)
    files.write("a", data)
    assert b"".join(files.read("a", start, end)) == data[start:end]


def test_unknown_keys_raise(files: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.load("nothing")
    with pytest.raises(FileNotFoundError):
        next(files.read("nothing"))
    with pytest.raises(FileNotFoundError):
        files.fetch("nothing", tmp_path / "copy")
    files.delete("nothing")
    files.delete_prefix("nothing")


def test_deleting_a_folder_leaves_its_neighbours(files: ObjectStore, settings: Settings) -> None:
    for key in ("jobs/a/1/x", "jobs/a/2/y", "jobs/ab/z"):
        files.write(key, b"-")
    files.delete_prefix("jobs/a")
    assert files.list("jobs") == ["jobs/ab/z"]
    assert not (Path(settings.store) / "jobs" / "a").exists()


def test_a_reader_sees_the_old_or_the_new_whole(files: ObjectStore) -> None:
    versions = [bytes([n]) * 2_000_000 for n in range(8)]
    files.write("a", versions[0])
    over = threading.Event()
    torn: list[int] = []

    def watch() -> None:
        while not over.is_set():
            data = files.load("a")
            if len(data) != 2_000_000 or data != data[:1] * 2_000_000:
                torn.append(len(data))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for version in versions:
        files.write("a", version)
    over.set()
    watcher.join()
    assert torn == []


def test_a_store_that_cannot_be_written_raises(files: ObjectStore, settings: Settings, tmp_path: Path) -> None:
    (Path(settings.store) / "jobs").write_text("a file where a folder should be")
    with pytest.raises(StoreError) as caught:
        files.write("jobs/a/x", b"-")
    assert caught.value.errno == errno.ENOTDIR
    source = tmp_path / "source"
    source.write_bytes(b"-")
    with pytest.raises(StoreError):
        files.move("jobs/a/x", source)
    assert source.exists()


FULL = """
import errno, resource, signal, sys
from pathlib import Path
from store.object_store import open_object_store
from store.settings import Settings
from store.store_errors import StoreError
files = open_object_store(Settings(_env_file=None, data_dir=sys.argv[1]))
files.write("a", b"old")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    files.write("a", b"x" * (8 << 20))
except StoreError as error:
    assert error.errno == errno.EFBIG, error
    assert files.load("a") == b"old"
    assert files.list("") == ["a"], files.list("")
    print("refused")
"""


def test_a_full_disk_keeps_the_old_object(tmp_path: Path) -> None:
    """A limit on file sizes simulates a full disk: writing fails in the same way."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout == "refused\n", done.stderr


def test_the_probe_writes_and_deletes(files: ObjectStore, settings: Settings) -> None:
    files.probe()
    assert files.list("") == []
    (Path(settings.store) / "probe").write_text("in the way")
    with pytest.raises(StoreError):
        files.probe()
