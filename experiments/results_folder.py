"""The folder that results are kept in belongs to one set of images at one scale, and says so."""

import json
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.runtime.atomic_files import read_json, write_json

ABOUT = "about.json"


def claim(folder: Path, *, data: str, scale: str) -> None:
    """Make the folder ours, or see that it is. Raises BadInput where it holds other things or other results."""
    about = read_json(folder / ABOUT)
    if about is None:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadInput(f"{folder} holds other things; name a new folder with --out")
        write_json(folder / ABOUT, {"data": data, "scale": scale})
    elif about.get("data") != data:
        raise BadInput(f"{folder} has results of other data; name another folder with --out")
    elif about.get("scale") != scale:
        raise BadInput(f"{folder} has results at --scale {about.get('scale')}; name another folder with --out")


def claim_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Keep the settings in the folder. Raises BadInput where its results were measured with others."""
    about, requested = read_json(folder / ABOUT), json.loads(json.dumps(settings))
    if about.setdefault("settings", requested) != requested:
        raise BadInput(f"{folder} has results of another version's settings; name another folder with --out")
    write_json(folder / ABOUT, about)
