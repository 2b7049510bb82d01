"""The parts of a multipart form: a file, a short text, and a file that was not chosen."""

from collections.abc import Callable
from typing import IO, Protocol

from api.problems import field_problem

MAX_TEXT_BYTES = 1000  # of a field that is not a file


class Part(Protocol):
    """Receives the content of one part."""

    def write(self, data: bytes) -> None:
        """Add the next bytes. Raises Problem 422 if the part is invalid."""

    def close(self) -> None:
        """End the part. Raises Problem 422 if it is invalid."""


class FilePart:
    """A file, written to `out`."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def write(self, data: bytes) -> None:
        """Add the next bytes."""
        self._out.write(data)

    def close(self) -> None:
        """Close the file."""
        self._out.close()


class TextPart:
    """A short text.

    Args:
        field: The name of the field, for errors.
        on_text: Receives the text at the end of the part.
    """

    def __init__(self, field: str, on_text: Callable[[str], None]) -> None:
        self._field, self._on_text, self._data = field, on_text, bytearray()

    def write(self, data: bytes) -> None:
        """Add the next bytes. Raises Problem 422 for a text of more than `MAX_TEXT_BYTES`."""
        self._data += data
        if len(self._data) > MAX_TEXT_BYTES:
            raise field_problem(self._field, f"is longer than {MAX_TEXT_BYTES} bytes")

    def close(self) -> None:
        """Pass the text on. Raises Problem 422 if it is not UTF-8."""
        try:
            self._on_text(self._data.decode())
        except UnicodeDecodeError:
            raise field_problem(self._field, "is not UTF-8") from None


class EmptyPart:
    """The empty part that a browser sends for a file field without a file."""

    def write(self, data: bytes) -> None:
        """Raises Problem 422 for content, because it has no file name."""
        if data:
            raise field_problem("file", "has no file name")

    def close(self) -> None:
        """End the part."""
