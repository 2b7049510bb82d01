"""What the official code of the papers does otherwise than we do, and what each difference changes: both in one table.

    .venv/bin/python -m benchmarks.official_code --data cifar10 --out build/official_code

DATA holds train/CLASS/FILE and test/CLASS/FILE. A row has a noise, or the originals, made and learned our way and then
with one detail of the official code (docs/lab/official-code.md); the figures are test accuracies in per cent. A learner
is the preset's, with 10 passes. A result is saved in OUT as soon as it is there, so the same command continues after an
interruption.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.measuring import accuracy
from benchmarks.small_images import ORIGINALS, SmallImages, argument_parser, open_images, shortened
from core.specs.configs import OpenDetails, Preset
from core.specs.presets import QUICK

Change = Callable[[Preset], Preset]


def _detail(details: OpenDetails) -> Change:
    return lambda preset: replace(preset, details=details)


def _one_step(preset: Preset) -> Preset:
    return replace(preset, ntga=replace(preset.ntga, steps=1, step=1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One detail, and where it is measured.

    Attributes:
        name: What the official code does.
        noises: The methods, or ORIGINALS.
        official: Makes the preset that does it. None where the norm of the learners alone differs.
        learners: Whether the learners differ, and not the noise.
        trainings: Norm and radius of each learner, ours and the official one's.
    """

    name: str
    noises: tuple[str, ...]
    official: Change | None = None
    learners: bool = False
    trainings: tuple[tuple[str, str, int], ...] = (("Linf", "Linf", 0), ("Linf", "Linf", 4))


COMPARISONS = (
    Comparison(name="em-on-t", noises=("em",), official=_detail(OpenDetails(em_transforms_first=True))),
    Comparison(name="no-pixel-box", noises=("rem",), official=_detail(OpenDetails(pixel_box=False))),
    Comparison(name="one-ntga-step", noises=("ntga",), official=_one_step),
    Comparison(
        name="whole-batch-norm",
        noises=(ORIGINALS, "rem"),
        official=_detail(OpenDetails(whole_batch_norm=True)),
        learners=True,
    ),
    Comparison(
        name="dense-l1-steps", noises=(ORIGINALS, "rem", "em"), learners=True, trainings=(("L1", "L1-dense", 1000),)
    ),
)


def main() -> None:
    parser = argument_parser(__doc__)
    names = [comparison.name for comparison in COMPARISONS]
    parser.add_argument("--details", nargs="+", default=names, choices=names)
    args = parser.parse_args()
    images, preset = open_images(args), shortened(QUICK, args.updates)
    print(f"\n{images.caption}; at most {args.updates} updates of a surrogate; seeds {args.seeds}\n")
    print("| the official code | noise | training | ours | official |\n|---|---|---|---|---|")
    for comparison in (one for one in COMPARISONS if one.name in args.details):
        for noise in comparison.noises:
            for ours, official, radius in comparison.trainings:
                figures = [
                    [_measured(images, comparison, noise, norm, radius, seed, preset, variant) for seed in args.seeds]
                    for norm, variant in ((ours, False), (official, True))
                ]
                cells = " | ".join(" / ".join(f"{one:.1f}" for one in found) for found in figures)
                training = f"{ours} AT {radius}/255" if radius else "standard"
                print(f"| {comparison.name} | {noise} | {training} | {cells} |", flush=True)


def _measured(
    images: SmallImages,
    comparison: Comparison,
    noise: str,
    norm: str,
    radius: int,
    seed: int,
    preset: Preset,
    official: bool,
) -> float:
    """The test accuracy in per cent, from the file of an earlier run if there is one."""
    changed = comparison.official(preset) if official and comparison.official else preset
    made = preset if comparison.learners else changed
    name = noise if made is preset else f"{noise}-{comparison.name}"
    learner = f"{comparison.name}-{norm}" if official and comparison.learners else norm
    file = images.out / f"accuracy-{name}-{learner}-{radius}-{seed}.json"
    if not file.exists():
        train_set = images.protected(noise, seed, preset=made, name=name)
        conditions = images.conditions(seed, changed if comparison.learners else preset)
        file.write_text(json.dumps(accuracy(train_set, images.test, radius, conditions, norm=norm)))
    return float(json.loads(file.read_text()))


if __name__ == "__main__":
    main()
