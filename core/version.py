"""Which release this is, and what it runs with."""

import platform
from importlib import metadata

VERSION = "0.1.0"
KEPT = 2  # counts up where unfinished work of before would end as something else, though no preset changed


def versions() -> dict[str, str]:
    """Of what a result depends on, besides the seed and the device."""
    packages = ("torch", "torchvision", "numpy", "pillow")
    return {"unteachable": VERSION, "python": platform.python_version()} | {p: metadata.version(p) for p in packages}
