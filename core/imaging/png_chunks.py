"""The chunks of a PNG file. Standard library only."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class PngChunk:
    """One chunk.

    Attributes:
        name: Its four letters.
        content: Its bytes.
        stored: The whole chunk as it is stored, with length and checksum.
        is_sound: Whether its checksum is right.
    """

    name: bytes
    content: memoryview
    stored: memoryview
    is_sound: bool

    @property
    def is_ancillary(self) -> bool:
        """Whether the pixels can be decoded without it."""
        return bool(self.name[0] & 0x20)


def png_chunks(data: bytes) -> Iterator[PngChunk]:
    """The chunks of a PNG, up to the first one that is cut off.

    Args:
        data: The file; nothing is yielded for one that is no PNG.
    """
    view, start = memoryview(data), len(SIGNATURE)
    while data.startswith(SIGNATURE) and start + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, start)
        end = start + 12 + length
        if end > len(data):
            return
        name, content = bytes(view[start + 4 : start + 8]), view[start + 8 : end - 4]
        sound = zlib.crc32(view[start + 4 : end - 4]) == struct.unpack_from(">I", data, end - 4)[0]
        yield PngChunk(name=name, content=content, stored=view[start:end], is_sound=sound)
        start = end
