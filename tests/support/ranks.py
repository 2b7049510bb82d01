"""Work that is done by one process or by several, and how several are started: torch's own launcher, on this CPU."""

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from cli.main import main
from core.attacks.threat_model import ThreatModel
from core.models.registry import build_network
from core.noise.noise_network import create_noise_network
from core.noise.objective import Objective
from core.noise.shards import Shard, make_in_shards
from core.noise.surrogate import SurrogateTraining
from core.noise.train_noise_network import NoiseNetworkTraining, WeightedSurrogate
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.train import train_generator
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.distributed import Rank0CheckpointStore, process_group, rank
from core.runtime.progress import Progress, Step
from core.specs.lr_schedule import LearningRate
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledTensors
from core.training.learner import LearnerImages, LearnerMethod, LearnerTraining
from core.training.loop import TrainingPlan
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.short_training import short_training
from tests.support.tiny_experiments import run_tiny

REM = Objective(
    radius_u=8,
    radius_a=4,
    inner="attack",
    eot=True,
    outer_steps=2,
    outer_step=0.5,
    samples=2,
    inner_steps=1,
    inner_step=0.5,
)
EXPERIMENTS = ("figure2", "figure3")  # of learners and of images
SHARDS = (3, 2, 4, 1, 2)  # images in each, so that the last of the rounds of two processes is short of one


def launched(processes: int, module: str, *words: object) -> list[str]:
    """The command that starts `python -m module words` in `processes` processes."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [*launcher, "-m", module, *map(str, words)]


def run(processes: int, module: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Start them and wait for their end."""
    command = launched(processes, module, *words)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


