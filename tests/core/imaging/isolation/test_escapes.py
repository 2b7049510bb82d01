"""Each claim of the sandbox, by code that tries the contrary: as root, as an ordinary user, without capabilities.

A control without restrictions does what is tried, so the attempts are real. Then each layer is tested alone.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.imaging.isolation import kernel

ROOT = Path(__file__).parents[4]
ORDINARY = 54321
ALL = ["namespaces", "landlock", "seccomp", "descriptors"]
USERS = ["root", "ordinary", "root without capabilities"] if os.geteuid() == 0 else ["ordinary"]
FILES = {
    "read /etc/passwd", "read the database", "read the signing keys", "list the root", "write to /tmp", "make a folder",
    "delete a file", "read the parent's memory as a file",
}  # fmt: skip
ALWAYS = {"read an inherited descriptor", "take all memory"}
PARENT = {"kill the parent", "kill a thread of the parent", "read the parent's memory", "trace the parent"}
NETWORK = {"connect by TCP", "send by UDP", "connect to an abstract socket"}
START = "import json,sys;sys.path[:]=json.loads(sys.argv[1]);from tests.support.escapes import main;main()"


@pytest.fixture
def attack(tmp_path: Path) -> Iterator[Any]:
    """Run the attempts; returns those that worked, and what the child said of its isolation."""
    held, write = (tmp_path / "descriptor"), {"unteachable.db", "secret_keys", "to-delete", "descriptor"}
    for name in write:
        (tmp_path / name).write_text("secret")
        (tmp_path / name).chmod(0o600)
    listeners = [socket.create_server(("127.0.0.1", 0))]
    abstract, path = f"unteachable-{os.getpid()}-{tmp_path.name}", f"/tmp/unteachable-{os.getpid()}-{tmp_path.name}"
    for address in ("\0" + abstract, path):
        listeners.append(socket.socket(socket.AF_UNIX))
        listeners[-1].bind(address)
        listeners[-1].listen()
    Path(path).chmod(0o777)
    descriptor = os.open(held, os.O_RDONLY)

    def attack(user: str, layers: list[str] | None, *, all_calls: bool = False) -> tuple[set[str], dict[str, Any]]:
        own = ORDINARY if user == "ordinary" and os.geteuid() == 0 else None
        if own:
            for file in (tmp_path, *tmp_path.iterdir()):
                os.chown(file, own, own)
            for folder in tmp_path.parents:
                if folder.name.startswith(("pytest-", "popen-")):
                    folder.chmod(0o755)
        setup = {
            "folder": str(tmp_path), "port": listeners[0].getsockname()[1], "abstract": abstract, "socket": path,
            "descriptor": descriptor, "user": own, "drop capabilities": user == "root without capabilities",
            "layers": layers, "all calls": all_calls,
        }  # fmt: skip
        run = subprocess.run(
            [sys.executable, "-I", "-B", "-c", START, json.dumps([str(ROOT), *sys.path]), json.dumps(setup)],
            stderr=subprocess.PIPE,
            env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            pass_fds=[descriptor],
            timeout=60,
        )
        assert run.returncode == 0, run.stderr.decode()[-500:]
        values = json.loads(run.stderr)
        return set(values["done"]), values["isolation"]

    yield attack
    os.close(descriptor)
    for listener in listeners:
        listener.close()
    Path(path).unlink()
    for left in Path("/tmp").glob("unteachable-escape-*"):
        left.unlink()


@pytest.mark.parametrize("user", USERS)
def test_without_a_sandbox_the_attempts_work(user: str, attack: Any) -> None:
    done, _ = attack(user, None)
    assert FILES | ALWAYS | NETWORK | PARENT - {"trace the parent"} <= done
    assert {"fork", "start a program", "make memory executable", "open a pipe", "limit the parent"} <= done


@pytest.mark.parametrize("user", USERS)
def test_nothing_works_in_the_sandbox(user: str, attack: Any) -> None:
    done, isolation = attack(user, ALL)
    if not isolation["syscalls"]:
        pytest.skip(f"this kernel has no filter of system calls: {isolation}")
    assert done == set()
    assert isolation["user"] == (user == "root")


@pytest.mark.parametrize("user", USERS)
def test_the_filter_of_system_calls_is_enough_alone(user: str, attack: Any) -> None:
    done, isolation = attack(user, ["seccomp"], all_calls=True)
    if not isolation["syscalls"]:
        pytest.skip("this kernel has no filter of system calls")
    assert isolation["level"] == "syscalls"
    assert done <= {"be root"}, "every call that is not allowed is refused by number"


@pytest.mark.parametrize("user", USERS)
def test_landlock_alone_forbids_paths_and_more(user: str, attack: Any) -> None:
    done, isolation = attack(user, ["landlock"])
    version = isolation["landlock"]
    if not version:
        pytest.skip("this kernel has no Landlock")
    assert not done & FILES
    assert not done & {"trace the parent", "read the parent's memory"}
    if version >= 4:
        assert "connect by TCP" not in done
    if version >= 6:
        assert not done & {"connect to an abstract socket", *PARENT}
    assert {"open a pipe", "ask for a file"} <= done  # the contrary would be another layer's work


@pytest.mark.parametrize("user", USERS)
def test_namespaces_alone_take_network_and_files_away(user: str, attack: Any) -> None:
    done, isolation = attack(user, ["namespaces"])
    if not isolation["network"] and user != "root":
        pytest.skip("this system lets ordinary users make no namespace")
    if isolation["network"]:
        assert not done & NETWORK
    if isolation["empty_root"]:
        assert not done & {*FILES, "ask for a file", "connect to a socket in a folder"}
    if isolation["user"]:
        assert not done & {*PARENT, "limit the parent", "slow the parent", "become root", "be root"}
    assert not done & {"trace the parent", "read the parent's memory", "become root"} or user != "ordinary"
    assert "open a pipe" in done


@pytest.mark.parametrize("user", USERS)
def test_limits_hold_without_any_feature_of_the_kernel(user: str, attack: Any) -> None:
    done, isolation = attack(user, ["descriptors"])
    assert isolation["level"] == "limits"
    can_be_held = {"read /etc/passwd", "read the database", "read the signing keys", "list the root", "open a pipe"}
    assert not done & {*ALWAYS, *NETWORK, *can_be_held, "read the parent's memory as a file", "write to /tmp"}
    assert "fork" not in done or user != "ordinary"  # a limit of processes does not bind root
    assert "take a user namespace" in done or user != "root"  # the contrary would be another layer's work


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lack the right to change the user")
def test_a_container_without_capabilities_is_isolated_too(attack: Any) -> None:
    _, isolation = attack("root without capabilities", ALL)
    assert isolation["level"] in ("paths", "isolated")
    assert not isolation["user"]


def test_capabilities_of_an_own_user_namespace_are_given_up(attack: Any) -> None:
    del attack
    script = (
        "import json,sys;sys.path[:]=json.loads(sys.argv[1]);status=open('/proc/self/status');"
        "from core.imaging.isolation.namespaces import separate;separate();print(status.read())"
    )
    path = json.dumps([str(ROOT), *sys.path])
    run = subprocess.run([sys.executable, "-I", "-c", script, path], capture_output=True, text=True, check=True)
    effective = [line for line in run.stdout.splitlines() if line.startswith("CapEff")]
    assert effective == ["CapEff:\t0000000000000000"]


def test_the_kernel_is_asked_by_numbers_of_this_machine() -> None:
    assert kernel.machine() in ("", *kernel.SECCOMP_CALL) or kernel.machine() not in ("x86_64", "aarch64")
