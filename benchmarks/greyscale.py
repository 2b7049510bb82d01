"""How much a noise network protects in colour and in greyscale, by the share of greyscale images in its loss.

    .venv/bin/python -m benchmarks.greyscale --generator core/generators/weights/tiny-imagenet-32.safetensors \\
        --others data/tiny-imagenet-last-90 --data data/cifar10 --train 500 --out build/greyscale

Prints for each share the test accuracy of learners that are trained on the protected images, in colour and in
greyscale. DATA holds train/CLASS/FILE and test/CLASS/FILE. OTHERS holds train/CLASS/FILE, the images that the generator
was trained on; its surrogate stays. For each share a noise network is trained on OTHERS, with the seed of the
generator, and protects DATA; with a share of 0 there is no greyscale surrogate. The learner of the preset takes 10
passes. Results and unfinished training are saved in OUT, so the same command continues after an interruption.
"""

import json
from dataclasses import replace
from pathlib import Path

from benchmarks.measuring import accuracy, after_countermeasure, generator_spec, protect_by_generator, read_images
from benchmarks.setting import Setting, argument_parser, open_setting
from core.noise.generator_file import as_saved
from core.noise.setup import NoiseSetup
from core.noise.surrogate import GREYSCALE_SURROGATE
from core.noise.train_noise_network import train_noise_network
from core.runtime.context import RunContext
from core.runtime.folder_checkpoints import FolderCheckpointStore
from core.training.labelled_images import LabelledArrays

COLUMNS = (("none", 0), ("greyscale", 0), ("none", 4))  # countermeasure, radius of adversarial training


def main() -> None:
    options = argument_parser(__doc__)
    options.add_argument("--others", type=Path, required=True, help="the folder that the generator was trained on")
    options.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.25, 0.3, 0.5], help="shares in the loss")
    args = options.parse_args()
    setting = open_setting(args)
    others = read_images(args.others / "train", per_class=100_000, size=setting.generator.card.size)
    found = {share: _measured(share, others, setting) for share in args.shares}
    print(setting.caption)
    print("| share | standard | greyscale, standard | AT 4/255 |\n|---|---|---|---|")
    for share, accuracies in found.items():
        print(f"| {share:g} | {' | '.join(f'{value:.1f}' for value in accuracies)} |")


def _measured(share: float, others: LabelledArrays, setting: Setting) -> list[float]:
    """The test accuracy of each column."""
    file, images = setting.result_file(f"share {share:g}"), setting.images
    if file.exists():
        known: list[float] = json.loads(file.read_text())
        return known
    card, found = setting.generator.card, []
    conditions = setting.conditions
    config = replace(conditions.preset.noise[card.method], greyscale_share=share)
    setup = NoiseSetup(
        spec=generator_spec(card, seed=card.seed), preset=replace(conditions.preset, noise={card.method: config})
    )
    run = RunContext(device=conditions.device, checkpoints=_checkpoints(setting.out, share))
    network = train_noise_network(setting.generator.model, others, setup, run, greyscale=share > 0)
    assert network is not None
    protected = protect_by_generator(replace(setting.generator, network=as_saved(network)), images, conditions)
    for countermeasure, radius in COLUMNS:
        train_set = protected
        if countermeasure != "none":
            train_set = after_countermeasure(protected, countermeasure, conditions)
        found.append(accuracy(train_set, setting.test, radius, conditions))
    file.write_text(json.dumps(found))
    print(share, found, flush=True)
    return found


def _checkpoints(out: Path, share: float) -> FolderCheckpointStore:
    """A folder for each share; the greyscale surrogate, the same for all, is copied from a folder that has it."""
    checkpoints = FolderCheckpointStore(out / f"parts-{share:g}")
    for made in out.glob(f"parts-*/{GREYSCALE_SURROGATE}"):
        if checkpoints.load(GREYSCALE_SURROGATE) is None:
            checkpoints.save(GREYSCALE_SURROGATE, made.read_bytes())
    return checkpoints


if __name__ == "__main__":
    main()
