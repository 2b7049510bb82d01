"""`unteachable backup` and `unteachable restore`: what they print, and how they end."""

import signal
from pathlib import Path
from typing import Any

from store.settings import Settings


def test_back_up_and_restore(run: Any, settings: Settings, tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    out = tmp_path / "night.tar"
    assert run(settings, "migrate")[0] == 0
    assert run(settings, "token")[0] == 0
    status, lines, printed = run(settings, "backup", str(out))
    assert (status, lines) == (0, [])
    assert str(out) in printed
    status, lines, _ = run(settings, "backup", str(out))
    assert (status, lines) == (2, [f"unteachable: {out} exists: name a new file"])
    status, (line,), _ = run(settings, "restore", str(out))
    assert status == 2
    assert "--replace" in line
    other = Settings(_env_file=None, data_dir=tmp_path / "other")
    status, lines, printed = run(other, "restore", str(out))
    assert (status, lines) == (0, [])
    assert "adopted" in printed or "owns the object store" in printed
    status, lines, _ = run(settings, "restore", str(out), "--replace")
    assert (status, lines) == (0, [])
    assert signal.getsignal(signal.SIGTERM) == handler


def test_what_is_no_backup_is_one_line(run: Any, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no tar")
    status, lines, _ = run(settings, "restore", str(tmp_path / "a.tar"))
    assert (status, lines) == (
        2,
        [f"unteachable: {tmp_path / 'a.tar'} is no backup of this service, or is not complete"],
    )
    status, lines, _ = run(settings, "restore", str(tmp_path / "none.tar"))
    assert (status, lines) == (1, [f"unteachable: {tmp_path / 'none.tar'}: No such file or directory"])
    status, lines, _ = run(settings, "backup", str(tmp_path / "none" / "a.tar"))
    assert status == 2
    assert lines[0].startswith(f"unteachable: there is no folder {tmp_path / 'none'}")


def test_maintenance_ends_with_the_command(run: Any, settings: Settings, tmp_path: Path) -> None:
    status, lines, _ = run(settings, "backup", "--maintenance", str(tmp_path / "a.tar"))
    assert (status, lines) == (0, [])
    status, _, printed = run(settings, "doctor", "--role", "api")
    assert "in maintenance" not in printed
