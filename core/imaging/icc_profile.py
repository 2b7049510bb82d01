"""Small colour profiles that are made from primaries and a gamma (ICC.1:2001-04, a display profile with a matrix)."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Chromaticity = tuple[float, float]
D65: Chromaticity = (0.3127, 0.3290)
D50_XYZ = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
CURVE_STEPS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourSpace:
    """An RGB colour space with white D65.

    Attributes:
        name: For the user.
        primaries: CIE x and y of red, green and blue.
        gamma: The exponent that makes values linear; None for the curve of sRGB.
    """

    name: str
    primaries: tuple[Chromaticity, Chromaticity, Chromaticity]
    gamma: float | None = None


SRGB = ColourSpace(name="sRGB", primaries=((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)))
ADOBE_RGB = ColourSpace(
    name="Adobe RGB (1998) compatible", primaries=((0.640, 0.330), (0.210, 0.710), (0.150, 0.060)), gamma=563 / 256
)


def matrix_profile(space: ColourSpace) -> bytes:
    """The ICC profile of a colour space.

    Args:
        space: The colour space.
    """
    curve = _curve(space.gamma)
    tags = {
        b"desc": _description(space.name),
        b"cprt": b"text\0\0\0\0CC0\0",
        b"wtpt": _xyz(D50_XYZ),
        **{name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _columns(space), strict=True)},
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, body, places = b"", b"", dict[bytes, int]()
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        if content not in places:
            places[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", places[content], len(content))
    size = start + len(body)
    header = struct.pack(">I4s4s4s4s4s", size, bytes(4), b"\x02\x40\0\0", b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(D50_XYZ)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _columns(space: ColourSpace) -> NDArray[np.float64]:
    """The CIE XYZ of red, green and blue, adapted to D50; a row each."""
    red_green_blue = np.array([_to_xyz(primary) for primary in space.primaries]).T
    white = _to_xyz(D65)
    scaled = red_green_blue * np.linalg.solve(red_green_blue, white)
    adapted = np.linalg.inv(BRADFORD) @ np.diag(BRADFORD @ D50_XYZ / (BRADFORD @ white)) @ BRADFORD
    return (adapted @ scaled).T


def _to_xyz(chromaticity: Chromaticity) -> NDArray[np.float64]:
    x, y = chromaticity
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    values = np.linspace(0, 1, CURVE_STEPS)
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return b"curv\0\0\0\0" + struct.pack(">I", CURVE_STEPS) + np.rint(linear * 65535).astype(">u2").tobytes()


def _description(name: str) -> bytes:
    text = name.encode("ascii") + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(8) + bytes(3 + 67)


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _fixed(values: NDArray[np.float64]) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)
