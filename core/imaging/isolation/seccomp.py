"""The system calls that decoding needs: a filter of the kernel (seccomp) that refuses all others.

It is applied after the decoders are loaded, so nothing is opened, connected or started any more. Memory never becomes
executable. Linux on x86-64 and arm64 only.
"""

import errno
import os
import resource
import struct
from dataclasses import dataclass

from core.imaging.isolation import kernel

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # classic BPF, with a constant
ALLOW, REFUSE = 0x7FFF_0000, 0x0005_0000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
NUMBER_AT, MACHINE_AT, ARGUMENTS_AT = 0, 4, 16  # in struct seccomp_data: the call, the machine, 8 bytes each argument
AUDIT_ARCH = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
FIRST_X32_CALL = 0x4000_0000  # a second set of numbers for the same calls on x86-64
CLONE_THREAD, PROT_EXEC = 0x0001_0000, 0x4

CALLS = {  # name: numbers on x86-64 and arm64; the most frequent first
    "futex": (202, 98),
    "read": (0, 63),
    "write": (1, 64),
    "munmap": (11, 215),
    "brk": (12, 214),
    "madvise": (28, 233),
    "mremap": (25, 216),
    "getrusage": (98, 165),
    # Threads, and their end
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "rt_sigprocmask": (14, 135),
    "rt_sigaction": (13, 134),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "gettid": (186, 178),
    "getpid": (39, 172),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "restart_syscall": (219, 128),
    # Time, chance and open descriptors
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "getrandom": (318, 278),
    "sysinfo": (99, 179),
    "readv": (19, 65),
    "writev": (20, 66),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "close": (3, 57),
}
MMAP, MPROTECT, CLONE = (9, 222), (10, 226), (56, 220)
TGKILL, PRLIMIT = (234, 131), (302, 261)
CLONE3 = 435  # its flags lie in memory, which a filter cannot read; without it the C library takes clone


@dataclass(frozen=True, slots=True)
class Condition:
    """What the lower 32 bits of an argument must be.

    Attributes:
        argument: Its place, from 0.
        code: JUMP_EQUAL: they are `value`. JUMP_BITS: they share a bit with `value`.
        value: A constant of 32 bits.
        holds: False: the contrary.
    """

    argument: int
    code: int
    value: int
    holds: bool = True


def allow_decoding_only() -> bool:
    """Refuse for good every system call of this process that decoding does not need. Set no new privileges before.

    Returns:
        Whether the kernel has the filter; if not, nothing has changed.
    """
    if kernel.machine() not in AUDIT_ARCH:
        return False
    try:
        kernel.filter_calls(filter_program(kernel.machine(), os.getpid()))
    except OSError:
        return False
    return True


def filter_program(machine: str, process: int) -> bytes:
    """The filter: struct sock_filter for each step.

    Args:
        machine: x86_64 or aarch64.
        process: Id of the process, which may send signals to itself: that is how a program aborts.
    """
    column = list(AUDIT_ARCH).index(machine)
    refuse, allow = _step(RETURN, REFUSE | errno.EPERM), _step(RETURN, ALLOW)
    steps = [
        _step(LOAD, MACHINE_AT),
        _step(JUMP_EQUAL, AUDIT_ARCH[machine], 1),
        refuse,
        _step(LOAD, NUMBER_AT),
        _step(JUMP_AT_LEAST, FIRST_X32_CALL, 0, 1),
        refuse,
        _step(JUMP_EQUAL, CLONE3, 0, 1),
        _step(RETURN, REFUSE | errno.ENOSYS),
    ]
    not_executable = Condition(2, JUMP_BITS, PROT_EXEC, holds=False)
    for numbers, conditions in (
        (MMAP, [not_executable]),
        (MPROTECT, [not_executable]),
        (CLONE, [Condition(0, JUMP_BITS, CLONE_THREAD)]),
        (TGKILL, [Condition(0, JUMP_EQUAL, process)]),
        (PRLIMIT, [Condition(0, JUMP_EQUAL, 0), Condition(1, JUMP_EQUAL, resource.RLIMIT_CPU)]),
    ):
        checks = [step for condition in conditions for step in _check(condition, refuse)]
        steps += [_step(JUMP_EQUAL, numbers[column], 0, len(checks) + 1), *checks, allow]
    for numbers in CALLS.values():
        steps += [_step(JUMP_EQUAL, numbers[column], 0, 1), allow]
    return b"".join([*steps, refuse])


def _check(condition: Condition, refuse: bytes) -> list[bytes]:
    skip = (1, 0) if condition.holds else (0, 1)
    return [
        _step(LOAD, ARGUMENTS_AT + 8 * condition.argument),
        _step(condition.code, condition.value, *skip),
        refuse,
    ]


def _step(code: int, constant: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction: the code, how many steps to skip if true and if false, the constant."""
    return struct.pack("=HBBI", code, if_true, if_false, constant)
