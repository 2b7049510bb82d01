"""A folder for unfinished work of the command line: after a kill, the same command resumes from it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.runtime.atomic_files import read_json, write_json
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.distributed import on_rank_0, rank
from core.runtime.folder_checkpoints import FolderCheckpointStore
from core.version import CHECKPOINT_VERSION, versions

ABOUT = "about.json"


@contextmanager
def resumable_checkpoints(
    folder: Path | None, *, sources: Sequence[Path], command: Mapping[str, Any]
) -> Iterator[CheckpointStore]:
    """Open the checkpoints of a command.

    At a clean end the folder is removed, and so is a folder without checkpoints. Otherwise it stays for the next run.

    Args:
        folder: A new folder, or that of an earlier run; None to save nothing.
        sources: The files and folders that the command reads.
        command: What the command does, as JSON. A run resumes only the work of the same command, files and version.

    Raises:
        BadInput: The folder holds other things, or the work of another command, of other files or of another version.
    """
    if folder is None:
        yield NullCheckpointStore()
        return
    about = {
        "asked": dict(command),
        "sources": list(map(_state, sources)),
        "versions": versions(),
        "kept": CHECKPOINT_VERSION,
    }
    on_rank_0(lambda: _claim(folder, json.loads(json.dumps(about))))
    checkpoints, done = FolderCheckpointStore(folder), False
    try:
        yield checkpoints
        done = True
    finally:
        if rank() == 0 and (done or {path.name for path in folder.iterdir()} <= {ABOUT}):
            checkpoints.remove()


def _claim(folder: Path, about: dict[str, Any]) -> None:
    """Start a new folder, or check that an old one is of the same work."""
    found = read_json(folder / ABOUT)
    if found == about:
        return
    if found is not None:
        raise BadInput(
            f"{folder} holds unfinished work of another command, of other files or of another version: remove it, or "
            "name another folder with --work"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} holds other things: name a new folder with --work")
    write_json(folder / ABOUT, about)


def _state(source: Path) -> list[list[Any]]:
    """Name, size in bytes and modification time in nanoseconds of a file, or of each file in a folder."""
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    return [[str(f.relative_to(source.parent)), f.stat().st_size, f.stat().st_mtime_ns] for f in files]
