"""What a noise network protects in colour and in grey, by the share that grey pictures have of its loss.

    .venv/bin/python -m benchmarks.grey --generator core/generators/weights/tiny-imagenet-32.safetensors \\
        --others data/tiny-imagenet-last-90 --data data/cifar10 --train 500 --out build/grey

DATA and OTHERS hold train/CLASS/FILE, and DATA test/CLASS/FILE as well. The generator's surrogate stays; OTHERS are the
pictures that it was trained on. For each share a noise network is trained on them, with the generator's seed, and makes
noise for DATA; with a share of 0 it has no second judge. The preset's own learner takes 10 passes over the pictures as
they are and turned grey. Every number is kept in OUT as it comes, and unfinished training too.
"""

import json
from dataclasses import replace
from pathlib import Path

from benchmarks.measuring import accuracy, by_generator, read, spec_of, treated
from benchmarks.setting import Setting, opened, parser
from core.noise.generator_file import as_saved
from core.noise.setup import NoiseSetup
from core.noise.surrogate import GREYSCALE_SURROGATE
from core.noise.train_noise_network import train_noise_network
from core.runtime.context import RunContext
from core.runtime.folder_checkpoints import FolderCheckpointStore
from core.training.labelled_images import LabelledArrays

COLUMNS = (("as they are", 0), ("greyscale", 0), ("as they are", 4))  # what is done to the pictures, and the radius


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--others", type=Path, required=True)
    options.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.25, 0.3, 0.5])
    args = options.parse_args()
    setting = opened(args)
    others = read(args.others / "train", per_class=100_000, size=setting.generator.card.size)
    found = {share: _measured(share, others, setting) for share in args.shares}
    print(setting.about)
    print("| share | standard | grey, standard | AT 4/255 |\n|---|---|---|---|")
    for share, accuracies in found.items():
        print(f"| {share:g} | {' | '.join(f'{value:.1f}' for value in accuracies)} |")


def _measured(share: float, others: LabelledArrays, setting: Setting) -> list[float]:
    """Test accuracy by column."""
    file, images = setting.kept(f"share {share:g}"), setting.images
    if file.exists():
        known: list[float] = json.loads(file.read_text())
        return known
    card, found = setting.generator.card, []
    conditions = setting.conditions
    config = replace(conditions.preset.noise[card.method], greyscale_share=share)
    setup = NoiseSetup(
        spec=spec_of(card, seed=card.seed), preset=replace(conditions.preset, noise={card.method: config})
    )
    run = RunContext(device=conditions.device, checkpoints=_checkpoints(setting.out, share))
    network = train_noise_network(setting.generator.model, others, setup, run, greyscale=share > 0)
    assert network is not None
    delivered = by_generator(replace(setting.generator, network=as_saved(network)), images, conditions)
    for what, radius in COLUMNS:
        pixels = delivered
        if what != "as they are":
            pixels = treated(delivered, images, what, conditions)
        found.append(accuracy(pixels, images, setting.test, radius, conditions))
    file.write_text(json.dumps(found))
    print(share, found, flush=True)
    return found


def _checkpoints(out: Path, share: float) -> FolderCheckpointStore:
    """A folder for each share; the grey surrogate, which is the same for all, is copied from one that has it."""
    checkpoints = FolderCheckpointStore(out / f"parts-{share:g}")
    for made in out.glob(f"parts-*/{GREYSCALE_SURROGATE}"):
        if checkpoints.load(GREYSCALE_SURROGATE) is None:
            checkpoints.save(GREYSCALE_SURROGATE, made.read_bytes())
    return checkpoints


if __name__ == "__main__":
    main()
