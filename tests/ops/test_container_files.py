"""The files of the containers: their tools find no fault, and they say what the code needs."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.imaging.isolation import kernel, namespaces
from store.secret_files import SECRETS
from store.settings import Settings

ROOT = Path(__file__).parents[2]
OURS = ("migrate", "api", "check", "short", "science", "science-gpu")
BINARIES = Path(sys.executable).parent


def tool(name: str) -> str:
    """The path of a tool of the development environment; skips where it is not installed."""
    if not (BINARIES / name).exists():
        pytest.skip(f"{name} is not installed: `make setup-dev` installs it")
    return str(BINARIES / name)


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The content of docker-compose.yml, with its anchors resolved."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


@pytest.fixture(scope="module")
def seccomp() -> dict[str, Any]:
    """The content of the seccomp profile."""
    content: dict[str, Any] = json.loads((ROOT / "docker" / "seccomp.json").read_text())
    return content


def test_hadolint_finds_nothing() -> None:
    done = run(tool("hadolint"), "docker/Dockerfile")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_compose_file_fits_the_current_schema() -> None:
    done = run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_container_has_rights_that_it_does_not_need(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "/tmp" in service["tmpfs"], name
        assert "privileged" not in service, name
        assert ("healthcheck" in service) == (name != "migrate"), name
    for name in OURS:
        service = compose["services"][name]
        assert service["user"] == "10001:10001", name
        assert "cap_add" not in service, name
        assert "seccomp=docker/seccomp.json" in service["security_opt"], name
        assert service.get("stop_grace_period") == {"migrate": None, "api": "15s"}.get(name, "60s"), name


def test_foreign_images_and_the_base_are_pinned(compose: dict[str, Any]) -> None:
    pinned = r"@sha256:[0-9a-f]{64}$"
    for name in compose["services"].keys() - set(OURS):
        assert re.search(pinned, compose["services"][name]["image"]), name
    [base] = re.findall(r"^ARG BASE=(\S+)$", (ROOT / "docker" / "Dockerfile").read_text(), re.MULTILINE)
    assert re.search(pinned, base)


def test_every_secret_is_a_file(compose: dict[str, Any]) -> None:
    """Each of the settings' secrets, and no secret in the environment or in the file itself."""
    for name in OURS:
        service = compose["services"][name]
        for secret in SECRETS:
            assert service["environment"][f"UNTEACHABLE_{secret.upper()}_FILE"] == f"/run/secrets/{secret}", secret
            assert f"UNTEACHABLE_{secret.upper()}" not in service["environment"], secret
            assert secret in service["secrets"], secret
    for service in compose["services"].values():
        for secret in service.get("secrets", ()):
            assert compose["secrets"][secret] == {"file": f"secrets/{secret}"}


def test_the_settings_of_the_compose_file_exist(compose: dict[str, Any]) -> None:
    known = {f"UNTEACHABLE_{name.upper()}" for name in Settings.model_fields}
    for name in OURS:
        assert compose["services"][name]["environment"].keys() <= known, name
    variables = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    assert variables - known == {"UNTEACHABLE_BIND"}  # of the compose file alone: the address of the published port


def test_the_secrets_are_made_once_and_are_all(compose: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    script = tmp_path / "docker" / "secrets.sh"
    script.write_text((ROOT / "docker" / "secrets.sh").read_text())
    subprocess.run(["sh", script], check=True, cwd="/")
    folder = tmp_path / "secrets"
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert made.keys() == compose["secrets"].keys()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o444}
    assert made["postgres_password"] in made["database_url"]
    assert made["valkey.conf"].split()[1] in made["broker_url"]
    [identity] = json.loads(made["s3.json"])["identities"]
    assert identity["credentials"] == [
        {"accessKey": made["s3_access_key_id"].strip(), "secretKey": made["s3_secret_access_key"].strip()}
    ]
    files = {f"{name}_file": str(folder / name) for name in SECRETS}
    settings = Settings(_env_file=None, store_url="s3://unteachable/files", s3_endpoint="http://s3:8333", **files)
    assert len(settings.configured_keys[0]) == 64

    subprocess.run(["sh", script], check=True, cwd="/")
    assert {path.name: path.read_text() for path in folder.iterdir()} == made


def test_the_profile_allows_what_the_sandbox_does_and_nothing_near_it(seccomp: dict[str, Any]) -> None:
    rules: dict[str, list[dict[str, Any]]] = {}
    for rule in seccomp["syscalls"]:
        for name in rule["names"]:
            rules.setdefault(name, []).append(rule)
    assert seccomp["defaultAction"] == "SCMP_ACT_ERRNO"
    [unshare] = rules["unshare"]
    assert unshare["args"] == [{"index": 0, "value": namespaces.OWN | kernel.CLONE_NEWUSER, "op": "SCMP_CMP_EQ"}]
    [clone] = rules["clone"]
    assert clone["args"] == [{"index": 0, "value": 0x7E02_0000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]
    for name in ("landlock_create_ruleset", "landlock_restrict_self", "seccomp", "prctl", "chroot"):
        assert rules[name][0]["action"] == "SCMP_ACT_ALLOW", name
    for name in ("mount", "umount2", "pivot_root", "setns", "clone3", "ptrace", "bpf", "keyctl", "io_uring_setup"):
        assert name not in rules, name


def test_the_locks_of_the_images_hold_what_they_need(compose: dict[str, Any]) -> None:
    names = {
        lock: set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / f"{lock}.txt").read_text(), re.MULTILINE))
        for lock in ("service", "worker", "worker-cpu")
    }
    assert not names["service"] & {"torch", "torchvision", "numpy", "pillow", "scipy", "triton"}
    assert names["worker"] - names["worker-cpu"] == {
        "cuda-bindings",
        "cuda-pathfinder",
        "nvidia-cuda-cccl",
        "nvidia-nvtx",
        "triton",
    }
    assert names["worker-cpu"] <= names["worker"]
