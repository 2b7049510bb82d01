"""What native code in a decoder may try: `main` restricts its process, tries, and tells what worked.

A process of the service (the victim) starts a child, as the sandbox does; the child restricts itself and tries each
attempt. One JSON object goes to standard error: `isolation`, and `done`: the attempts that worked.
"""

import ctypes
import errno
import json
import mmap
import os
import resource
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import core.imaging.isolation.restrict as restriction
from core.imaging.isolation import kernel
from core.imaging.isolation.namespaces import Separation
from core.imaging.isolation.seccomp import CALLS, CLONE, MMAP, MPROTECT, PRLIMIT, TGKILL

MEMORY = 1 << 30
LAST_CALL = 470
PROBES = {335, 336}  # of x86-64: the kernel lets them pass every filter, and ends a program that calls them
libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"


def call(number: int, *arguments: int) -> int:
    """A system call by its number."""
    result = int(libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def reaches_the_kernel(number: int, *arguments: int) -> None:
    """Raise if the kernel refuses the call as such; an error about its arguments means that it would do it."""
    try:
        call(number, *arguments)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOSYS):
            raise


def read_memory(process: int) -> None:
    target = ctypes.create_string_buffer(b"secret of the service")
    local = ctypes.create_string_buffer(8)
    here = ctypes.create_string_buffer(struct.pack("=2Q", ctypes.addressof(local), 8))
    there = ctypes.create_string_buffer(struct.pack("=2Q", ctypes.addressof(target), 8))
    call(310 if X86 else 270, process, ctypes.addressof(here), 1, ctypes.addressof(there), 1, 0)


def trace(process: int) -> None:
    ptrace = 101 if X86 else 117
    call(ptrace, 0x4206, process, 0, 0)  # PTRACE_SEIZE
    call(ptrace, 17, process, 0, 0)  # PTRACE_DETACH; fails as long as it runs


def connect(family: int, kind: int, address: Any) -> None:
    with socket.socket(family, kind) as one:
        one.settimeout(2)
        one.connect(address)
        one.send(b"secret")


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def map_memory(protection: int) -> None:
    mmap.mmap(-1, 4096, prot=protection)


def attempts(setup: dict[str, Any], victim: int) -> dict[str, Callable[[], object]]:
    """Each attempt by its name. It worked if it does not raise OSError or MemoryError."""
    own, port = Path(setup["folder"]), setup["port"]
    read, write = mmap.PROT_READ, mmap.PROT_WRITE
    tries: dict[str, Callable[[], object]] = {
        "read /etc/passwd": lambda: Path("/etc/passwd").read_bytes(),
        "read the database": lambda: (own / "unteachable.db").read_bytes(),
        "read the signing keys": lambda: (own / "secret_keys").read_bytes(),
        "list the root": lambda: next(Path("/").glob("*")),
        "ask for a file": lambda: Path("/etc/passwd").stat(),
        "write to /tmp": lambda: (Path("/tmp") / f"unteachable-escape-{os.getpid()}").write_bytes(b"x"),
        "make a folder": lambda: (own / "new").mkdir(),
        "delete a file": lambda: (own / "to-delete").unlink(),
        "read an inherited descriptor": lambda: os.pread(setup["descriptor"], 1, 0),
        "kill the parent": lambda: os.kill(victim, 0),
        "kill a thread of the parent": lambda: reaches_the_kernel(234 if X86 else 131, victim, victim, 0),
        "read the parent's memory": lambda: read_memory(victim),
        "read the parent's memory as a file": lambda: Path(f"/proc/{victim}/mem").open("rb").close(),
        "trace the parent": lambda: trace(victim),
        "limit the parent": lambda: resource.prlimit(victim, resource.RLIMIT_CORE, (0, 0)),
        "slow the parent": lambda: os.setpriority(os.PRIO_PROCESS, victim, os.getpriority(os.PRIO_PROCESS, victim) + 1),
        "connect by TCP": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)),
        "send by UDP": lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port)),
        "connect to an abstract socket": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + setup["abstract"]),
        "connect to a socket in a folder": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, setup["socket"]),
        "open a pipe": lambda: [os.close(end) for end in os.pipe()],
        "fork": fork,
        "start a process by clone3": lambda: reaches_the_kernel(435, 0, 0),
        "start a program": lambda: reaches_the_kernel(59 if X86 else 221, 0, 0, 0),
        "take all memory": lambda: mmap.mmap(-1, 2 * MEMORY, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close(),
        "make memory executable": lambda: map_memory(read | write | mmap.PROT_EXEC),
        "make memory executable later": lambda: reaches_the_kernel(10 if X86 else 226, 0, 0, read | mmap.PROT_EXEC),
        "take a user namespace": lambda: kernel.unshare(kernel.CLONE_NEWUSER),
        "become root": lambda: os.setresuid(0, 0, 0),
        "be root": lambda: None if os.geteuid() == 0 else (_ for _ in ()).throw(OSError()),
    }
    if setup["all calls"]:
        column = 0 if X86 else 1
        allowed = {numbers[column] for numbers in (*CALLS.values(), MMAP, MPROTECT, CLONE, TGKILL, PRLIMIT)}
        for number in {*range(LAST_CALL), (1 << 30) + 39} - allowed - PROBES:
            tries[f"call {number}"] = lambda number=number: reaches_the_kernel(number, -1, -1, -1, -1, -1, -1)
    return tries


def apply(layers: list[str]) -> None:
    """Leave out the layers that are not named, so that each is tested alone."""
    if "namespaces" not in layers:
        restriction.separate = Separation
    if "landlock" not in layers:
        restriction.forbid_paths = lambda: 0
    if "seccomp" not in layers:
        restriction.allow_decoding_only = lambda: False
    if "descriptors" not in layers:
        restriction._use_up_descriptors = lambda **_: None


def main() -> None:
    setup = json.loads(sys.argv[2])
    if setup["user"]:
        os.setgroups([])
        os.setresgid(*[setup["user"]] * 3)
        os.setresuid(*[setup["user"]] * 3)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # as a process that was started by this user
    if setup["drop capabilities"]:
        kernel.drop_capabilities()
    victim = os.getpid()
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    isolation = None
    if setup["layers"] is not None:
        apply(setup["layers"])
        isolation = restriction.restrict(memory=MEMORY, descriptors={0, 1, 2}, parent=victim)
    done = []
    for name, attempt in attempts(setup, victim).items():
        try:
            attempt()
        except (OSError, MemoryError, StopIteration):
            continue
        done.append(name)
    values = {
        "isolation": isolation and {**vars_of(isolation), "level": isolation.level},
        "done": done,
    }
    os.write(2, json.dumps(values).encode())
    os._exit(0)


def vars_of(isolation: Any) -> dict[str, Any]:
    return {name: getattr(isolation, name) for name in ("syscalls", "landlock", "empty_root", "network", "user")}
