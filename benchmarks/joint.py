"""What a joint training of noise network and surrogate protects, beside the search that it replaced, in one run.

    .venv/bin/python -m benchmarks.joint --generator core/generators/weights/tiny-imagenet-32.safetensors \\
        --data cifar10 --train 80 --test 200 --seeds 0 1 --out build/joint

Each row makes the noise of all training images; its core-seconds are the processor time of this process. A result is
saved in OUT as soon as it is there, so the same command continues after an interruption.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.measuring import accuracy, generator_spec, protect_by_generator, protect_by_search, protect_jointly
from benchmarks.setting import Setting, argument_parser, open_setting
from core.noise.setup import NoiseSetup
from core.noise.surrogate import train_surrogate
from core.training.labelled_images import LabelledArrays


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=ROWS)
    parser.add_argument("--radii", type=int, nargs="+", default=[0, 4], help="of adversarial training, of 255")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of noise and learners")
    args = parser.parse_args()
    setting = open_setting(args)
    print(setting.caption)
    print("| noise | core-seconds | " + " | ".join(f"AT {r}/255" if r else "standard" for r in args.radii) + " |")
    print("|---" * (2 + len(args.radii)) + "|")
    for row in args.rows:
        print(_line(row, [_measured(setting, row, seed, args.radii) for seed in args.seeds], args.radii), flush=True)


def _measured(setting: Setting, row: str, seed: int, radii: Sequence[int]) -> dict[str, float]:
    """The core-seconds of the noise, and the accuracy in per cent at each radius as text."""
    setting = replace(setting, conditions=replace(setting.conditions, seed=seed))
    file = setting.result_file(f"joint-{row}-{'-'.join(map(str, radii))}")
    if not file.exists():
        began = time.process_time()
        images = ROWS[row](setting)
        measured = {"core_seconds": time.process_time() - began}
        measured |= {str(r): accuracy(images, setting.test, r, setting.conditions) for r in radii}
        file.write_text(json.dumps(measured))
    found: dict[str, float] = json.loads(file.read_text())
    return found


def _line(row: str, runs: Sequence[dict[str, float]], radii: Sequence[int]) -> str:
    accuracies = (" / ".join(f"{run[str(radius)]:.1f}" for run in runs) for radius in radii)
    seconds = np.mean([run["core_seconds"] for run in runs])
    return f"| {row} | {seconds:.1f} | {' | '.join(accuracies)} |"


def _originals(setting: Setting) -> LabelledArrays:
    return setting.images


def _instant(setting: Setting) -> LabelledArrays:
    return protect_by_generator(setting.generator, setting.images, setting.conditions)


def _search(setting: Setting) -> LabelledArrays:
    images, conditions = setting.images, setting.conditions
    surrogate = train_surrogate(images, _setup(setting), conditions.run)
    return protect_by_search(surrogate, images.labels, images, setting.generator.card, conditions)


def _joint(setting: Setting) -> LabelledArrays:
    return protect_jointly(setting.generator, setting.images, setting.conditions)


def _setup(setting: Setting) -> NoiseSetup:
    spec = generator_spec(setting.generator.card, seed=setting.conditions.seed)
    return NoiseSetup(spec=spec, preset=setting.conditions.preset)


ROWS: dict[str, Callable[[Setting], LabelledArrays]] = {
    "originals": _originals,
    "instant": _instant,
    "joint": _joint,
    "search": _search,
}


if __name__ == "__main__":
    main()
