"""The headers of a tar within limits: tarfile reads hostile ones in quadratic time and memory.

A header of 1 MB can cost tarfile hours (a long run of digits) or hundreds of gigabytes (records that overlap).
"""

import re
import tarfile
from typing import IO, Any, Self, cast

from core.errors import BadInput

MAX_HEADER_BYTES = 1 << 20  # for all headers of one file, and for all global headers: enough for long names
MAX_DIGITS = 300  # in a row; file systems allow names of 255 bytes
HEADERS_TOO_LARGE = "The headers of the tar are far too large; pack it again."
AFTER_END = "The tar has bytes after its end that are no tar; pack everything as one tar."
DAMAGED_HEADER = "A header of the tar is damaged; pack and upload it again."

_LENGTH = re.compile(rb"(\d{1,8}) ")
_DIGITS = re.compile(rb"\d+")


class LimitedTarInfo(tarfile.TarInfo):
    """A header that is checked before tarfile parses it.

    After the zero block that ends a tar another tar may follow, and nothing else. The stream that tarfile reads knows
    whether the last block was such an end: a tar that ends without it was cut off.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """As tarfile has it, but zeros that fill no block are padding."""
        is_padding = len(buf) < tarfile.BLOCKSIZE and not buf.strip(b"\0")
        return super().frombuf(b"" if is_padding else buf, encoding, errors)

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Self:
        """Read the next header. Raises BadInput for a hostile one, and what tarfile raises for a damaged one."""
        stream = tar.fileobj.fileobj  # type: ignore[attr-defined]
        after_end = stream.at_end
        try:
            header = super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            stream.pass_zero_block()
            raise
        except (tarfile.TruncatedHeaderError, tarfile.InvalidHeaderError) as error:  # type: ignore[attr-defined]
            raise BadInput(AFTER_END) if after_end else tarfile.ReadError(str(error)) from error
        stream.at_end = False
        return header

    def _proc_pax(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        file = cast(IO[bytes], tar.fileobj)
        block = file.read(self._block(self.size))  # type: ignore[attr-defined]
        check_pax_records(block[: self.size])
        if self.type == tarfile.XGLTYPE:
            tar.global_bytes = getattr(tar, "global_bytes", 0) + self.size  # type: ignore[attr-defined]
            if tar.global_bytes > MAX_HEADER_BYTES:  # type: ignore[attr-defined]
                raise BadInput(HEADERS_TOO_LARGE)
        tar.fileobj = cast(Any, _ReadAgain(tar, block))
        return cast(tarfile.TarInfo, super()._proc_pax(tar))  # type: ignore[misc]


class _ReadAgain:
    """Stands in for the file of a tar: the next read returns `block`, and those after it come from the file again."""

    def __init__(self, tar: tarfile.TarFile, block: bytes) -> None:
        self._tar, self._file, self._block = tar, tar.fileobj, block

    def read(self, _size: int) -> bytes:
        self._tar.fileobj = self._file
        return self._block


def check_pax_records(data: bytes) -> None:
    """Check that an extended header (POSIX.1-2001, pax) is a row of whole records.

    Args:
        data: The content of the header: records of the form `LENGTH KEY=VALUE` with a line end, where LENGTH counts
            the bytes of the whole record.

    Raises:
        BadInput: A record is damaged, or has an absurdly long number.
    """
    position = 0
    while position < len(data) and data[position]:
        length = _LENGTH.match(data, position)
        end = position + int(length[1]) if length else 0
        if length is None or not length.end() < end <= len(data) or data[end - 1] != ord("\n"):
            raise BadInput(DAMAGED_HEADER)
        if data.find(b"=", length.end(), end) < 0:
            raise BadInput(DAMAGED_HEADER)
        position = end
    if any(len(digits) > MAX_DIGITS for digits in _DIGITS.findall(data)):
        raise BadInput(DAMAGED_HEADER)
