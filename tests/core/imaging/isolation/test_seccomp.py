"""The filter of system calls, run by a small interpreter: what it decides on both machines."""

import errno
import re
import resource
import struct
from pathlib import Path

import pytest

from core.imaging.isolation import landlock
from core.imaging.isolation.seccomp import AUDIT_ARCH, CALLS, CLONE, MMAP, MPROTECT, PRLIMIT, TGKILL, filter_program

ALLOW, REFUSE = 0x7FFF_0000, 0x0005_0000
PROCESS = 4242
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
COLUMNS = list(enumerate(AUDIT_ARCH))
CONDITIONAL = {"mmap": MMAP, "mprotect": MPROTECT, "clone": CLONE, "tgkill": TGKILL, "prlimit64": PRLIMIT}


def decide(machine: str, call: int, *arguments: int, arch: int | None = None) -> int:
    """Interpret the program on struct seccomp_data, as the kernel does."""
    program = filter_program(machine, PROCESS)
    steps = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    values = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", call, AUDIT_ARCH[machine] if arch is None else arch, 0, *(v % 2**64 for v in values))
    at = loaded = 0
    while True:
        code, if_true, if_false, constant = steps[at]
        at += 1
        if code == 0x20:
            loaded = struct.unpack_from("=I", data, constant)[0]
        elif code == 0x06:
            return constant
        else:
            test = {0x15: loaded == constant, 0x35: loaded >= constant, 0x45: bool(loaded & constant)}[code]
            at += if_true if test else if_false


@pytest.mark.parametrize(("column", "machine"), COLUMNS)
def test_only_the_listed_calls_are_allowed(column: int, machine: str) -> None:
    allowed = {numbers[column] for numbers in CALLS.values()}
    conditional = {numbers[column] for numbers in CONDITIONAL.values()}
    for call in range(600):
        if call in allowed:
            assert decide(machine, call) == ALLOW
        elif call == 435:
            assert decide(machine, call) == REFUSE | errno.ENOSYS
        elif call not in conditional:
            assert decide(machine, call) == REFUSE | errno.EPERM, call


@pytest.mark.parametrize(("column", "machine"), COLUMNS)
def test_conditions_on_arguments(column: int, machine: str) -> None:
    thread, high = 0x003D0F00, 1 << 40
    for call, arguments, allowed in (
        (MMAP, (0, 4096, 3), True),
        (MMAP, (0, 4096, 7), False),
        (MMAP, (0, 4096, 4 | high), False),
        (MPROTECT, (0, 4096, 1), True),
        (MPROTECT, (0, 4096, 5), False),
        (CLONE, (thread,), True),
        (CLONE, (17,), False),  # SIGCHLD: a process
        (CLONE, (17 | high,), False),
        (TGKILL, (PROCESS, 1), True),
        (TGKILL, (PROCESS + 1, 1), False),
        (PRLIMIT, (0, resource.RLIMIT_CPU), True),
        (PRLIMIT, (1, resource.RLIMIT_CPU), False),
        (PRLIMIT, (0, resource.RLIMIT_AS), False),
    ):
        assert (decide(machine, call[column], *arguments) == ALLOW) == allowed, (call, arguments)


@pytest.mark.parametrize("machine", AUDIT_ARCH)
def test_calls_by_another_convention_are_refused(machine: str) -> None:
    read = CALLS["read"][list(AUDIT_ARCH).index(machine)]
    assert decide(machine, read) == ALLOW
    assert decide(machine, read, arch=0x4000_0003) == REFUSE | errno.EPERM  # i386
    assert decide(machine, read | 1 << 30) == REFUSE | errno.EPERM  # x32


@pytest.mark.parametrize(("column", "machine"), COLUMNS)
def test_the_numbers_are_those_of_the_kernel(column: int, machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip("the headers of the kernel are not installed")
    text = HEADERS[machine].read_text()
    numbers = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+) (\d+)", text)}
    for name, pair in (CALLS | CONDITIONAL).items():
        assert pair[column] == numbers[name], name


@pytest.mark.parametrize(("version", "size"), [(1, 8), (2, 8), (3, 8), (4, 16), (5, 16), (6, 24), (7, 24), (9, 24)])
def test_landlock_handles_all_rights_of_a_version(version: int, size: int) -> None:
    handled = landlock.handled_rights(version)
    assert len(handled) == size
    assert struct.unpack_from("=Q", handled)[0] == {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF}.get(version, 0xFFFF)
