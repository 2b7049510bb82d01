"""A folder for unfinished work of the command line: killed, the same command goes on from there."""

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
def unfinished(folder: Path | None, *, sources: Sequence[Path], asked: Mapping[str, Any]) -> Iterator[CheckpointStore]:
    """A shelf in `folder` for what is `asked`, as JSON takes it, of these files and folders; None keeps nothing.

    At a clean end the folder is removed, and where nothing was put on the shelf; else it stays for the next run. Raises
    BadInput where it holds other things, or the work of another command, other files or another version.
    """
    if folder is None:
        yield NullCheckpointStore()
        return
    about = {
        "asked": dict(asked),
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
    """Make the folder ours, or see that it is."""
    known = read_json(folder / ABOUT)
    if known == about:
        return
    if known is not None:
        raise BadInput(
            f"{folder} holds unfinished work of another command, of other files or of another version: remove it, or "
            "name another folder with --work"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} holds other things: name a new folder with --work")
    write_json(folder / ABOUT, about)


def _state(source: Path) -> list[list[Any]]:
    """Name, size in bytes and time of change of a file, or of each file in a folder."""
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    return [[str(f.relative_to(source.parent)), f.stat().st_size, f.stat().st_mtime_ns] for f in files]
