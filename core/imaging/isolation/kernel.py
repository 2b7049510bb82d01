"""The few calls of the Linux kernel that Python's standard library lacks, by way of the C library. Errors are OSError.

Numbers are those of x86-64 and arm64; calls since Linux 5.1 have the same one everywhere.
"""

import ctypes
import os
import struct
import sys

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38  # prctl(2)
CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWNET = 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x4000_0000
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF, LANDLOCK_CREATE_RULESET_VERSION = 444, 446, 1
SECCOMP_CALL = {"x86_64": 317, "aarch64": 277}
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC = 1, 1  # seccomp(2); the flag: for all threads
CAPABILITY_VERSION_3 = 0x2008_0522  # capset(2)

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def machine() -> str:
    """Name of this machine's kind, such as x86_64. Empty where a process of 64 bits on Linux is not at hand."""
    return os.uname().machine if sys.platform == "linux" and sys.maxsize > 2**32 else ""


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process.

    Args:
        option: One of `PR_SET_…`.
        value: Its value.
    """
    _call("prctl", option, value, 0, 0, 0)


def unshare(flags: int) -> None:
    """Move this process to new namespaces.

    Args:
        flags: Some of `CLONE_NEW…`.
    """
    _call("unshare", flags)


def drop_capabilities() -> None:
    """Give up all capabilities of this process, also those that it may have in a user namespace of its own."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITY_VERSION_3, 0))
    none = ctypes.create_string_buffer(struct.pack("=6I", *[0] * 6))
    _call("capset", ctypes.addressof(header), ctypes.addressof(none))


def landlock_version() -> int:
    """Version of Landlock's interface. Raises OSError where the kernel has none."""
    return _call("syscall", LANDLOCK_CREATE_RULESET, 0, 0, LANDLOCK_CREATE_RULESET_VERSION)


def landlock_restrict(handled: bytes) -> None:
    """Forbid this thread, and those that it starts, everything of a kind.

    Args:
        handled: struct landlock_ruleset_attr: the kinds.
    """
    attributes = ctypes.create_string_buffer(handled, len(handled))
    rules = _call("syscall", LANDLOCK_CREATE_RULESET, ctypes.addressof(attributes), len(handled), 0)
    try:
        _call("syscall", LANDLOCK_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def filter_calls(program: bytes) -> None:
    """Filter the system calls of all threads of this process. It must have no new privileges.

    Args:
        program: Instructions of classic BPF, 8 bytes each.
    """
    instructions = ctypes.create_string_buffer(program, len(program))
    head = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions)))
    arguments = (SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, ctypes.addressof(head))
    if _call("syscall", SECCOMP_CALL[machine()], *arguments):
        raise OSError("a thread of this process cannot be filtered")


def _call(function: str, *arguments: int) -> int:
    if _libc is None:
        raise OSError("not on Linux")
    ctypes.set_errno(0)
    result = int(getattr(_libc, function)(*map(ctypes.c_long, arguments)))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
