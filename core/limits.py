"""How much an upload may hold, and how it is said that it is no good: as a whole, or one file of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that is taken of one upload; sizes in bytes, after unpacking."""

    bytes: int = 20 * 2**30
    files: int = 200_000
    file_bytes: int = 512 * 2**20
    pixels: int = 100_000_000  # of one picture
    ratio: int = 200  # unpacked against packed; pictures stay far below, an archive bomb far above
    ratio_free_bytes: int = 256 * 2**20  # so much may unpack at any ratio: drawings as BMP do pack 500 : 1


class BadInput(ValueError):
    """An upload that cannot be used as a whole: `reason` says in one sentence what is wrong and what to do."""

    def __init__(self, reason: str, path: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


class UploadTooLarge(BadInput):
    """An upload that is over a limit."""


class NotAnArchive(BadInput):
    """An upload that is none of the kinds of archive that are read here."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """One file that is left out, and why."""

    path: str
    reason: str


def readable_bytes(count: int) -> str:
    """A size as people say it: 1.5 GiB."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:,.1f} {unit}".replace(".0 ", " ")
    return f"{count:,} bytes"
