"""What someone may do to protected pictures to learn from them after all: before training, or batch by batch in it."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from core.countermeasures.compression import fewer_bits, greyscale, jpeg, resize_down_and_up
from core.countermeasures.filters import gaussian_3x3, gaussian_blur, mean_3x3, median_3x3
from core.countermeasures.mixing import cutmix, cutout, mixup
from core.countermeasures.preprocessing import Preprocessing, image_by_image
from core.countermeasures.projection import orthogonal_projection
from core.countermeasures.ueraser import hardest_of
from core.specs.catalog import COUNTERMEASURE_INFO, CountermeasureInfo
from core.training.augmentation import Augmentation


def untouched(pixels: Tensor, labels: Tensor, *, generator: torch.Generator) -> Tensor:
    """The pictures as they are."""
    return pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Countermeasure:
    """What is done, in words (`about`), and how: to the pictures once (`treat`), or to each batch (`augment`)."""

    about: CountermeasureInfo
    treat: Preprocessing = untouched
    augment: Augmentation | None = None


_TREATMENTS: dict[str, Preprocessing] = {
    "mean-3x3": image_by_image(mean_3x3),
    "median-3x3": image_by_image(median_3x3),
    "gaussian-3x3": image_by_image(gaussian_3x3),
    "greyscale": image_by_image(greyscale),
    "resize-half": image_by_image(partial(resize_down_and_up, factor=0.5)),
    "orthogonal-projection": orthogonal_projection,
    **{f"blur-sigma-{sigma}": image_by_image(partial(gaussian_blur, sigma=sigma)) for sigma in (1, 2)},
    **{f"jpeg-{quality}": image_by_image(partial(jpeg, quality=quality)) for quality in (90, 75, 50, 30, 10)},
    **{f"bits-{bits}": image_by_image(partial(fewer_bits, bits=bits)) for bits in (3, 2)},
}
_AUGMENTATIONS: dict[str, Augmentation] = {
    "cutout": cutout,
    "mixup": mixup,
    "cutmix": cutmix,
    "ueraser-lite": hardest_of(1),
    "ueraser-max": hardest_of(5),
}

COUNTERMEASURES: dict[str, Countermeasure] = {
    **{name: Countermeasure(about=COUNTERMEASURE_INFO[name], treat=treat) for name, treat in _TREATMENTS.items()},
    **{
        name: Countermeasure(about=COUNTERMEASURE_INFO[name], augment=augment)
        for name, augment in _AUGMENTATIONS.items()
    },
}
