"""The card of a trained noise generator, read from the head of its file by the standard library alone: no torch here.

The file is safetensors: eight bytes with the length of a JSON header, the header, and the weights. The card is JSON
too, under the one key CARD of the header's `__metadata__`. Nothing in such a file is ever run or unpickled.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any, NoReturn, get_args, get_origin

from core.errors import BadInput
from core.filenames import is_valid_name
from core.specs.protect import METHODS, METHODS_WITHOUT_SURROGATE

CARD = "unteachable.generator"
FORMAT = 1
MOST_BYTES = 25_000_000  # of the whole file
MOST_HEADER = 1 << 20  # bytes; a ResNet-50's names and shapes take 30 thousand
LARGEST = 1024  # px; no preset works at more than 224
NO_NUMBERS = ("NaN", "Infinity", "-Infinity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a generator is and how it was made. Radii are in pixel units of 255. Raises ValueError for what cannot be.

    `class_names` are those it was trained on, in the order of its outputs; `updates` are those of the surrogate, and
    `network_updates` those of the noise network, 0 where the file has none, and `grey_updates` those of the surrogate
    that judged its noise in grey, 0 where none did. `measured` is its protection, where that was measured: whatever
    JSON the measurement gave.
    """

    name: str
    method: str
    preset: str
    architecture: str
    channels: int
    size: int
    class_names: tuple[str, ...]
    radius_u: int
    radius_a: int
    seed: int
    updates: int
    images: int
    data: str
    device: str
    command: str
    created_at: str  # RFC 3339, UTC
    versions: Mapping[str, str]
    measured: Mapping[str, Any] | None = None
    network_updates: int = 0
    grey_updates: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_type(field.name, getattr(self, field.name), field.type)
        if self.method not in METHODS or self.method in METHODS_WITHOUT_SURROGATE:
            known = ", ".join(method for method in METHODS if method not in METHODS_WITHOUT_SURROGATE)
            raise ValueError(f"its method “{self.method}” is none of {known}")
        if not is_valid_name(self.name):
            raise ValueError("its name is empty, too long, or cannot be printed")
        if self.channels not in (1, 3):
            raise ValueError(f"it has {self.channels} colour channels, and only 1 and 3 are known")
        if not 0 <= self.radius_a < self.radius_u <= 64:
            raise ValueError(f"its radii {self.radius_u} and {self.radius_a} do not go together")
        if self.size > LARGEST:
            raise ValueError(f"it works at {self.size} px, and only up to {LARGEST} are known")
        if min(self.size, self.images, self.updates) < 1 or self.classes < 2:
            raise ValueError("its size, images and updates must be 1 or more, and its classes 2 or more")
        if min(self.network_updates, self.grey_updates) < 0:
            raise ValueError("the updates of its noise network and of its judge in grey must be 0 or more")

    @property
    def classes(self) -> int:
        """How many classes it was trained on; it has an output for each."""
        return len(self.class_names)

    def to_dict(self) -> dict[str, Any]:
        """The card with its format's version, as JSON takes it; `from_dict` reads it back."""
        return {"format": FORMAT, **asdict(self), "class_names": list(self.class_names)}

    @classmethod
    def from_dict(cls, data: Any) -> "Card":
        """The card that `to_dict` gave. Raises ValueError that says what is missing, unknown or wrong."""
        if not isinstance(data, dict):
            raise ValueError("its card is no JSON object")
        if data.get("format") != FORMAT:
            raise ValueError(f"its card has format {data.get('format')!r}, and this release reads {FORMAT}")
        known = {f.name: f.default is MISSING for f in fields(cls)}
        given = {key: value for key, value in data.items() if key != "format"}
        unknown, missing = sorted(given.keys() - known), [n for n, must in known.items() if must and n not in given]
        if unknown or missing:
            parts = [("lacks", missing), ("has unknown keys:", unknown)]
            raise ValueError("its card " + " and ".join(f"{say} {', '.join(which)}" for say, which in parts if which))
        if isinstance(given["class_names"], list):
            given["class_names"] = tuple(given["class_names"])
        return cls(**given)

    def to_json(self) -> str:
        """The card as one line of ASCII JSON. Raises ValueError on infinities and NaN."""
        return json.dumps(self.to_dict(), sort_keys=True, allow_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of a generator's file: its card, and dtype and shape of each tensor by name."""

    card: Card
    tensors: Mapping[str, tuple[str, tuple[int, ...]]]


def read_card(path: Path) -> Card:
    """The card of a generator's file. Raises BadInput for a file that is none, OSError where it cannot be read."""
    with path.open("rb") as file:
        return read_head(file, path.stat().st_size, path.name).card


def read_head(file: IO[bytes], size: int, name: str) -> Head:
    """The head of a file of `size` bytes; raises BadInput, which calls the file `name` and says what is wrong."""
    check_bytes(size, name)
    try:
        header = _header(file, size)
    except ValueError:
        raise BadInput(f"“{name}” is no safetensors file: make a generator with `unteachable train`.", name) from None
    text = header.pop("__metadata__", {}).get(CARD)
    if not isinstance(text, str):
        raise BadInput(f"“{name}” is a safetensors file without a card: it is no noise generator.", name)
    try:
        card = Card.from_dict(json.loads(text, parse_constant=_refuse_constant))
        tensors = {key: (str(one["dtype"]), tuple(map(int, one["shape"]))) for key, one in header.items()}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = str(error) if type(error) is ValueError else "its card or its table of weights is damaged"
        raise BadInput(f"“{name}” is a generator that cannot be used: {reason}.", name) from None
    return Head(card=card, tensors=tensors)


def check_bytes(size: int, name: str) -> None:
    """Raises BadInput for a file that is larger than a generator may be."""
    if size > MOST_BYTES:
        raise BadInput(
            f"“{name}” is larger than a generator may be: {size / 1e6:.1f} of {MOST_BYTES / 1e6:.0f} MB.", name
        )


def _header(file: IO[bytes], size: int) -> dict[str, Any]:
    """The JSON header. Raises ValueError for anything else."""
    start = file.read(8)
    if len(start) < 8:
        raise ValueError("too short")
    (length,) = struct.unpack("<Q", start)
    if not 2 <= length <= min(MOST_HEADER, size - 8):
        raise ValueError("no length")
    try:
        header = json.loads(file.read(length).decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
        raise ValueError("no table")
    return header


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"its card has {constant} where a number should be")


def _check_type(name: str, value: Any, wanted: Any) -> None:
    """Raises ValueError where a value of the card is not of the type that its field says."""
    if get_origin(wanted) is tuple:
        fine = isinstance(value, tuple) and all(isinstance(one, str) for one in value)
    elif get_origin(wanted) is Mapping:
        fine = isinstance(value, Mapping) and all(isinstance(one, str) for one in value.values())
    elif type(None) in get_args(wanted):
        fine = value is None or isinstance(value, Mapping)
    else:
        fine = type(value) is wanted
    if not fine:
        raise ValueError(f"its {name} is {str(value)[:80]!r}, which is not of the right kind")
