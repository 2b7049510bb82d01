"""The data folder: other users of the machine cannot enter it, and a folder of an earlier version is mended."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.runtime.atomic_files import write_bytes
from tests.support.private import open_to_others


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        env=os.environ | {"UNTEACHABLE_DATA_DIR": str(folder), "UNTEACHABLE_LOG_FORMAT": "json"},
        umask=0o022,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def test_a_new_folder_is_private_and_one_of_an_earlier_version_is_mended(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    quiet = command(folder, "token")
    assert quiet.stdout.startswith("unt_")
    assert "data_folder" not in quiet.stderr
    assert (folder / "unteachable.db").exists()
    assert open_to_others(folder) == []
    folder.chmod(0o755)
    mended = command(folder, "token")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert '"data_folder.made_private"' in mended.stderr
    assert '"mode_before": "755"' in mended.stderr
    assert mended.stdout.startswith("unt_")
    assert mended.stdout.count("\n") == 1


@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o022, 0o644)])
def test_a_new_file_follows_the_mask_of_the_process(mask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write_bytes(tmp_path / "new" / "file", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new" / "file").stat().st_mode) == mode
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["file"]
