"""What belongs to this process alone: an empty root folder, a network without a device, a user without rights."""

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass

from core.imaging.isolation import kernel

NOBODY = 65534  # user and group id without rights
OWN = kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS


@dataclass(frozen=True, slots=True)
class Separation:
    """What a process has left: whether its network is its own, its root folder is empty, and its user is another."""

    network: bool = False
    empty_root: bool = False
    user: bool = False


def separate() -> Separation:
    """Leave the network, the file system and the user, as far as the system allows. Without capabilities afterwards.

    Root needs no user namespace, and becomes `nobody`. An ordinary user takes a user namespace for the rights to do
    the rest, and stays the same user outside of it.
    """
    is_root = os.geteuid() == 0
    network = is_root and _unshare(OWN)
    empty = is_root and _empty_root()
    user = is_root and _become_nobody()
    if not network and not empty:
        network = _unshare(OWN | kernel.CLONE_NEWUSER)
        empty = network and _empty_root()
    with suppress(OSError):
        kernel.drop_capabilities()
    return Separation(network, empty, user)


def _unshare(flags: int) -> bool:
    try:
        kernel.unshare(flags)
    except OSError:
        return False
    return True


def _empty_root() -> bool:
    """Take a folder that is removed at once for the root: nobody can create a file in it."""
    try:
        folder = tempfile.mkdtemp(prefix="unteachable-")
        try:
            os.chdir(folder)
        finally:
            os.rmdir(folder)  # noqa: PTH106
        os.chroot(".")
    except OSError:
        return False
    return True


def _become_nobody() -> bool:
    with suppress(OSError):  # a container may have no such user, or no right to change
        os.setgroups([])
    try:
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError:
        return False
    return True
