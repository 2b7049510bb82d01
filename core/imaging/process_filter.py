"""A filter of the kernel (seccomp) that lets a process start threads, but no further process and no other program.

Some decoders need threads. A limit on the number of processes would forbid threads too. Linux on x86-64 and arm64 only.
"""

import ctypes
import errno
import os
import struct
import sys

PR_SET_SECCOMP, MODE_FILTER = 22, 2  # prctl(2)
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # classic BPF, with a constant
ALLOW, REFUSE = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
NUMBER_AT, MACHINE_AT, FLAGS_AT = 0, 4, 16  # in struct seccomp_data: the call, the machine, the first argument
CLONE_THREAD = 0x00010000
FIRST_X32_CALL = 0x40000000  # a second set of numbers for the same calls on x86-64

MACHINES = {  # by os.uname().machine: AUDIT_ARCH, clone, and the other calls that start a process or a program
    "x86_64": (0xC000003E, 56, (57, 58, 59, 322)),  # fork, vfork, execve, execveat
    "aarch64": (0xC00000B7, 220, (221, 281)),  # execve, execveat
}
CLONE3 = 435  # its flags lie in memory, which a filter cannot read; without it the C library takes clone


def allow_threads_only() -> bool:
    """Forbid this process for good to start processes and programs. It must have no new privileges (prctl(2)).

    Returns:
        Whether the kernel has the filter; if not, nothing has changed.
    """
    if sys.platform != "linux" or os.uname().machine not in MACHINES or sys.maxsize < 2**32:
        return False
    program = b"".join(_instructions(*MACHINES[os.uname().machine]))
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))  # struct sock_fprog
    return ctypes.CDLL(None).prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.c_char_p(header), 0, 0) == 0


def _instructions(machine: int, clone: int, forbidden: tuple[int, ...]) -> list[bytes]:
    """struct sock_filter for each step: the code, how many steps to skip if true and if false, the constant."""

    def step(code: int, constant: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("=HBBI", code, if_true, if_false, constant)

    refuse = step(RETURN, REFUSE | errno.EPERM)
    steps = [
        step(LOAD, MACHINE_AT),
        step(JUMP_EQUAL, machine, 1),
        refuse,
        step(LOAD, NUMBER_AT),
        step(JUMP_AT_LEAST, FIRST_X32_CALL, 0, 1),
        refuse,
        step(JUMP_EQUAL, CLONE3, 0, 1),
        step(RETURN, REFUSE | errno.ENOSYS),
    ]
    for number in forbidden:
        steps += [step(JUMP_EQUAL, number, 0, 1), refuse]
    return [
        *steps,
        step(JUMP_EQUAL, clone, 0, 3),
        step(LOAD, FLAGS_AT),
        step(JUMP_BITS, CLONE_THREAD, 1, 0),
        refuse,
        step(RETURN, ALLOW),
    ]
