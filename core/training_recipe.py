"""The recipe of a trained generator: a dataset in, a file out that makes noise for other datasets."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from core import noise as noises
from core.darkroom import Darkroom
from core.dataset import Dataset, load_pixels, open_dataset
from core.device import Device
from core.generator_card import Card
from core.limits import BadInput, Limits
from core.noise.generator import check_weight, save
from core.noise.methods import METHODS
from core.presets import PRESETS, Preset, preset_for
from core.progress import Callback, Progress
from core.shelf import NoShelf, Shelf
from core.sizes import LEAST, STEP, work_size
from core.spec import ProtectSpec
from core.version import versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """Where a trained generator's file lies, its card, and how long it took."""

    file: Path
    card: Card
    seconds: float


def train_generator(
    source: Path,
    out: Path,
    spec: ProtectSpec,
    *,
    scratch: Path,
    on_progress: Callback | None = None,
    shelf: Shelf | None = None,
    device: str | None = None,
    cores: int | None = None,
    name: str | None = None,
    title: str | None = None,
    size: int | None = None,
    command: str = "",
    limits: Limits | None = None,
) -> Trained:
    """Train a surrogate on a folder or archive into the file `out`, which appears only when all of it is done.

    Of `spec` the keys in `core.spec.OF_TRAINING` count. Pictures in a test split of the upload's own are left out, so
    that the generator can be measured on them. `name` is the dataset's, `title` the generator's; `command` goes on the
    card. `size` is the side in pixels that it works at; default: the pictures' own, as the preset takes it. The rest is
    as for `core.pipeline.protect`; raises BadInput also for a size that these pictures do not have, and for a network
    too large to be a generator.
    """
    progress, shelf, where = Progress(on_progress), shelf or NoShelf(), Device(device, cores=cores)
    allowed = limits or Limits()
    with Darkroom(limits=allowed) as darkroom:
        dataset = _to_learn_from(
            open_dataset(source, scratch, name=name, limits=allowed, progress=progress, darkroom=darkroom)
        )
        size = _size(dataset, spec, size)
        preset = preset_for(spec.preset, size)
        classes = len(dataset.classes)
        card = _card(dataset, spec, preset, size, name=title or out.stem, device=where.label, command=command)
        check_weight(preset.architecture, channels=dataset.channels, size=size, classes=classes)
        progress.start("decoding", 0)
        pixels = load_pixels(dataset, size, progress=progress, darkroom=darkroom)
    labels = np.array([picture.label for picture in dataset.pictures], dtype=np.int64)
    surrogate = noises.train_surrogate(
        pixels, labels, classes, spec, preset, device=where, progress=progress, shelf=shelf
    )
    progress.start("writing", 1)
    save(surrogate, card, out)
    progress.advance()
    progress.finish()
    return Trained(file=out, card=card, seconds=sum(progress.seconds.values()))


def _to_learn_from(dataset: Dataset) -> Dataset:
    """The dataset without its own test split."""
    return replace(dataset, pictures=tuple(p for p in dataset.pictures if p.split != "test"))


def _size(dataset: Dataset, spec: ProtectSpec, asked: int | None) -> int:
    """The side to work at, in pixels: as asked, or the pictures' own. Raises BadInput for one they do not have."""
    own = work_size([(p.width, p.height) for p in dataset.pictures], largest=PRESETS[spec.preset].largest)
    if asked is None or asked == own:
        return own
    if asked not in range(LEAST, own, STEP):
        sizes = ", ".join(map(str, range(LEAST, own + 1, STEP)))
        raise BadInput(f"These pictures can be worked on at {sizes} px with the preset {spec.preset}, not at {asked}.")
    return asked


def _card(
    dataset: Dataset, spec: ProtectSpec, preset: Preset, size: int, *, name: str, device: str, command: str
) -> Card:
    """What is known before the training. Raises BadInput where it makes no card, such as for a name without letters."""
    method, images = METHODS[spec.method or preset.method], len(dataset.pictures)
    values: dict[str, Any] = {
        "name": name,
        "method": method.name,
        "preset": preset.name,
        "architecture": preset.architecture,
        "channels": dataset.channels,
        "size": size,
        "class_names": dataset.classes,
        "radius_u": spec.radius_u,
        "radius_a": spec.adversarial_radius,
        "seed": spec.seed,
        "updates": preset.noise[method.name].length.updates(images),
        "images": images,
        "data": dataset.name,
        "device": device,
        "command": command,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "versions": versions(),
    }
    try:
        return Card(**values)
    except ValueError as error:
        raise BadInput(f"This would be a generator that cannot be used: {error}.") from None
