"""Several processes, started by torch's launcher, compute what one process computes, and process 0 alone writes."""

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from core.generators.measurements import ACCURACIES, OWN_IMAGES
from core.noise.generator_file import load_generator
from core.runtime.device import Device
from tests.support.ranks import EXPERIMENTS, everything, launched, run
from tests.support.short_training import drawn
from tests.support.tiny_experiments import drawn_folder, run_tiny

pytestmark = pytest.mark.slow

ROUNDING = 1e-6  # after one update


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoProcessRun:
    """What two processes printed and wrote, and their dataset."""

    source: Path
    out: Path
    process: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> TwoProcessRun:
    folder = tmp_path_factory.mktemp("two")
    source, archive = drawn_folder(folder / "data", train=35), drawn(folder / "learn.zip", each=85)
    (folder / "out").mkdir()
    process = run(2, "tests.support.ranks", "all", source, archive, folder / "out")
    assert process.returncode == 0, process.stderr
    return TwoProcessRun(source=source, out=folder / "out", process=process)


@pytest.fixture(scope="module")
def by_two(two: TwoProcessRun) -> list[dict[str, Tensor]]:
    """The results of each process."""
    return [load_file(two.out / f"{rank}.safetensors") for rank in range(2)]


@pytest.fixture(scope="module")
def by_one() -> dict[str, Tensor]:
    return everything(Device("cpu", cores=1))


def part(found: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in found.items() if key.startswith(f"{name}: ")}


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("surrogate of 128", 0),  # two chunks: there is only one order to add them in
        ("resumed surrogate of 128", 0),
        ("noise network of 128", 0),
        ("learner of 128", 0),
        ("resumed learner of 128", 0),
        ("surrogate of 150", ROUNDING),  # three chunks of the update, five of the attack
        ("noise network of 150", ROUNDING),
        ("learner of 150", ROUNDING),
        ("surrogate of 30", 0),  # one chunk: the second process has none
    ],
)
def test_two_processes_train_as_one_does(
    by_one: dict[str, Tensor], by_two: list[dict[str, Tensor]], name: str, tolerance: float
) -> None:
    single, together = part(by_one, name), part(by_two[0], name)
    assert len(single) > 40
    for key, tensor in single.items():
        torch.testing.assert_close(together[key], tensor, rtol=0, atol=tolerance)


def test_all_processes_have_the_same_bytes(by_two: list[dict[str, Tensor]]) -> None:
    first, second = by_two
    counters = {key for key in first if key.endswith("num_batches_tracked")}  # each process counts its own batches
    assert all(torch.equal(first[key], second[key]) for key in first.keys() - counters)


@pytest.mark.parametrize("kind", ["surrogate", "learner"])
def test_an_interrupted_training_resumes_from_the_checkpoint_of_process_0(
    by_two: list[dict[str, Tensor]], kind: str
) -> None:
    for found in by_two:
        whole, resumed = part(found, f"{kind} of 128"), part(found, f"resumed {kind} of 128")
        assert all(torch.equal(resumed[f"resumed {key}"], tensor) for key, tensor in whole.items())


@pytest.mark.parametrize("name", ["shards, one in parallel", "shards, two in parallel"])
def test_processes_share_the_shards_and_each_gets_all_the_noise(
    by_one: dict[str, Tensor], by_two: list[dict[str, Tensor]], name: str
) -> None:

    single = part(by_one, name)
    assert single[f"{name}: noise"].unique().tolist() == [0, 1, 2, 3, 4, 5]
    assert single[f"{name}: counted"] == 12
    for found in by_two:
        assert all(torch.equal(found[key], tensor) for key, tensor in single.items())


def test_each_process_takes_its_share_of_the_cores(by_two: list[dict[str, Tensor]]) -> None:
    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert [int(found["cores: cores"]) for found in by_two] == [share, share]


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_experiments_give_the_same_results_and_are_reported_once(two: TwoProcessRun, tmp_path: Path) -> None:
    output = [line.split(":")[0] for line in two.process.stderr.splitlines() if line.startswith("[")]
    for name in EXPERIMENTS:
        expected = [line.split(":")[0] for line in run_tiny(name, two.source, tmp_path / "one")]
        assert output[: len(expected)] == expected
        del output[: len(expected)]
    assert not output
    one, two = files(tmp_path / "one"), files(two.out / "experiments")
    assert two.keys() == one.keys()
    exact = [name for name in one if name.endswith((".npy", ".svg", ".png"))]
    assert len(exact) == 4 + 4 + 1 + 1  # images, noises, a figure of curves and one of pictures
    assert all(two[name] == one[name] for name in exact)


def test_the_command_line_writes_and_prints_once(two: TwoProcessRun) -> None:
    assert two.process.stdout.count("Generator “g”") == 1
    left = {path.name for path in two.out.iterdir()}
    assert left == {"0.safetensors", "1.safetensors", "experiments", "g.safetensors"}
    card = load_generator(two.out / "g.safetensors", device="cpu").card
    assert card.device.startswith("2 x CPU, ")
    assert card.measured is not None
    assert (card.images, card.measured[OWN_IMAGES]["test_images"]) == (204, 51)
    assert set(card.measured[OWN_IMAGES][ACCURACIES]["the generator"]) == {"0", "4"}


def test_a_command_for_one_process_refuses_several(tmp_path: Path) -> None:
    source, out = drawn(tmp_path / "learn.zip"), tmp_path / "protected.zip"
    process = run(2, "cli.main", "protect", source, out)
    assert process.returncode != 0
    output = {line for line in process.stderr.splitlines() if line.startswith("unteachable: ")}
    assert output == {"unteachable: protect is done by one process: start it without a launcher"}
    assert not out.exists()


def ranks_of(launcher: int) -> dict[int, int]:
    """The process id of each rank that a launcher started."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    found = {}
    for child in children:
        for variable in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            if variable.startswith(b"RANK="):
                found[int(variable[5:])] = int(child)
    return found


def test_a_killed_process_ends_all_and_nothing_is_written(tmp_path: Path) -> None:
    source, out = drawn(tmp_path / "learn.zip", each=30), tmp_path / "g.safetensors"
    command = launched(2, "tests.support.ranks", "train until killed", source, out)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as launcher:
        assert launcher.stderr is not None
        output = ""
        while "training\n" not in output:
            line = launcher.stderr.readline()
            assert line, output
            output += line
        ranks = ranks_of(launcher.pid)
        assert ranks.keys() == {0, 1}
        os.kill(ranks[1], signal.SIGKILL)
        _, rest = launcher.communicate(timeout=60)
    assert launcher.returncode != 0
    assert "ChildFailedError" in rest
    assert not any(Path(f"/proc/{process}").exists() for process in ranks.values())
    assert [path.name for path in tmp_path.iterdir()] == ["learn.zip"]
