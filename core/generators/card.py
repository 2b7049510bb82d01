"""The card of a trained noise generator. It is read from the head of the file by the standard library: no torch here.

The file is safetensors: eight bytes with the length of a JSON header, the header, and the weights. The card is JSON
text under the key CARD_KEY of the header's `__metadata__`. Nothing in such a file is executed or unpickled.
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

CARD_KEY = "unteachable.generator"
CARD_FORMAT = 1
MAX_FILE_BYTES = 25_000_000
MAX_HEADER_BYTES = 1 << 20
"""The names and shapes of a ResNet-50 take 30 thousand bytes."""
MAX_SIZE = 1024
"""In pixels; no preset works at more than 224."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a generator is and how it was made. The fields are the keys of the card's JSON, which are public.

    Attributes:
        name: The generator's name.
        method: How its noise is made, as in a spec.
        preset: The preset it was trained by.
        architecture: Network of the surrogate.
        channels: 1 for greyscale images, 3 for colour.
        size: Side in pixels at which it makes noise.
        class_names: The classes of the training data, in the order of the surrogate's outputs.
        radius_u: Largest change of a pixel, of 255.
        radius_a: Radius of the adversarial training that the noise withstands, of 255.
        seed: Random seed of the training.
        updates: Updates of the surrogate.
        images: Number of training images.
        data: Name of the training data.
        device: Where it was trained.
        command: The command or job that trained it.
        created_at: RFC 3339, UTC.
        versions: Releases of what the result depends on, by name.
        measured: What was measured of its noise, as any JSON (`core.generators.measurements`); None for nothing.
        network_updates: Updates of the noise network; 0 without one.
        grey_updates: Updates of the greyscale surrogate; 0 without one.

    Raises:
        ValueError: A value is of the wrong type, or impossible. The message continues "cannot be used:".
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
    created_at: str
    versions: Mapping[str, str]
    measured: Mapping[str, Any] | None = None
    network_updates: int = 0
    grey_updates: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_type(field.name, getattr(self, field.name), field.type)
        if self.method not in METHODS or self.method in METHODS_WITHOUT_SURROGATE:
            known = ", ".join(method for method in METHODS if method not in METHODS_WITHOUT_SURROGATE)
            raise ValueError(f"its method “{self.method}” is not one of {known}")
        if not is_valid_name(self.name):
            raise ValueError("its name is empty, too long, or cannot be printed")
        if self.channels not in (1, 3):
            raise ValueError(f"it has {self.channels} colour channels, not 1 or 3")
        if not 0 <= self.radius_a < self.radius_u <= 64:
            raise ValueError(f"its radius_u {self.radius_u} and radius_a {self.radius_a} do not go together")
        if self.size > MAX_SIZE:
            raise ValueError(f"it makes noise at {self.size} px, and the limit is {MAX_SIZE}")
        if min(self.size, self.images, self.updates) < 1 or self.classes < 2:
            raise ValueError("its size, images and updates must be 1 or more, and its classes 2 or more")
        if min(self.network_updates, self.grey_updates) < 0:
            raise ValueError("its network_updates and grey_updates must be 0 or more")

    @property
    def classes(self) -> int:
        """Number of the classes that it was trained on. The surrogate has one output for each."""
        return len(self.class_names)

    def to_dict(self) -> dict[str, Any]:
        """The card with the version of its format, as JSON takes it; `from_dict` reads it."""
        return {"format": CARD_FORMAT, **asdict(self), "class_names": list(self.class_names)}

    @classmethod
    def from_dict(cls, data: Any) -> "Card":
        """The card that `to_dict` wrote.

        Args:
            data: The card's JSON, from an untrusted file.

        Raises:
            ValueError: Something is missing, unknown or wrong; the message says what.
        """
        if not isinstance(data, dict):
            raise ValueError("its card is not a JSON object")
        if data.get("format") != CARD_FORMAT:
            raise ValueError(f"its card has format {data.get('format')!r}, and this release reads format {CARD_FORMAT}")
        required = {f.name: f.default is MISSING for f in fields(cls)}
        given = {key: value for key, value in data.items() if key != "format"}
        missing = [name for name, is_required in required.items() if is_required and name not in given]
        unknown = sorted(given.keys() - required)
        if unknown or missing:
            parts = [("lacks", missing), ("has unknown keys:", unknown)]
            raise ValueError("its card " + " and ".join(f"{verb} {', '.join(keys)}" for verb, keys in parts if keys))
        if isinstance(given["class_names"], list):
            given["class_names"] = tuple(given["class_names"])
        return cls(**given)

    def to_json(self) -> str:
        """The card as one line of ASCII JSON.

        Raises:
            ValueError: A number is infinite or NaN.
        """
        return json.dumps(self.to_dict(), sort_keys=True, allow_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorHeader:
    """The header of a generator's file.

    Attributes:
        card: The card.
        tensors: Dtype, as safetensors names it, and shape of each tensor, by name.
    """

    card: Card
    tensors: Mapping[str, tuple[str, tuple[int, ...]]]


def read_card(path: Path) -> Card:
    """The card of a generator's file.

    Args:
        path: The file.

    Raises:
        BadInput: The file is not a generator.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return read_header(file, path.stat().st_size, path.name).card


def read_header(file: IO[bytes], size: int, name: str) -> GeneratorHeader:
    """The header of a generator's file.

    Args:
        file: At its beginning.
        size: Bytes of the whole file.
        name: What messages call the file.

    Raises:
        BadInput: The file is not a generator, is too large, or its card is wrong.
    """
    check_file_bytes(size, name)
    try:
        header = _header(file, size)
    except ValueError:
        raise BadInput(
            f"“{name}” is not a safetensors file. Make a generator with `unteachable train`.", name
        ) from None
    text = header.pop("__metadata__", {}).get(CARD_KEY)
    if not isinstance(text, str):
        raise BadInput(f"“{name}” is a safetensors file without a card, so it is not a noise generator.", name)
    try:
        card = Card.from_dict(json.loads(text, parse_constant=_refuse_constant))
        tensors = {key: (str(one["dtype"]), tuple(map(int, one["shape"]))) for key, one in header.items()}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = str(error) if type(error) is ValueError else "its card or its table of weights is damaged"
        raise BadInput(f"“{name}” is a generator that cannot be used: {reason}.", name) from None
    return GeneratorHeader(card=card, tensors=tensors)


def check_file_bytes(size: int, name: str) -> None:
    """Check that a generator's file is not too large.

    Args:
        size: Bytes of the file.
        name: What messages call the file.

    Raises:
        BadInput: It is larger than MAX_FILE_BYTES.
    """
    if size > MAX_FILE_BYTES:
        raise BadInput(
            f"“{name}” is larger than a generator may be: {size / 1e6:.1f} of {MAX_FILE_BYTES / 1e6:.0f} MB.", name
        )


def _header(file: IO[bytes], size: int) -> dict[str, Any]:
    """Raises ValueError where there is no JSON header."""
    start = file.read(8)
    if len(start) < 8:
        raise ValueError("too short")
    (length,) = struct.unpack("<Q", start)
    if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
        raise ValueError("no length of a header")
    try:
        header = json.loads(file.read(length).decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
        raise ValueError("no JSON object")
    return header


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"its card has {constant} where a number should be")


def _check_type(name: str, value: Any, expected: Any) -> None:
    """Raises ValueError unless a value has the type of its field."""
    if get_origin(expected) is tuple:
        matches = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    elif get_origin(expected) is Mapping:
        matches = isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values())
    elif type(None) in get_args(expected):
        matches = value is None or isinstance(value, Mapping)
    else:
        matches = type(value) is expected
    if not matches:
        raise ValueError(f"its {name} is {str(value)[:80]!r}, which is of the wrong type")
