"""What an unauthorized trainer gains who has the shipped generator: its noise is subtracted from the protected images.

    .venv/bin/python -m benchmarks.generator_attack --generator core/generators/weights/tiny-imagenet-32.safetensors \\
        --data cifar10 --train 300 --test 200 --seeds 0 1 2 --out build/generator_attack

"instant" is the noise of that preset, "no key" the same without its secret key, as earlier releases made it; "joint" is
that of the preset `quick`, which trains the noise network on the images. The trainer predicts noise for the protected
images by the generator as it ships, and subtracts that of each image's own class, or that of every class: then there
are as many copies of an image as classes, and each learner gets as many updates as from the images alone. "fitted" is
for experts: the vector of each class is fitted so that the noise that the network predicts with it resembles what is
fine in the images of the class. A result is saved in OUT as soon as it is there, so the same command continues after an
interruption.
"""

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.joint import ROWS
from benchmarks.measuring import PASSES, accuracy, class_outputs, threat_name, with_noise
from benchmarks.setting import Setting, argument_parser, open_setting
from core.attacks.norms import PIXEL
from core.noise.inference import predict_noise
from core.noise.noise_network import NoiseNetwork
from core.training.labelled_images import LabelledArrays

FITTING_STEPS, FITTING_BATCH, FITTING_RATE = 1_500, 64, 0.05
COMPARED = 60  # images of a class that choose the vector from which its own is fitted


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--noises", nargs="+", default=list(NOISES), choices=list(NOISES))
    parser.add_argument("--attacks", nargs="+", default=list(ATTACKS), choices=list(ATTACKS), help="what is subtracted")
    parser.add_argument("--radii", type=int, nargs="+", default=[0], help="of adversarial training, of 255")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of noise and learners")
    args = parser.parse_args()
    setting = open_setting(args)
    print(setting.caption)
    print("| noise | subtracted | " + " | ".join(threat_name(radius) for radius in args.radii) + " |")
    print("|---" * (2 + len(args.radii)) + "|")
    for noise in args.noises:
        for attack in args.attacks:
            runs = [_measured(setting, noise, attack, seed, args.radii) for seed in args.seeds]
            cells = (" / ".join(f"{run[str(radius)]:.1f}" for run in runs) for radius in args.radii)
            print(f"| {noise} | {attack} | {' | '.join(cells)} |", flush=True)


def _measured(setting: Setting, noise: str, attack: str, seed: int, radii: Sequence[int]) -> dict[str, float]:
    """The accuracy in per cent at each radius as text."""
    setting = replace(setting, conditions=replace(setting.conditions, seed=seed))
    file = setting.result_file(f"attack-{noise}-{attack}-{'-'.join(map(str, radii))}")
    if not file.exists():
        attacked = ATTACKS[attack](setting, NOISES[noise](setting))
        passes = PASSES * len(setting.images) // len(attacked)
        found = {str(r): accuracy(attacked, setting.test, r, setting.conditions, passes=passes) for r in radii}
        file.write_text(json.dumps(found))
    read: dict[str, float] = json.loads(file.read_text())
    return read


def _without_key(setting: Setting) -> LabelledArrays:
    return with_noise(setting.images, _noise(setting, setting.images, class_outputs(setting.generator, setting.images)))


NOISES: dict[str, Callable[[Setting], LabelledArrays]] = {
    "originals": ROWS["originals"],
    "no key": _without_key,
    "instant": ROWS["instant"],
    "joint": ROWS["joint"],
}


def _nothing(setting: Setting, images: LabelledArrays) -> LabelledArrays:
    return images


def _own_class(setting: Setting, images: LabelledArrays) -> LabelledArrays:
    return subtract_noise(setting, images, class_outputs(setting.generator, images))


def _every_class(setting: Setting, images: LabelledArrays) -> LabelledArrays:
    outputs = np.unique(class_outputs(setting.generator, images))
    copies = [subtract_noise(setting, images, np.full(len(images), output)).pixels for output in outputs]
    labels = np.tile(images.labels, len(outputs))
    return replace(images, pixels=np.concatenate(copies), labels=labels)


def _fitted(setting: Setting, images: LabelledArrays) -> LabelledArrays:
    network = fit_vectors(_network(setting), images, seed=setting.conditions.seed)
    fitted = replace(setting, generator=replace(setting.generator, network=network))
    return subtract_noise(fitted, images, images.labels)


def subtract_noise(setting: Setting, images: LabelledArrays, outputs: NDArray[np.int64]) -> LabelledArrays:
    """The images without the noise that the generator predicts for them.

    Args:
        setting: Has the generator and the device.
        images: Protected images.
        outputs: For each image the class of the generator whose noise is predicted, int64 (n,).
    """
    pixels = (images.pixels.astype(np.int16) - _noise(setting, images, outputs)).clip(0, 255).astype(np.uint8)
    return replace(images, pixels=pixels)


def fit_vectors(network: NoiseNetwork, images: LabelledArrays, *, seed: int) -> NoiseNetwork:
    """Fit the vector of each class of some images to what is fine in them, which is mostly noise.

    Args:
        network: The noise network as it ships; it stays as it is.
        images: Protected images.
        seed: Of the batches.

    Returns:
        A copy of the network whose first vectors are those of the classes of the images.
    """
    fitted = copy.deepcopy(network).eval().requires_grad_(False)
    x, y = torch.from_numpy(images.pixels).float() * PIXEL, torch.from_numpy(images.labels)
    with torch.no_grad():
        for label in range(images.classes):
            own = x[y == label][:COMPARED]
            outputs = range(network.config.classes)
            found = [_likeness(own, network(own, torch.full((len(own),), one))).item() for one in outputs]
            fitted.directions.weight[label] = network.directions.weight[int(np.argmax(found))]
    fitted.directions.requires_grad_(True)
    optimizer = torch.optim.Adam(fitted.directions.parameters(), lr=FITTING_RATE)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(FITTING_STEPS):
        batch = torch.randint(len(x), (FITTING_BATCH,), generator=generator)
        optimizer.zero_grad()
        (-_likeness(x[batch], fitted(x[batch], y[batch]))).backward()
        optimizer.step()
    return fitted.requires_grad_(False)


def _likeness(x: Tensor, noise: Tensor) -> Tensor:
    """The mean cosine of images and noise (n, c, h, w), each without its mean over 3 x 3 pixels."""
    fine = [values - F.avg_pool2d(values, 3, 1, 1, count_include_pad=False) for values in (x, noise)]
    return F.cosine_similarity(fine[0].flatten(1), fine[1].flatten(1)).mean()


def _noise(setting: Setting, images: LabelledArrays, outputs: NDArray[np.int64]) -> NDArray[np.int8]:
    """What the generator's network predicts for some of its classes, int8 (n, c, s, s)."""
    generator, run = setting.generator, setting.conditions.run
    mapped, mask = replace(images, labels=outputs, classes=generator.card.classes), np.ones(len(images), bool)
    return predict_noise(_network(setting), mapped, run, radius=generator.card.radius_u, protect_mask=mask)


def _network(setting: Setting) -> NoiseNetwork:
    assert setting.generator.network is not None, "noise can be subtracted where a noise network predicts it"
    return setting.generator.network


ATTACKS: dict[str, Callable[[Setting, LabelledArrays], LabelledArrays]] = {
    "nothing": _nothing,
    "own class": _own_class,
    "every class": _every_class,
    "fitted": _fitted,
}


if __name__ == "__main__":
    main()
