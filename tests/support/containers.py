"""Builds the service's images and runs containers, without a daemon: mmdebstrap, buildah, and podman with crun."""

import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOLS = ("mmdebstrap", "buildah", "podman", "crun", "unshare")
BASE = "unteachable-test-base"
SUITE = "bookworm"
SECCOMP = ROOT / "docker" / "seccomp.json"
USER = 10001
SETTINGS_OF_BUILDS = ("PIP_", "UV_", "SSL_CERT_")  # what reaches the index of packages here
UV = ROOT / ".tools" / "uv" / "bin" / "uv"  # its cache saves downloads
HYBRID = Path("/sys/fs/cgroup/unified")


def missing_tools() -> str:
    """Return what this machine lacks to build and run containers, in words; empty if nothing is missing."""
    if os.geteuid() != 0:
        return "building images without a daemon needs root here"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"not installed: {', '.join(missing)} (Debian's packages of these names)" if missing else ""


@dataclass(frozen=True)
class Engine:
    """Images and containers of the tests, in a folder of their own.

    Attributes:
        folder: where they are stored; it may hold several GiB.
    """

    folder: Path
    options: list[str] = field(init=False)

    def __post_init__(self) -> None:
        stores = ["--root", str(self.folder / "images"), "--runroot", str(self.folder / "run")]
        has_overlay = "\toverlay\n" in Path("/proc/filesystems").read_text()  # without it, each step copies everything
        object.__setattr__(self, "options", [*stores, "--storage-driver", "overlay" if has_overlay else "vfs"])

    def build(self, target: str) -> str:
        """Build a target of the Dockerfile on the base of this machine; return the image's name.

        Args:
            target: api, worker-cpu or worker-cuda.
        """
        settings = self.folder / "package_settings"
        cache = Path(self._output(str(UV), "cache", "dir") if UV.exists() else self.folder / "uv-cache")
        cache.mkdir(parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if name.startswith(SETTINGS_OF_BUILDS)}
        inherited |= {"UV_NO_CACHE": "false", "UV_CACHE_DIR": "/uv-cache"}
        settings.write_text("".join(f'{name}="{value}"\n' for name, value in inherited.items()))
        volumes = [f"{cache}:/uv-cache", "/etc/ssl/certs:/etc/ssl/certs:ro"]
        if Path("/etc/pip.conf").exists():
            volumes.append("/etc/pip.conf:/etc/pip.conf:ro")
        self._run(
            *("buildah", *self.options, "bud", "-q", "--isolation", "chroot", "--format", "docker"),
            *("--build-arg", f"BASE=localhost/{BASE}", "--secret", f"id=package_settings,src={settings}"),
            *(option for volume in volumes for option in ("-v", volume)),
            *("--target", target, "-t", f"unteachable-test-{target}", "-f", "docker/Dockerfile", "."),
        )
        return f"unteachable-test-{target}"

    def build_base(self) -> str:
        """Make the base image from Debian's packages; return its name. The files of it stay for the next time."""
        files = self.folder / f"{SUITE}.tar"
        if not files.exists():
            part = files.with_name(f"part-{files.name}")
            self._run("mmdebstrap", "-q", "--variant=minbase", "--include=ca-certificates", SUITE, str(part))
            part.replace(files)
        container = self._output("buildah", *self.options, "from", "scratch")
        self._run("buildah", *self.options, "add", "-q", container, str(files), "/")
        self._run("buildah", *self.options, "commit", "-q", "--rm", container, BASE)
        return BASE

    def size(self, image: str) -> int:
        """Return the size of an image with all of its layers, in bytes."""
        found = json.loads(self._output(*self._podman(), "image", "inspect", f"localhost/{image}"))
        return int(found[0]["Size"])

    def remove(self) -> None:
        """Remove every image and container; the files of the base stay."""
        with suppress(subprocess.CalledProcessError):
            self._run(*self._podman(), "system", "reset", "-f")
        for name in ("images", "run"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def command(self, image: str, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
        """Return the command line that runs a container as docker-compose.yml does, on the network of this machine.

        Args:
            image: an image that was built here.
            arguments: what the container runs.
            options: further options of podman, such as volumes.
        """
        return [
            *(*self._podman(), "run", "--rm", "--network", "host", "--cgroups=disabled"),
            *("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"),
            *("--user", f"{USER}:{USER}", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "all"),
            *("--security-opt", "no-new-privileges", "--security-opt", f"seccomp={SECCOMP}"),
            *options,
            f"localhost/{image}",
            *arguments,
        ]

    def run(
        self, image: str, *arguments: str, options: tuple[str, ...] = (), seconds: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """Run a container until it ends, and return what it wrote.

        Args:
            image: an image that was built here.
            arguments: what the container runs.
            options: further options of podman.
            seconds: how long it may take.
        """
        command = self.command(image, *arguments, options=options)
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)

    def execute(self, name: str, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in a container that runs already.

        Args:
            name: the container's name.
            command: the command and its arguments.
        """
        return subprocess.run(
            [*self._podman(), "exec", name, *command], capture_output=True, text=True, timeout=120, check=False
        )

    def send_signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the first process of a container.

        Args:
            name: the container's name.
            number: the signal.
        """
        self._run(*self._podman(), "kill", "--signal", str(int(number)), name)

    def kill(self, name: str) -> None:
        """Remove a container, if there is one of this name."""
        subprocess.run([*self._podman(), "rm", "-f", "-t", "0", name], capture_output=True, check=False)

    def _podman(self) -> list[str]:
        """Podman; where cgroups are of both versions, which crun refuses, it does not see the second."""
        command = ["podman", *self.options, "--cgroup-manager", "cgroupfs", "--events-backend", "none"]
        if not HYBRID.is_dir():
            return command
        return ["unshare", "-m", "sh", "-c", f'umount {HYBRID}; exec "$@"', "sh", *command]

    @staticmethod
    def _run(*command: str) -> None:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command[:2])}: {done.stdout[-2000:]}{done.stderr[-4000:]}"

    @staticmethod
    def _output(*command: str) -> str:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


class Container:
    """A container that runs a part of the service, with its output in a file.

    Args:
        engine: where its image is.
        name: its name, which no other container has.
        command: the command line that runs it, as of `Engine.command`.
        log: where its output goes.
    """

    def __init__(self, engine: Engine, name: str, command: list[str], log: Path) -> None:
        self._engine, self.name, self._log = engine, name, log
        with log.open("ab") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def said(self) -> str:
        """What it wrote so far."""
        return self._log.read_text(errors="replace")

    def is_healthy(self, what: str) -> bool:
        """Whether its health check says so; fails where the container has ended.

        Args:
            what: api or worker.
        """
        assert self.process.poll() is None, self.said()[-3000:]
        return self._engine.execute(self.name, "unteachable", "health", what).returncode == 0

    def end(self) -> None:
        """Remove it, whatever it does."""
        self._engine.kill(self.name)
        self.process.wait(60)

    def stop(self, *, seconds: float) -> int:
        """Send SIGTERM, as the engine does when it stops a container; return the exit status. Raises TimeoutExpired.

        Args:
            seconds: the grace period of docker-compose.yml.
        """
        self._engine.send_signal(self.name, signal.SIGTERM)
        return self.process.wait(seconds)
