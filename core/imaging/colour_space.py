"""What a file says about its colours outside of a colour profile. Runs in the sandbox only.

PNG: the chunks cICP, sRGB, gAMA and cHRM, which stay, because every PNG is delivered as a PNG. JPEG, TIFF, WebP and
HEIC: EXIF that says Adobe RGB (DCF 2.0), and HEIC and AVIF: a `colr` box of kind `nclx` (ITU-T H.273). Those would be
lost, so a colour profile says the same in the delivered file. No pixel is converted.
"""

import struct
from contextlib import suppress
from dataclasses import dataclass

from PIL import ExifTags, Image

from core.imaging.icc_profile import ADOBE_RGB, SRGB, ColourSpace, matrix_profile
from core.imaging.png_chunks import png_chunks

COLOUR_CHUNKS = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
EXACT_BYTES = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}
SRGB_GAMMA, SRGB_CHROMATICITIES = 45455, (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)  # as PNG states them
GAMMA_TOLERANCE, CHROMATICITY_TOLERANCE = 1000, 500

UNSPECIFIED = 2
PRIMARIES = {  # H.273, table 2: red, green, blue; all with white D65
    1: SRGB.primaries,
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
NAMES = {5: "BT.601 (625 lines)", 6: "BT.601 (525 lines)", 9: "BT.2020", 12: "Display P3"}
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}  # H.273, table 3; the other curves of cameras are shown as that of sRGB
HDR_TRANSFERS = (16, 18)  # PQ and HLG
ORDINARY_TRANSFERS = (1, 2, 6, 13, 14, 15)
NCLX = b"colrnclx"
MAX_HEADER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedColour:
    """What a file says about its colours outside of a colour profile.

    Attributes:
        chunks: Chunks of a PNG that are delivered as they are: name and content.
        icc: A colour profile that says the same; None if there is nothing to say.
        note: What the user should know, or None.
    """

    chunks: tuple[tuple[bytes, bytes], ...] = ()
    icc: bytes | None = None
    note: str | None = None


NOTHING = StatedColour()


def read_stated_colour(image: Image.Image, data: bytes, *, has_profile: bool) -> StatedColour:
    """What a file says about its colours.

    Args:
        image: The opened file.
        data: Its bytes.
        has_profile: Whether it has a colour profile that applies, which is stronger.
    """
    if image.format == "PNG":
        return _of_png(data, has_profile=has_profile)
    if has_profile or image.mode in ("1", "L", "LA", "CMYK"):
        return NOTHING
    if image.format in ("AVIF", "HEIF") and (stated := _of_nclx(data)) is not NOTHING:
        return stated
    if _says_adobe_rgb(image):
        note = "its EXIF says Adobe RGB, so the delivered file has a colour profile that says the same"
        return StatedColour(icc=matrix_profile(ADOBE_RGB), note=note)
    return NOTHING


def _of_png(data: bytes, *, has_profile: bool) -> StatedColour:
    found: dict[bytes, bytes] = {}
    for chunk in png_chunks(data):
        if chunk.name == b"IDAT":
            break
        if chunk.name in COLOUR_CHUNKS and len(chunk.content) == EXACT_BYTES[chunk.name] and chunk.is_sound:
            found.setdefault(chunk.name, bytes(chunk.content))
    if has_profile:
        found.pop(b"sRGB", None)  # a file with both is not valid; the profile is stronger
    if not found:
        return NOTHING
    special = () if has_profile and b"cICP" not in found else _special_chunks(found)
    note = None
    if special:
        names = ", ".join(name.decode() for name in special)
        note = f"its colours are not sRGB ({names}), which is kept: no pixel is converted"
    return StatedColour(chunks=tuple(found.items()), note=note)


def _special_chunks(found: dict[bytes, bytes]) -> list[bytes]:
    """The chunks that say other colours than sRGB, by the precedence of PNG 3: cICP, sRGB, then gAMA and cHRM."""
    if b"cICP" in found:
        primaries, transfer = found[b"cICP"][0], found[b"cICP"][1]
        ordinary = primaries in (1, UNSPECIFIED) and transfer in ORDINARY_TRANSFERS
        return [] if ordinary else [b"cICP"]
    if b"sRGB" in found:
        return []
    special: list[bytes] = []
    if b"gAMA" in found and abs(struct.unpack(">I", found[b"gAMA"])[0] - SRGB_GAMMA) > GAMMA_TOLERANCE:
        special.append(b"gAMA")
    if b"cHRM" in found:
        stated = struct.unpack(">8I", found[b"cHRM"])
        apart = max(abs(one - other) for one, other in zip(stated, SRGB_CHROMATICITIES, strict=True))
        special += [b"cHRM"] if apart > CHROMATICITY_TOLERANCE else []
    return special


def _of_nclx(data: bytes) -> StatedColour:
    place = data.find(NCLX, 0, MAX_HEADER_BYTES)
    if place < 0 or place + len(NCLX) + 4 > len(data):
        return NOTHING
    primaries, transfer = struct.unpack_from(">HH", data, place + len(NCLX))
    if transfer in HDR_TRANSFERS:
        return StatedColour(note="its brightness is coded for HDR screens, so it looks dull in the delivered file")
    if (primaries in (1, UNSPECIFIED) and transfer in ORDINARY_TRANSFERS) or primaries not in (*PRIMARIES, UNSPECIFIED):
        return NOTHING
    primaries = 1 if primaries == UNSPECIFIED else primaries
    name = NAMES.get(primaries, "sRGB with another gamma")
    space = ColourSpace(name=name, primaries=PRIMARIES[primaries], gamma=GAMMAS.get(transfer))
    return StatedColour(
        icc=matrix_profile(space),
        note=f"its colours are {name}, so the delivered file has a colour profile that says the same",
    )


def _says_adobe_rgb(image: Image.Image) -> bool:
    with suppress(Exception):  # untrusted tags; the pixels do not depend on them
        exif = image.getexif()
        details = exif.get_ifd(ExifTags.IFD.Exif)
        space = details.get(ExifTags.Base.ColorSpace)
        interop = exif.get_ifd(ExifTags.IFD.Interop).get(1, "")
        index = interop.decode("latin-1") if isinstance(interop, bytes) else str(interop)
        return bool(space == 2 or (space == 0xFFFF and index.startswith("R03")))
    return False
