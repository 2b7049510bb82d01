"""The recipe of a trained generator: a dataset in, a file out that makes noise for other datasets."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import noise as noises
from core.darkroom import Darkroom
from core.dataset import Dataset, load_pixels, open_dataset
from core.device import Device
from core.distributed import ShelfOfRank0, on_rank_0
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

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


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
    card. `size` is the side in pixels that it works at; default: the pictures' own, as the preset takes it. Several
    processes (`core.distributed`) train one generator, which process 0 writes. The rest is as for
    `core.pipeline.protect`; raises BadInput also for a size that these pictures do not have, and for a network too
    large to be a generator.
    """
    progress, shelf, where = Progress(on_progress), ShelfOfRank0(shelf or NoShelf()), Device(device, cores=cores)
    allowed = limits or Limits()

    def read() -> tuple[Card, Pixels, Labels]:
        with Darkroom(limits=allowed) as darkroom:
            dataset = _to_learn_from(
                open_dataset(source, scratch, name=name, limits=allowed, progress=progress, darkroom=darkroom)
            )
            side = _size(dataset, spec, size)
            preset = preset_for(spec.preset, side)
            card = _card(dataset, spec, preset, side, name=title or out.stem, device=where.label, command=command)
            check_weight(preset.architecture, channels=card.channels, size=side, classes=card.classes)
            progress.start("decoding", 0)
            pixels = load_pixels(dataset, side, progress=progress, darkroom=darkroom)
        return card, pixels, np.array([picture.label for picture in dataset.pictures], dtype=np.int64)

    card, pixels, labels = on_rank_0(read)
    surrogate = noises.train_surrogate(
        pixels,
        labels,
        card.classes,
        spec,
        preset_for(spec.preset, card.size),
        device=where,
        progress=progress,
        shelf=shelf,
    )
    progress.start("writing", 1)
    on_rank_0(lambda: save(surrogate, card, out))
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
