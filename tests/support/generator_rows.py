"""Files of generators that hold a card and no weights: enough for tests that do not run them."""

import json
import struct
from pathlib import Path
from typing import Any

from core.generators.card import CARD_KEY, Card

VALUES: dict[str, Any] = {
    "name": "Drawn things",
    "method": "sem",
    "preset": "quick",
    "architecture": "small",
    "channels": 3,
    "size": 32,
    "class_names": ("ant", "bee", "cow"),
    "radius_u": 8,
    "radius_a": 4,
    "seed": 0,
    "updates": 60,
    "images": 90,
    "data": "drawn",
    "device": "CPU, 2 cores",
    "command": "unteachable train drawn drawn.safetensors",
    "created_at": "2026-01-01T00:00:00Z",
    "versions": {"torch": "2"},
}


def a_card(**other: Any) -> Card:
    """A card with every field filled."""
    return Card(**(VALUES | other))


def card_file(path: Path, **other: Any) -> Path:
    """A safetensors file that is all header."""
    header = json.dumps({"__metadata__": {CARD_KEY: a_card(**other).to_json()}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    return path
