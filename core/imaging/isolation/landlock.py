"""Landlock: no path of the file system, no TCP, no signals to other processes, as far as the kernel knows these."""

import struct

from core.imaging.isolation import kernel

PATH_RIGHTS = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 5: 0xFFFF}  # LANDLOCK_ACCESS_FS_…, all since a version
TCP_RIGHTS = 0x3  # to bind and to connect, since version 4
SCOPES = 0x3  # abstract unix sockets and signals, since version 6


def forbid_paths() -> int:
    """Forbid this thread for good, and those that it starts, every path, and what else Landlock knows.

    Set no new privileges before.

    Returns:
        Version of Landlock's interface; 0 where the kernel has none.
    """
    try:
        version = kernel.landlock_version()
        kernel.landlock_restrict(handled_rights(version))
    except OSError:
        return 0
    return version


def handled_rights(version: int) -> bytes:
    """struct landlock_ruleset_attr: all rights of a version. No rule gives one of them back.

    Args:
        version: Of Landlock's interface, from 1.
    """
    paths = max(rights for since, rights in PATH_RIGHTS.items() if since <= version)
    if version < 4:
        return struct.pack("=Q", paths)
    return struct.pack("=2Q", paths, TCP_RIGHTS) + (struct.pack("=Q", SCOPES) if version >= 6 else b"")
