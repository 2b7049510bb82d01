"""What may stand before the first boundary of a multipart body (RFC 2046, section 5.1.1): it is read and left out."""

import re

from api.problems import Problem

MAX_PREAMBLE_BYTES = 1 << 16


class Preamble:
    """Leaves out the preamble of a body that arrives in chunks.

    Args:
        boundary: The boundary between the parts, from the Content-Type.
    """

    def __init__(self, boundary: str) -> None:
        self._first = re.compile(rb"(?:\A|\r\n)(--" + re.escape(boundary.encode("latin-1")) + rb"(?:\r\n|--))")
        self._waiting: bytearray | None = bytearray()

    @property
    def is_all(self) -> bool:
        """Whether something has arrived, and no boundary."""
        return bool(self._waiting)

    def strip(self, data: bytes) -> bytes:
        """Take the next bytes of the body.

        Args:
            data: The bytes.

        Returns:
            What follows the preamble, from the first boundary on; empty until the boundary has arrived.

        Raises:
            Problem: 400 if there is no boundary within `MAX_PREAMBLE_BYTES`.
        """
        if self._waiting is None:
            return data
        self._waiting += data
        found = self._first.search(self._waiting)
        if (len(self._waiting) if found is None else found.start()) > MAX_PREAMBLE_BYTES:
            raise Problem(400, "The body does not begin with the boundary of its Content-Type.", kind="bad-form")
        if found is None:
            return b""
        rest = bytes(self._waiting[found.start(1) :])
        self._waiting = None
        return rest
