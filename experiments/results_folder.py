"""A results folder belongs to one set of images at one scale. Its about.json records both."""

import json
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.runtime.atomic_files import read_json, write_json

ABOUT = "about.json"


def check_or_create(folder: Path, *, data: str, scale: str) -> None:
    """Mark a new folder with this data and scale, or check that it has them.

    Args:
        folder: the results folder; created if it is missing.
        data: fingerprint of the images.
        scale: name of the scale.

    Raises:
        BadInput: the folder has other files, or results of other data or another scale.
    """
    about = read_json(folder / ABOUT)
    if about is None:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadInput(f"{folder} holds other things; name a new folder with --out")
        write_json(folder / ABOUT, {"data": data, "scale": scale})
    elif about.get("data") != data:
        raise BadInput(f"{folder} has results of other data; name another folder with --out")
    elif about.get("scale") != scale:
        raise BadInput(f"{folder} has results at --scale {about.get('scale')}; name another folder with --out")


def check_or_save_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Save the settings of a new folder, or check that its results were measured with them.

    Args:
        folder: the results folder, marked by `check_or_create`.
        settings: the settings of the scale, for JSON.

    Raises:
        BadInput: the folder has results of other settings.
    """
    about, requested = read_json(folder / ABOUT), json.loads(json.dumps(settings))
    if about.setdefault("settings", requested) != requested:
        other = "another version's settings, or of the other choice of --official"
        raise BadInput(f"{folder} has results of {other}; name another folder with --out")
    write_json(folder / ABOUT, about)
