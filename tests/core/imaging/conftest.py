"""One sandbox for the tests of a module, and a function that runs an operation in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.imaging.sandbox import DecoderSandbox, SandboxResult, SandboxTask
from core.limits import Limits


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DecoderSandbox]:
    with DecoderSandbox(processes=1, limits=Limits(pixels=1_000_000)) as sandbox:
        yield sandbox


@pytest.fixture
def run(sandbox: DecoderSandbox, tmp_path: Path):  # type: ignore[no-untyped-def]
    def run(data: bytes, op: str = "probe", blobs: tuple[bytes, ...] = (), **args: object) -> SandboxResult:
        (tmp_path / "file").write_bytes(data)
        [(_, result)] = sandbox.map([SandboxTask(op=op, file=tmp_path / "file", args=args, blobs=blobs)])
        return result

    return run
