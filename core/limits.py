"""How much an upload may hold, and the records of files that are left out or get another name."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The maximum that one upload may hold. Sizes are in bytes after unpacking."""

    bytes: int = 20 * 2**30
    files: int = 200_000
    file_bytes: int = 512 * 2**20
    pixels: int = 100_000_000  # of one image
    depth: int = 64  # folders above one file
    name_bytes: int = 64 * 2**20  # of the paths of all files together, as UTF-8
    decoder_bytes: int = 0  # address space of a process that decodes images; 0: by the memory of the machine
    decoders: int = 0  # processes that decode images at the same time; 0: by its cores and memory
    ratio: int = 200  # unpacked / packed bytes; images stay far below it, an archive bomb exceeds it by far
    ratio_free_bytes: int = 256 * 2**20  # `ratio` applies only beyond this size: drawings as BMP do pack 500 : 1
    sandbox_level: str = "limits"  # the least isolation of the processes that decode images


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """One file of an upload that is not used as an image, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class RenamedFile:
    """A file or folder of an upload that has another name in the archive: its new path, its old one, and why."""

    path: str
    was: str
    reason: str


def readable_bytes(count: int) -> str:
    """A size in bytes for display, with a binary unit, such as `1.5 GiB`."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:,.1f} {unit}".replace(".0 ", " ")
    return f"{count:,} bytes"
