"""What fine-tuning a network that was pretrained on other, clean pictures makes of a protection.

    .venv/bin/python -m benchmarks.finetuning --generator core/generators/weights/cifar10-32.safetensors \\
        --others data/tiny-imagenet-100 --data data/cifar10 --out build/finetuning

DATA and OTHERS hold train/CLASS/FILE and test/CLASS/FILE. The learner is first trained on OTHERS, 10 passes of standard
training, and then, with a new last layer, 10 passes on DATA, as it is and as the generator protects it. Beside it: the
same learner from random weights. Every number is kept in OUT as it comes.
"""

import json
from pathlib import Path

from safetensors.torch import load_file, save_file

from benchmarks.measuring import RADII, Weights, accuracy, by_generator, read, threat_name, trained_learner
from benchmarks.setting import Setting, opened, parser


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--others", type=Path, required=True)
    args = options.parse_args()
    setting = opened(args)
    starts = {"random weights": None, f"weights from {args.others.name}": _pretrained(setting, args.others)}
    delivered = by_generator(setting.generator, setting.images, setting.conditions)
    found = {}
    for trained_on, pixels in (("the originals", setting.images.pixels), ("protected", delivered)):
        for start, weights in starts.items():
            for radius in RADII:
                file = setting.kept(f"{trained_on} {start} {radius}")
                if not file.exists():
                    reached = accuracy(pixels, setting.images, setting.test, radius, setting.conditions, start=weights)
                    file.write_text(json.dumps(reached))
                found[trained_on, start, radius] = json.loads(file.read_text())
                print(trained_on, start, radius, found[trained_on, start, radius], flush=True)
    _print_table(found, setting)


def _pretrained(setting: Setting, others: Path) -> Weights:
    """The learner's weights after standard training on the others, kept in OUT."""
    file = setting.out / f"pretrained-on-{others.name}-{setting.conditions.seed}.safetensors"
    if not file.exists():
        size = setting.generator.card.size
        images, test = (read(others / split, per_class=1_000, size=size) for split in ("train", "test"))
        model, reached = trained_learner(images.pixels, images, test, 0, setting.conditions)
        print(f"pretrained on {len(images.labels):,} pictures of {images.classes} classes: {reached} %", flush=True)
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, file)
    return load_file(file, device=setting.conditions.device.name)


def _print_table(found: dict[tuple[str, str, int], float], setting: Setting) -> None:
    print(setting.about)
    print(f"| trained on | starting at | {' | '.join(map(threat_name, RADII))} |")
    print(f"|---|---|{'---|' * len(RADII)}")
    for trained_on, start in dict.fromkeys((trained_on, start) for trained_on, start, _ in found):
        cells = " | ".join(f"{found[trained_on, start, radius]:.1f}" for radius in RADII)
        print(f"| {trained_on} | {start} | {cells} |")


if __name__ == "__main__":
    main()
