"""REM and SEM with the same search: what they cost, and what they protect at equal passes and at equal time.

    .venv/bin/python -m benchmarks.rem_and_sem --data cifar10 --out build/rem_and_sem [--updates 40]

DATA holds train/CLASS/FILE and test/CLASS/FILE. Both methods take the search of the preset's REM, so they differ only
in the inner maximum: K_a steps of PGD in REM (Fu et al. 2022, Algorithm 1), a uniform draw in SEM (Liu et al. 2024).
The first two rows have the same updates. "equal passes" has as many updates of SEM's surrogate, and as many steps of
its final search, as REM's passes pay for; "equal time" has what REM's core-seconds pay for, by the first two rows. Each
learner has 10 passes. A row is saved in OUT as soon as it is there, so the same command continues after an
interruption.
"""

import json
import time
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from benchmarks.measuring import accuracy, threat_name, with_noise
from benchmarks.small_images import ORIGINALS, SmallImages, argument_parser, open_images
from core.noise.final_search import search_noise
from core.noise.methods import objective_of
from core.noise.setup import NoiseSetup
from core.noise.surrogate import train_surrogate
from core.specs.configs import NoiseConfig, TrainingLength
from core.specs.presets import QUICK
from core.specs.protect import ProtectSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One noise, and what it protects.

    Attributes:
        method: "rem", "sem" or ORIGINALS.
        how: What is equal to REM's.
        updates: Of the surrogate.
        steps: Of the final search.
    """

    method: str
    how: str
    updates: int = 0
    steps: int = 0

    @property
    def name(self) -> str:
        """How the row is called."""
        return self.method if self.method == ORIGINALS else f"{self.method.upper()}, {self.how}".removesuffix(", ")


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--radii", type=int, nargs="+", default=[0, 2, 4], help="of adversarial training, of 255")
    args = parser.parse_args()
    images, radii = open_images(args), args.radii
    print(f"\n{images.caption}; seeds {args.seeds}\n")
    head = ["noise", "updates", "passes per update", "s", "steps", "passes per image", "s"]
    print(f"| {' | '.join([*head, *map(threat_name, radii)])} |\n{'|---' * (len(head) + len(radii))}|")
    steps = QUICK.noise["rem"].final.outer_steps
    _show(images, Row(method=ORIGINALS, how=""), args.seeds, radii)
    rem = Row(method="rem", how="", updates=args.updates, steps=steps)
    sem = replace(rem, method="sem", how="equal updates")
    costs = {row.method: _show(images, row, args.seeds, radii) for row in (rem, sem)}
    training, final = (_passes("rem")[stage] / _passes("sem")[stage] for stage in (0, 1))
    _show(images, _scaled(sem, "equal passes", training, final), args.seeds, radii)
    training, final = (costs["rem"][stage] / costs["sem"][stage] for stage in (0, 1))
    _show(images, _scaled(sem, "equal time", training, final), args.seeds, radii)
    print(f"\nWith equal updates REM takes {training:.1f} times as long to train, {final:.1f} times to make the noise.")


def _scaled(row: Row, how: str, training: float, final: float) -> Row:
    return replace(row, how=how, updates=round(row.updates * training), steps=round(row.steps * final))


def _show(images: SmallImages, row: Row, seeds: list[int], radii: list[int]) -> tuple[float, float]:
    """Print a row; returns the seconds of the surrogate's training and of the final search."""
    runs = [_measured(images, row, seed, radii) for seed in seeds]
    found = [" / ".join(f"{run[str(radius)]:.1f}" for run in runs) for radius in radii]
    seconds = fmean(run["training_seconds"] for run in runs), fmean(run["noise_seconds"] for run in runs)
    if row.method == ORIGINALS:
        cost = ["–"] * 6
    else:
        step, final = _passes(row.method, row.steps)
        cost = [str(row.updates), str(step), f"{seconds[0]:.0f}", str(row.steps), str(final), f"{seconds[1]:.0f}"]
    print(f"| {' | '.join([row.name, *cost, *found])} |", flush=True)
    return seconds


def _measured(images: SmallImages, row: Row, seed: int, radii: list[int]) -> dict[str, float]:
    """The core-seconds of both stages, and the accuracy in per cent at each radius as text."""
    name = f"{row.method}-{row.updates}-{row.steps}-{'-'.join(map(str, radii))}-{seed}"
    file = images.out / f"{name}.json"
    if not file.exists():
        train_set, seconds = images.train, (0.0, 0.0)
        if row.method != ORIGINALS:
            setup = NoiseSetup(
                spec=ProtectSpec(method=row.method, seed=seed),
                preset=replace(QUICK, noise={row.method: _config(row)}),
            )
            began = time.process_time()
            surrogate = train_surrogate(train_set, setup, images.run)
            trained = time.process_time()
            mask = np.ones(len(train_set), bool)
            noise = search_noise(surrogate, train_set, setup, images.run, protect_mask=mask)
            seconds = trained - began, time.process_time() - trained
            train_set = with_noise(train_set, noise)
        conditions = images.conditions(seed)
        measured = dict(zip(("training_seconds", "noise_seconds"), seconds, strict=True))
        measured |= {str(radius): accuracy(train_set, images.test, radius, conditions) for radius in radii}
        file.write_text(json.dumps(measured))
    found: dict[str, float] = json.loads(file.read_text())
    return found


def _config(row: Row) -> NoiseConfig:
    config = QUICK.noise["rem"]
    return replace(
        config,
        length=TrainingLength(epochs=0, min_updates=row.updates, max_updates=row.updates),
        final=replace(config.final, outer_steps=row.steps),
    )


def _passes(method: str, steps: int = QUICK.noise["rem"].final.outer_steps) -> tuple[int, int]:
    """Forward and backward passes of an image in an update, and in the final search of so many steps."""
    config = QUICK.noise["rem"]
    setup = NoiseSetup(spec=ProtectSpec(method=method), preset=replace(QUICK, noise={method: config}))
    training = objective_of(setup, config.training).passes + config.training.inner_steps
    return training, objective_of(setup, replace(config.final, outer_steps=steps)).passes


if __name__ == "__main__":
    main()
