"""What cannot be read or written ends a command with one line that names it: never a traceback, never a success."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from cli.faults import describe_fault
from ops import data_dir
from ops.data_dir import DataDirUnusable, require_data_dir
from store.database import connect
from tests.support.uploads import two_classes, write_zip

PROGRAM = [sys.executable, "-m", "cli.main"]
ROOT = Path(__file__).parents[2]


def run(*words: object, **environment: object) -> subprocess.CompletedProcess[str]:
    """Run a command with settings of its own."""
    variables = os.environ | {"UNTEACHABLE_PORT": "1"} | {name: str(value) for name, value in environment.items()}
    return subprocess.run([*PROGRAM, *map(str, words)], env=variables, capture_output=True, text=True, check=False)


def assert_one_line(done: subprocess.CompletedProcess[str], *words: object) -> None:
    """Check that a command failed with one line that has these words."""
    assert done.returncode not in (0, None), done.stdout
    assert done.stdout == ""
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("unteachable")
    for word in words:
        assert str(word) in line


@pytest.mark.parametrize("command", ["token", "up"])
def test_a_data_folder_that_is_a_file_is_one_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "var").write_text("a file")
    done = run(command, UNTEACHABLE_DATA_DIR=tmp_path / "var")
    assert_one_line(done, f"the data folder {tmp_path / 'var'} cannot be written", "set UNTEACHABLE_DATA_DIR")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["link", "migrate", "api", "worker", "demo"])
def test_so_it_is_for_every_command_of_the_service(tmp_path: Path, command: str) -> None:
    done = run(command, UNTEACHABLE_DATA_DIR="/proc/nothing/var")
    assert_one_line(done, "the data folder /proc/nothing/var cannot be written", "set UNTEACHABLE_DATA_DIR")


def test_a_data_folder_can_be_new_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    require_data_dir(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_data_folder_on_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(data_dir.os, "fsync", fail)
    with pytest.raises(DataDirUnusable, match=f"the disk of the data folder {tmp_path} is full"):
        require_data_dir(tmp_path)


def error_of(action: Callable[[], object]) -> BaseException:
    """The error that an action raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the system raises
        action()
    return caught.value


def write_to_full_device() -> None:
    with Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")


def test_a_full_disk_names_what_was_written_and_not_what_was_read(tmp_path: Path) -> None:
    error = error_of(write_to_full_device)
    assert isinstance(error, OSError)
    assert error.filename is None
    line = describe_fault(error, source=tmp_path / "in.zip", written=[tmp_path / "new" / "out.zip"])
    assert line is not None
    assert line.startswith(f"{tmp_path / 'new' / 'out.zip'}: the disk is full")


@pytest.mark.parametrize(
    ("named", "place"),
    [
        ("/data/.out.zip.abc.part", "/data/out.zip"),
        ("/data/work/noise/1", "/data/work"),
        ("/elsewhere/x", "/elsewhere/x"),
        ("TMP/unteachable-abc/x", "TMP, the folder of temporary files"),
    ],
)
def test_the_place_that_is_full_is_told_from_the_file(named: str, place: str) -> None:
    named, place = (text.replace("TMP", tempfile.gettempdir()) for text in (named, place))
    error = OSError(errno.ENOSPC, "No space left on device", named)
    line = describe_fault(error, written=[Path("/data/out.zip"), Path("/data/work")])
    assert line is not None
    assert line.startswith(f"{place}: the disk is full")


def test_other_errors_of_the_system_are_one_line(tmp_path: Path) -> None:
    missing = error_of(lambda: (tmp_path / "x" / "y").read_bytes())
    assert describe_fault(missing) == f"{tmp_path}/x/y: No such file or directory"
    denied = OSError(errno.EROFS, "Read-only file system", "/x")
    assert describe_fault(denied) == "/x: Read-only file system: name a place that this user can write to"
    assert describe_fault(PermissionError("others can read it")) == "others can read it"
    assert (
        describe_fault(OSError(errno.EIO, "Input/output error"), source=Path("in.zip")) == "in.zip: Input/output error"
    )
    assert describe_fault(ValueError("a fault of the program")) is None


def test_a_database_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "unteachable.db").write_bytes(b"no database" * 100)
    database = connect(f"sqlite+pysqlite:///{tmp_path / 'unteachable.db'}")
    error = error_of(lambda: database.engine.connect())
    database.dispose()
    line = describe_fault(error)
    assert line is not None
    assert "the database cannot be used (file is not a database)" in line
    full = OperationalError("INSERT", {}, Exception("database or disk is full"))
    assert "the disk is full" in str(describe_fault(full))


def test_what_is_neither_a_file_nor_a_folder_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run("protect", tmp_path / "pipe", tmp_path / "out.zip")
    assert_one_line(done, f"{tmp_path / 'pipe'} is neither a file nor a folder")


@pytest.mark.slow
def test_a_full_output_disk_is_one_line(tmp_path: Path) -> None:
    """On a disk of 256 kB, which a namespace of its own can mount without privileges."""
    source, small = write_zip(tmp_path / "in.zip", two_classes()), tmp_path / "small"
    small.mkdir()
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=256k none {small}"
    if (
        shutil.which("unshare") is None
        or subprocess.run([*namespace, mount], check=False, capture_output=True).returncode
    ):
        pytest.skip("this machine gives no namespace in which a small disk can be mounted")
    fill = f'{sys.executable} -c \'open("{small}/fill", "wb").write(bytes(250 << 10))\' && exec '
    words = ["protect", str(source), f"{small}/out.zip", "--preset", "instant", "--evidence", "none"]
    for environment, command, place in (
        ({}, words, f"{small}/out.zip: the disk is full"),
        ({"UNTEACHABLE_DATA_DIR": f"{small}/var"}, ["token"], f"the data folder {small}/var is full"),
    ):
        program = fill + " ".join([*PROGRAM, *command])
        script = f"{mount} && {program}"
        done = subprocess.run(
            [*namespace, script], env=os.environ | environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode in (1, 2), done.stderr
        assert place in done.stderr.strip().splitlines()[-1]
        assert "Traceback" not in done.stderr