def random_images(count: int) -> LabelledTensors:
    """Random images of three classes."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 3
    pixels = torch.randint(0, 160, (count, 3, 32, 32), generator=rng) + 40 * labels[:, None, None, None]
    return LabelledTensors(pixels=pixels.to(torch.uint8), labels=labels)


def short_plan(batch: int) -> TrainingPlan:
    """Two updates; one for a batch that two processes share unevenly.

    Such a batch adds its chunks in another order, so results differ by rounding. The attacks of a second update would
    amplify that: a gradient sign that flips moves a pixel by a whole step.
    """
    return TrainingPlan(updates=1 if batch == 150 else 2, batch=batch, learning_rate=LearningRate(peak=0.05))


def surrogate_training(device: Device, *, batch: int) -> SurrogateTraining:
    """A short run of Algorithm 1."""
    return SurrogateTraining(
        build_network(
            "small", channels=3, size=32, classes=3, seed=rank(), device="cpu"
        ),  # that of process 0 must count
        random_images(160),
        REM,
        short_plan(batch),
        device=device,
        generator=device.generator(1),
    )


def trained_surrogate(device: Device, *, batch: int) -> dict[str, Tensor]:
    """The state that it ends with."""
    training = surrogate_training(device, batch=batch)
    for _ in training.steps(Progress()):
        pass
    return training.state()


def resumed_surrogate(device: Device, *, batch: int) -> dict[str, Tensor]:
    """The same state after an interruption, resumed from the checkpoint of process 0."""
    checkpoints, broken = Rank0CheckpointStore(MemoryCheckpointStore()), surrogate_training(device, batch=batch)
    next(broken.steps(Progress()))
    broken.save_checkpoint(checkpoints, "surrogate")
    training = surrogate_training(device, batch=batch)
    training.resume(Progress(), checkpoints=checkpoints, name="surrogate")
    return training.state()


def trained_network(device: Device, *, batch: int) -> dict[str, Tensor]:
    """The state that two updates of a noise network end with."""
    surrogate = build_network("small", channels=3, size=32, classes=3, seed=7, device="cpu")
    training = NoiseNetworkTraining(
        create_noise_network(surrogate, channels=3, size=32, classes=3, radius=8, seed=rank()),
        [
            WeightedSurrogate(surrogate=surrogate, objective=REM, weight=0.7),
            WeightedSurrogate(surrogate=surrogate, objective=replace(REM, greyscale=1.0), weight=0.3),
        ],
        random_images(160),
        short_plan(batch),
        device=device,
        generator=device.generator(3),
    )
    training.resume(Progress(), checkpoints=NullCheckpointStore(), name="network")
    return training.state()


def learner_training(device: Device, *, batch: int) -> LearnerTraining:
    """A short adversarial training."""
    return LearnerTraining(
        build_network("small", channels=3, size=32, classes=3, seed=rank(), device="cpu"),
        LearnerImages(train=random_images(160), test=random_images(40), monitored=random_images(50)),
        LearnerMethod(
            threat=ThreatModel(radius=4, steps=2, step=0.5),
            plan=short_plan(batch),
        ),
        device=device,
        generator=device.generator(2),
    )


def trained_learner(device: Device, *, batch: int) -> dict[str, Tensor]:
    """The state that it ends with: weights and curve among it."""
    training = learner_training(device, batch=batch)
    training.resume(Progress(), checkpoints=NullCheckpointStore(), name="learner")
    return training.state()


def resumed_learner(device: Device, *, batch: int) -> dict[str, Tensor]:
    """The same state after an interruption, resumed from the checkpoint of process 0."""
    checkpoints, broken = Rank0CheckpointStore(MemoryCheckpointStore()), learner_training(device, batch=batch)
    next(broken.steps(Progress()))
    broken.save_checkpoint(checkpoints, "learner")
    training = learner_training(device, batch=batch)
    training.resume(Progress(), checkpoints=checkpoints, name="learner")
    return training.state()


class NumberingMaker:
    """A `NoiseMaker` whose noise is the number of its shard, from 1."""

    def __init__(self, parallel: int) -> None:
        ends = np.cumsum(SHARDS)
        self.shards = [np.arange(end - count, end) for end, count in zip(ends, SHARDS, strict=True)]
        self.shape, self._parallel = (int(ends[-1]) + 1, 1, 2, 2), parallel

    def parallel(self, device: Device) -> int:
        return self._parallel

    def make(self, group: list[Shard], run: RunContext) -> list[np.ndarray]:
        assert len(group) <= self._parallel
        run.progress.advance(sum(len(indices) for _, indices in group))
        return [np.full((len(indices), 1, 2, 2), number + 1, np.int8) for number, indices in group]

    def save(self, checkpoints: CheckpointStore) -> None:
        raise AssertionError("nobody helps the processes of a launcher")

    def delete_images(self, checkpoints: CheckpointStore) -> None:
        raise AssertionError("nothing was saved")


def noise_in_shards(parallel: int) -> dict[str, Tensor]:
    """Noise whose value is the number of its shard, and the progress that was counted."""
    counted: list[int] = []
    progress = Progress(lambda step: counted.append(step.done), interval=0)
    made = make_in_shards(NumberingMaker(parallel), RunContext(device=Device("cpu"), progress=progress))
    return {"noise": torch.from_numpy(made), "counted": torch.tensor(counted[-1])}


def everything(device: Device) -> dict[str, Tensor]:
    """All results to compare: of batches that two processes share evenly or unevenly, and of a single chunk."""
    found = {
        "surrogate of 128": trained_surrogate(device, batch=128),
        "resumed surrogate of 128": resumed_surrogate(device, batch=128),
        "surrogate of 150": trained_surrogate(device, batch=150),
        "surrogate of 30": trained_surrogate(device, batch=30),
        "noise network of 128": trained_network(device, batch=128),
        "noise network of 150": trained_network(device, batch=150),
        "learner of 128": trained_learner(device, batch=128),
        "resumed learner of 128": resumed_learner(device, batch=128),
        "learner of 150": trained_learner(device, batch=150),
        "shards, one in parallel": noise_in_shards(1),
        "shards, two in parallel": noise_in_shards(2),
        "cores": {"cores": torch.tensor(device.cores)},
    }
    return {f"{name}: {key}": tensor for name, state in found.items() for key, tensor in state.items()}


def _train_until_killed(source: Path, out: Path) -> None:
    def say(step: Step) -> None:
        if step.stage == "training" and step.done:
            sys.stderr.write("training\n")
            sys.stderr.flush()

    with process_group("cpu") as device, tempfile.TemporaryDirectory() as scratch:
        on_progress = say if rank() == 0 else None
        options = RunOptions(scratch=Path(scratch), device=device, on_progress=on_progress)
        train_generator(DatasetSource(path=source), out, ProtectSpec(), options)


def _do_all(source: Path, archive: Path, out: Path) -> None:
    """Compute everything after one start of the processes, which takes longer than the computation."""
    with process_group("cpu") as device:
        found = {name: tensor.contiguous() for name, tensor in everything(Device(device)).items()}
        save_file(found, out / f"{rank()}.safetensors")
        for name in EXPERIMENTS:
            run_tiny(name, source, out / "experiments")
        sys.argv[1:] = ["train", str(archive), str(out / "g.safetensors"), "--device", "cpu"]
        with short_training(), pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code


if __name__ == "__main__":
    work = {"all": _do_all, "train until killed": _train_until_killed}[sys.argv[1]]
    work(*map(Path, sys.argv[2:]))
