"""Sound pixels beside metadata that a decoder stumbles over: the same file without them. Runs in the sandbox only.

Decoders refuse a file for a chunk that is damaged or unusually large, though its pixels do not depend on it.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.imaging.png_chunks import SIGNATURE, PngChunk, png_chunks

MAX_UNPACKED = 1 << 20  # bytes of a compressed chunk, as Pillow allows
NEEDED_CHUNKS = (b"tRNS", b"acTL", b"fcTL", b"fdAT")  # they change the pixels, or say that there are several images
EXACT_BYTES = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"cICP": 4, b"tIME": 7, b"acTL": 8}
START_OF_SCAN, STANDALONE = 0xDA, (0x01, *range(0xD0, 0xD9))
METADATA_SEGMENTS = (*range(0xE1, 0xEE), 0xEF, 0xFE)  # not JFIF, nor Adobe's, which says how colours are stored


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairedFile:
    """A file without some of its metadata.

    Attributes:
        data: The file.
        dropped: What it lacks, for the user, such as "its chunk iCCP".
    """

    data: bytes
    dropped: str


def repaired(data: bytes) -> Iterator[RepairedFile]:
    """The same image with less and less metadata: to be tried in turn if the file itself cannot be decoded.

    Args:
        data: The file; nothing is yielded for kinds of files whose decoders do not stumble over metadata.
    """
    if data.startswith(SIGNATURE):
        yield from _repaired_png(data)
    elif data.startswith(b"\xff\xd8"):
        yield from _repaired_jpeg(data)


def _repaired_png(data: bytes) -> Iterator[RepairedFile]:
    chunks = [*png_chunks(data)]
    tail = data[len(SIGNATURE) + sum(len(chunk.stored) for chunk in chunks) :]
    for is_dropped in (_is_bad, lambda chunk: chunk.is_ancillary and chunk.name not in NEEDED_CHUNKS):
        names = [*dict.fromkeys(chunk.name for chunk in chunks if is_dropped(chunk))]
        if names:
            retained = [chunk.stored for chunk in chunks if not is_dropped(chunk)]
            dropped = ", ".join(name.decode("ascii", "replace") for name in names[:5])
            yield RepairedFile(
                data=b"".join((SIGNATURE, *retained, tail)),
                dropped=f"its {'chunk' if len(names) == 1 else 'chunks'} {dropped}",
            )


def _is_bad(chunk: PngChunk) -> bool:
    """Whether an ancillary chunk is damaged, or would unpack to too much."""
    if not chunk.is_ancillary:
        return False
    packed = _packed_part(chunk)
    return (
        not chunk.is_sound
        or (packed is not None and not _unpacks(packed))
        or len(chunk.content) != EXACT_BYTES.get(chunk.name, len(chunk.content))
    )


def _packed_part(chunk: PngChunk) -> bytes | None:
    """The compressed bytes of a chunk, b"" where there should be some; None if it has none."""
    content = bytes(chunk.content) if chunk.name in (b"iCCP", b"zTXt", b"iTXt") else b""
    _, _, rest = content.partition(b"\0")
    if chunk.name in (b"iCCP", b"zTXt"):
        return rest[1:] if rest[:1] == b"\0" else b""
    if chunk.name == b"iTXt" and rest[:1] == b"\1":
        return rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return None


def _unpacks(packed: bytes) -> bool:
    decoder = zlib.decompressobj()
    try:
        decoder.decompress(packed, MAX_UNPACKED)
    except zlib.error:
        return False
    return decoder.eof and not decoder.unconsumed_tail


def _repaired_jpeg(data: bytes) -> Iterator[RepairedFile]:
    segments, rest = _segments(data)
    kinds: dict[str, Callable[[int, bytes], bool]] = {
        "its list of further images (MPF)": lambda marker, head: marker == 0xE2 and head.startswith(b"MPF\0"),
        "its colour profile": lambda marker, head: marker == 0xE2,
        "its EXIF and XMP": lambda marker, head: marker == 0xE1,
        "its Photoshop data": lambda marker, head: marker == 0xED,
        "its metadata": lambda marker, head: marker in METADATA_SEGMENTS,
        "all that is not needed for its pixels": lambda marker, head: 0xE0 <= marker <= 0xEF or marker == 0xFE,
    }
    for what, is_dropped in kinds.items():
        retained = [stored for marker, stored in segments if not is_dropped(marker, stored[4:16])]
        if len(retained) < len(segments):
            yield RepairedFile(data=b"".join((b"\xff\xd8", *retained, rest)), dropped=what)


def _segments(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The segments of a JPEG before its first scan, each with its marker, and the rest of the file."""
    found: list[tuple[int, bytes]] = []
    start = 2
    while start + 4 <= len(data) and data[start] == 0xFF:
        marker = data[start + 1]
        if marker == 0xFF or marker in STANDALONE:
            start += 1 if marker == 0xFF else 2
            continue
        end = start + 2 + struct.unpack_from(">H", data, start + 2)[0]
        if marker == START_OF_SCAN or end > len(data) or end < start + 4:
            break
        found.append((marker, data[start:end]))
        start = end
    return found, data[start:]
