"""Does protection hold against fine-tuning of a network that was pretrained on other, clean images?

    .venv/bin/python -m benchmarks.finetuning --generator core/generators/weights/cifar10-32.safetensors \\
        --others data/tiny-imagenet-100 --data data/cifar10 --out build/finetuning

Prints the test accuracy of a learner by training set (original or protected), start (random weights or pretrained ones)
and radius of adversarial training. DATA and OTHERS hold train/CLASS/FILE and test/CLASS/FILE. Pretraining is standard
training on OTHERS for 10 passes. The learner then gets a new last layer and is trained on DATA for 10 passes. Results
are saved in OUT as soon as they are measured, so the same command continues after an interruption.
"""

import json
from pathlib import Path

from safetensors.torch import load_file, save_file

from benchmarks.measuring import RADII, Weights, accuracy, protect_by_generator, read_images, threat_name, train_learner
from benchmarks.setting import Setting, argument_parser, open_setting


def main() -> None:
    options = argument_parser(__doc__)
    options.add_argument("--others", type=Path, required=True, help="the folder to pretrain on, with train/ and test/")
    args = options.parse_args()
    setting = open_setting(args)
    starts = {"random weights": None, f"weights from {args.others.name}": _pretrained(setting, args.others)}
    protected = protect_by_generator(setting.generator, setting.images, setting.conditions)
    found = {}
    for trained_on, train_set in (("the originals", setting.images), ("protected", protected)):
        for start, weights in starts.items():
            for radius in RADII:
                file = setting.result_file(f"{trained_on} {start} {radius}")
                if not file.exists():
                    result = accuracy(train_set, setting.test, radius, setting.conditions, start=weights)
                    file.write_text(json.dumps(result))
                found[trained_on, start, radius] = json.loads(file.read_text())
                print(trained_on, start, radius, found[trained_on, start, radius], flush=True)
    _print_table(found, setting)


def _pretrained(setting: Setting, others: Path) -> Weights:
    """The weights of the learner after standard training on OTHERS; they are saved in OUT."""
    file = setting.out / f"pretrained-on-{others.name}-{setting.conditions.seed}.safetensors"
    if not file.exists():
        size = setting.generator.card.size
        images, test = (read_images(others / split, per_class=1_000, size=size) for split in ("train", "test"))
        model, result = train_learner(images, test, 0, setting.conditions)
        print(f"pretrained on {len(images.labels):,} images of {images.classes} classes: {result} %", flush=True)
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, file)
    return load_file(file, device=setting.conditions.device.name)


def _print_table(found: dict[tuple[str, str, int], float], setting: Setting) -> None:
    print(setting.caption)
    print(f"| trained on | starting at | {' | '.join(map(threat_name, RADII))} |")
    print(f"|---|---|{'---|' * len(RADII)}")
    for trained_on, start in dict.fromkeys((trained_on, start) for trained_on, start, _ in found):
        cells = " | ".join(f"{found[trained_on, start, radius]:.1f}" for radius in RADII)
        print(f"| {trained_on} | {start} | {cells} |")


if __name__ == "__main__":
    main()
