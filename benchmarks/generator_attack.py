"""What an unauthorized trainer gains who has the shipped generator: its noise is subtracted from the protected images.

    .venv/bin/python -m benchmarks.generator_attack --generator core/generators/weights/tiny-imagenet-32.safetensors \\
        --data cifar10 --train 300 --test 200 --seeds 0 1 2 --out build/generator_attack

"instant" is the generator's own noise; "joint" is that of the preset `quick`, which trains the noise network on the
images. The trainer predicts noise for the protected images by the generator as it ships, and subtracts that of each
image's own class, or that of every class: then there are as many copies of an image as classes, and each learner gets
as many updates as from the images alone. A result is saved in OUT as soon as it is there, so the same command continues
after an interruption.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.joint import ROWS
from benchmarks.measuring import PASSES, accuracy, class_outputs, threat_name
from benchmarks.setting import Setting, argument_parser, open_setting
from core.noise.inference import predict_noise
from core.training.labelled_images import LabelledArrays

NOISES = ("originals", "instant", "joint")


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--noises", nargs="+", default=list(NOISES), choices=NOISES)
    parser.add_argument("--radii", type=int, nargs="+", default=[0], help="of adversarial training, of 255")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of noise and learners")
    args = parser.parse_args()
    setting = open_setting(args)
    print(setting.caption)
    print("| noise | subtracted | " + " | ".join(threat_name(radius) for radius in args.radii) + " |")
    print("|---" * (2 + len(args.radii)) + "|")
    for noise in args.noises:
        for attack in ATTACKS:
            runs = [_measured(setting, noise, attack, seed, args.radii) for seed in args.seeds]
            cells = (" / ".join(f"{run[str(radius)]:.1f}" for run in runs) for radius in args.radii)
            print(f"| {noise} | {attack} | {' | '.join(cells)} |", flush=True)


def _measured(setting: Setting, noise: str, attack: str, seed: int, radii: Sequence[int]) -> dict[str, float]:
    """The accuracy in per cent at each radius as text."""
    setting = replace(setting, conditions=replace(setting.conditions, seed=seed))
    file = setting.result_file(f"attack-{noise}-{attack}-{'-'.join(map(str, radii))}")
    if not file.exists():
        attacked = ATTACKS[attack](setting, ROWS[noise](setting))
        passes = PASSES * len(setting.images) // len(attacked)
        found = {str(r): accuracy(attacked, setting.test, r, setting.conditions, passes=passes) for r in radii}
        file.write_text(json.dumps(found))
    read: dict[str, float] = json.loads(file.read_text())
    return read


def _nothing(setting: Setting, images: LabelledArrays) -> LabelledArrays:
    return images


def _own_class(setting: Setting, images: LabelledArrays) -> LabelledArrays:
    return subtract_noise(setting, images, class_outputs(setting.generator, images))


def _every_class(setting: Setting, images: LabelledArrays) -> LabelledArrays:
    outputs = np.unique(class_outputs(setting.generator, images))
    copies = [subtract_noise(setting, images, np.full(len(images), output)).pixels for output in outputs]
    labels = np.tile(images.labels, len(outputs))
    return replace(images, pixels=np.concatenate(copies), labels=labels)


def subtract_noise(setting: Setting, images: LabelledArrays, outputs: NDArray[np.int64]) -> LabelledArrays:
    """The images without the noise that the generator predicts for them.

    Args:
        setting: Has the generator and the device.
        images: Protected images.
        outputs: For each image the class of the generator whose noise is predicted, int64 (n,).
    """
    generator, run = setting.generator, setting.conditions.run
    assert generator.network is not None, "noise can be subtracted where a noise network predicts it"
    mapped, mask = replace(images, labels=outputs, classes=generator.card.classes), np.ones(len(images), bool)
    noise = predict_noise(generator.network, mapped, run, radius=generator.card.radius_u, protect_mask=mask)
    pixels = (images.pixels.astype(np.int16) - noise).clip(0, 255).astype(np.uint8)
    return replace(images, pixels=pixels)


ATTACKS: dict[str, Callable[[Setting, LabelledArrays], LabelledArrays]] = {
    "nothing": _nothing,
    "own class": _own_class,
    "every class": _every_class,
}


if __name__ == "__main__":
    main()
