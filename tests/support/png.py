"""PNG files chunk by chunk, so that any of them can be wrong. Made with the standard library only."""

import struct
import zlib


def chunk(kind: bytes, content: bytes, *, damaged: bool = False) -> bytes:
    """A chunk of a PNG, with a wrong checksum on demand."""
    checksum = zlib.crc32(kind + content) ^ damaged
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png_file(width: int, height: int, rows: bytes, *, bits: int = 8, colour: int = 2, extra: bytes = b"") -> bytes:
    """A PNG with any header: `colour` is its colour type, `extra` are chunks before its pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + head + extra + pixels + chunk(b"IEND", b"")
