"""The release, and the versions of the packages that a result depends on."""

import platform
from importlib import metadata

VERSION = "0.1.0"
CHECKPOINT_VERSION = 4
"""Increase it when a resumed run would end differently from a run of this code, though no preset has changed."""


def versions() -> dict[str, str]:
    """The version of each package that a result depends on, of Python and of this program."""
    packages = ("torch", "torchvision", "numpy", "pillow")
    return {"unteachable": VERSION, "python": platform.python_version()} | {p: metadata.version(p) for p in packages}
