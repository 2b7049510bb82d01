"""The protocol between the application and a sandbox process: frames of JSON and byte strings over pipes.

A frame is the length of the JSON and the number of blobs (4 bytes each, big-endian), the length of each blob (8 bytes
each), the JSON, and the blobs. The application checks every number before it allocates memory.
"""

import json
import os
import select
import struct
from typing import Any, BinaryIO, Literal

from core.errors import SandboxError
from core.runtime.awake_clock import awake_seconds

HEAD = struct.Struct(">II")
Operation = Literal["probe", "pixels", "encode_with_noise", "encode_at_targets", "thumbnail", "windows"]
"""See core.imaging.operations."""
MODES = ("L", "RGB", "LA", "RGBA")  # Pillow's modes of the images that come out
MAX_JSON_BYTES = 1 << 24
MAX_BLOBS = 1 << 12
MAX_BLOB_BYTES = 1 << 31
POLL_SECONDS = 0.5  # a pause of this process uses up at most so much of a time limit

Frame = tuple[dict[str, Any], list[bytes]]


def pack(message: dict[str, Any], blobs: list[bytes]) -> list[bytes]:
    """A frame, as chunks to write one after another.

    Args:
        message: Values that JSON can hold.
        blobs: Byte strings that follow it.
    """
    data = json.dumps(message, separators=(",", ":")).encode()
    lengths = struct.pack(f">{len(blobs)}Q", *map(len, blobs))
    return [HEAD.pack(len(data), len(blobs)) + lengths + data, *blobs]


def read_frame(file: BinaryIO) -> Frame | None:
    """Read the next frame of a blocking file that is trusted; None at its end."""
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    size, count = HEAD.unpack(head)
    lengths = struct.unpack(f">{count}Q", file.read(8 * count))
    message = json.loads(file.read(size))
    return message, [file.read(length) for length in lengths]


class FramedPipe:
    """The application's end of two pipes to an untrusted process, which cannot block it.

    Args:
        to_process: File descriptor to write to.
        from_process: File descriptor to read from.
    """

    def __init__(self, to_process: int, from_process: int) -> None:
        self._out, self._in = to_process, from_process
        os.set_blocking(to_process, False)
        os.set_blocking(from_process, False)
        self._buffer = bytearray()

    def send(self, chunks: list[bytes], *, timeout: float) -> None:
        """Write all chunks.

        Args:
            chunks: What to write.
            timeout: Maximum time in seconds.

        Raises:
            SandboxError: The process has ended or does not read in time.
        """
        deadline = awake_seconds() + timeout
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                try:
                    view = view[os.write(self._out, view) :]
                except BlockingIOError:
                    self._wait(self._out, select.POLLOUT, deadline)
                except OSError as error:
                    raise SandboxError("gone") from error

    def receive(self, *, timeout: float) -> Frame:
        """Read the next frame.

        Args:
            timeout: Maximum time in seconds for the whole frame.

        Raises:
            SandboxError: The process has ended, does not answer in time, or sends an invalid frame.
        """
        deadline = awake_seconds() + timeout
        size, count = HEAD.unpack(self._read(HEAD.size, deadline))
        if size > MAX_JSON_BYTES or count > MAX_BLOBS:
            raise SandboxError("invalid")
        lengths = struct.unpack(f">{count}Q", self._read(8 * count, deadline))
        if any(length > MAX_BLOB_BYTES for length in lengths):
            raise SandboxError("invalid")
        try:
            message = json.loads(self._read(size, deadline))
        except ValueError as error:
            raise SandboxError("invalid") from error
        if not isinstance(message, dict):
            raise SandboxError("invalid")
        return message, [self._read(length, deadline) for length in lengths]

    def _read(self, size: int, deadline: float) -> bytes:
        while len(self._buffer) < size:
            try:
                chunk = os.read(self._in, max(1 << 16, min(size - len(self._buffer), 1 << 20)))
            except BlockingIOError:
                self._wait(self._in, select.POLLIN, deadline)
                continue
            except OSError as error:
                raise SandboxError("gone") from error
            if not chunk:
                raise SandboxError("gone")
            self._buffer += chunk
        data = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return data

    @staticmethod
    def _wait(fd: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(fd, event)
        while not poll.poll(min(POLL_SECONDS, max(0.0, deadline - awake_seconds())) * 1000):
            if awake_seconds() >= deadline:
                raise SandboxError("silent")
