"""The little protocol between us and the restricted process: frames of JSON and bytes over pipes.

A frame is two big-endian numbers (4 bytes each: the length of the JSON, the count of blobs), the length of each blob
(8 bytes each), the JSON, the blobs. Whoever reads checks every number before it allocates anything.
"""

import json
import os
import select
import struct
import time
from typing import Any, BinaryIO

from core.errors import SandboxError

HEAD = struct.Struct(">II")
MODES = ("L", "RGB", "LA", "RGBA")  # the kinds of pixels that come out: 8 bits a channel, upright
MOST_JSON = 1 << 24
MOST_BLOBS = 1 << 12
MOST_BLOB = 1 << 31

Frame = tuple[dict[str, Any], list[bytes]]


def pack(message: dict[str, Any], blobs: list[bytes]) -> list[bytes]:
    """A frame, in pieces to be written one after the other."""
    data = json.dumps(message, separators=(",", ":")).encode()
    lengths = struct.pack(f">{len(blobs)}Q", *map(len, blobs))
    return [HEAD.pack(len(data), len(blobs)) + lengths + data, *blobs]


def read_frame(file: BinaryIO) -> Frame | None:
    """The next frame of a blocking file; None at its end."""
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    size, count = HEAD.unpack(head)
    lengths = struct.unpack(f">{count}Q", file.read(8 * count))
    message = json.loads(file.read(size))
    return message, [file.read(length) for length in lengths]


class FramedPipe:
    """Our end of two pipes to a process that is not trusted: nothing it does, or omits, blocks us for long.

    Both directions raise Broken past the deadline (seconds of silence), at the end of the stream, and on nonsense.
    """

    def __init__(self, to_child: int, from_child: int) -> None:
        self._out, self._in = to_child, from_child
        os.set_blocking(to_child, False)
        os.set_blocking(from_child, False)
        self._buffer = bytearray()

    def send(self, pieces: list[bytes], *, patience: float) -> None:
        """Write it all, waiting at most `patience` seconds."""
        deadline = time.monotonic() + patience
        for piece in pieces:
            view = memoryview(piece)
            while view:
                try:
                    view = view[os.write(self._out, view) :]
                except BlockingIOError:
                    self._wait(self._out, select.POLLOUT, deadline)
                except OSError as error:
                    raise SandboxError("gone") from error

    def receive(self, *, patience: float) -> Frame:
        """The next frame, waiting at most `patience` seconds for all of it."""
        deadline = time.monotonic() + patience
        size, count = HEAD.unpack(self._take(HEAD.size, deadline))
        if size > MOST_JSON or count > MOST_BLOBS:
            raise SandboxError("nonsense")
        lengths = struct.unpack(f">{count}Q", self._take(8 * count, deadline))
        if any(length > MOST_BLOB for length in lengths):
            raise SandboxError("nonsense")
        try:
            message = json.loads(self._take(size, deadline))
        except ValueError as error:
            raise SandboxError("nonsense") from error
        if not isinstance(message, dict):
            raise SandboxError("nonsense")
        return message, [self._take(length, deadline) for length in lengths]

    def _take(self, size: int, deadline: float) -> bytes:
        while len(self._buffer) < size:
            try:
                piece = os.read(self._in, max(1 << 16, min(size - len(self._buffer), 1 << 20)))
            except BlockingIOError:
                self._wait(self._in, select.POLLIN, deadline)
                continue
            except OSError as error:
                raise SandboxError("gone") from error
            if not piece:
                raise SandboxError("gone")
            self._buffer += piece
        taken = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return taken

    @staticmethod
    def _wait(fd: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(fd, event)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise SandboxError("silent")
