"""Files with chunks, segments and metadata of any content, for the tests of decoding."""

import struct

from PIL import Image

from tests.support.image_kinds import RGB
from tests.support.uploads import encoded


def png_with(*chunks: bytes, after: bytes = b"", image: Image.Image = RGB) -> bytes:
    """A PNG with chunks before its pixels, and `after` them."""
    data = encoded(image, "PNG")
    return data[:33] + b"".join(chunks) + data[33:-12] + after + data[-12:]


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg_with(*segments: bytes, trailer: bytes = b"") -> bytes:
    """A JPEG with segments at its begin and bytes after its end."""
    data = encoded(RGB, "JPEG", quality=90)
    return data[:2] + b"".join(segments) + data[2:] + trailer
