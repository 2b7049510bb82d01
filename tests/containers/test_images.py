"""The images: what they hold, how large they are, and what a process in them may do."""

import pytest

from tests.support.containers import USER, Engine

pytestmark = [pytest.mark.containers, pytest.mark.timeout(3600)]
MAX_API_BYTES = 350 * 10**6
STATE = """
import os
from pathlib import Path
status = dict(line.split(':\\t', 1) for line in Path('/proc/self/status').read_text().splitlines() if ':\\t' in line)
print(os.getuid(), os.getgid(), os.getgroups())
print(*(status[name] for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')))
print(status['NoNewPrivs'], status['Seccomp'])
for folder in ('/', '/opt/venv', '/etc', '/data', '/tmp'):
    try:
        Path(folder, 'probe').write_text('x')
        print(folder, 'written')
    except OSError as error:
        print(folder, error.strerror)
"""


def test_the_image_of_the_api_is_small_and_has_no_torch(
    engine: Engine, base: str, api_image: str, measured: list[str]
) -> None:
    added = engine.size(api_image) - engine.size(base)
    measured.append(f"the image of the API has {added / 1e6:.0f} MB above its base")
    assert 50 * 10**6 < added < MAX_API_BYTES
    names = "torch", "torchvision", "numpy", "PIL", "setuptools", "pip", "uv"
    code = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"
    done = engine.run(api_image, "-c", code, options=("--entrypoint", "python"))
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("kind", ["api", "worker"])
def test_a_process_has_no_rights_and_writes_only_its_own_folders(
    engine: Engine, kind: str, request: pytest.FixtureRequest
) -> None:
    image = request.getfixturevalue(f"{kind}_image")
    done = engine.run(image, "-c", STATE, options=("--entrypoint", "python"))
    assert done.stdout.splitlines() == [
        f"{USER} {USER} [{USER}]",
        " ".join(["0" * 16] * 5),
        "1 2",
        *(f"{folder} Read-only file system" for folder in ("/", "/opt/venv", "/etc")),
        *(f"{folder} written" for folder in ("/data", "/tmp")),
    ], done.stderr


def test_the_decoding_sandbox_is_isolated(engine: Engine, base: str, worker_image: str, measured: list[str]) -> None:
    """At its highest level, under the profile of docker-compose.yml, as a user without any capability."""
    options = ("--env", "UNTEACHABLE_SANDBOX_LEVEL=isolated")
    done = engine.run(worker_image, "doctor", "--role", "worker", options=options)
    [line] = [line for line in done.stdout.splitlines() if "sandbox: " in line]
    size = engine.size(worker_image) - engine.size(base)
    measured.append(f"{line}; the image of the worker has {size / 1e6:.0f} MB above its base")
    assert line.startswith("ok    sandbox: isolated: limits of memory and time, an allow-list of system calls, ")
    assert "Landlock" in line.split(";")[0]
    assert "an empty root folder, a network of its own" in line


def test_the_profile_gives_no_other_namespace(engine: Engine, api_image: str) -> None:
    """Not even those that an ordinary user may have outside of containers, such as one to mount in."""
    for flags in ("-Ur", "-Um", "-Up", "-n", "-m"):
        done = engine.run(api_image, flags, "true", options=("--entrypoint", "unshare"))
        assert done.returncode != 0, flags
        assert "Function not implemented" in done.stderr, flags
