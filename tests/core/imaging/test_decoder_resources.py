"""How much memory decoding may take: by setting, else at most a third of the memory of the machine."""

from itertools import product
from pathlib import Path

import pytest

from core.imaging import decoder_resources as resources
from core.imaging.decoder_resources import DecoderResources, decoder_resources, machine_memory
from core.imaging.sandbox import DecoderSandbox, SandboxTask
from core.limits import Limits
from tests.support.uploads import image_file, png_header

GIB = 1 << 30


@pytest.mark.parametrize(("cores", "memory_gib"), list(product([1, 2, 8, 64], [4, 8, 16, 23, 64, 512])))
def test_all_processes_together_stay_within_a_third_of_the_memory(cores: int, memory_gib: int) -> None:
    chosen = decoder_resources(Limits(), cores=cores, memory=memory_gib * GIB)
    assert 1 <= chosen.processes <= cores
    assert chosen.processes * chosen.bytes <= memory_gib * GIB / 3
    assert chosen.processes >= min(cores, 2)


def test_a_machine_with_much_memory_decodes_the_largest_image_on_every_core() -> None:
    chosen = decoder_resources(Limits(), cores=8, memory=128 * GIB)
    assert chosen == DecoderResources(8, GIB + 24 * 100_000_000)


def test_a_tiny_machine_still_decodes() -> None:
    assert decoder_resources(Limits(), cores=4, memory=GIB) == DecoderResources(1, resources.MIN_BYTES)


def test_settings_decide() -> None:
    limits = Limits(decoders=3, decoder_bytes=2 * GIB)
    assert decoder_resources(limits, cores=1, memory=GIB) == DecoderResources(3, 2 * GIB)
    assert decoder_resources(Limits(decoder_bytes=2 * GIB), cores=8, memory=24 * GIB) == DecoderResources(4, 2 * GIB)


def test_a_container_counts_with_its_own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    physical = machine_memory()
    for name, text in (("v2", f"{GIB}\n"), ("unlimited", "max\n"), ("v1", str(1 << 62))):
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(resources, "_CGROUP_LIMITS", (tmp_path / "missing", tmp_path / name))
        assert machine_memory() == GIB if name == "v2" else machine_memory() >= physical


def test_the_sandbox_keeps_to_the_limits(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(png_header(9_000, 9_000))
    (tmp_path / "small").write_bytes(image_file(width=100, height=100))
    with DecoderSandbox(limits=Limits(decoders=1, decoder_bytes=300 << 20)) as sandbox:
        tasks = [SandboxTask(op="probe", file=tmp_path / name) for name in ("large", "small")]
        large, small = (result for _, result in sandbox.map(tasks))
    assert large.refused == "decoding it takes too much memory"
    assert small.refused is None
