"""The countermeasures by name.

To add one, write a function with the signature of `Preprocessing` (changes the training set once) or `Augmentation`
(changes each batch), enter it below, and describe it in core/specs/catalog.py, which the API reads
without torch. Specs, reports and the command line then accept it.
"""

from dataclasses import dataclass
from functools import partial

from core.countermeasures.compression import compress_jpeg, downscale_and_upscale, reduce_bit_depth, to_greyscale
from core.countermeasures.filters import gaussian_3x3, gaussian_blur, mean_3x3, median_3x3
from core.countermeasures.mixing import cutmix, cutout, mixup
from core.countermeasures.preprocessing import Preprocessing, no_preprocessing, per_image
from core.countermeasures.projection import orthogonal_projection
from core.countermeasures.ueraser import hardest_of
from core.specs.catalog import COUNTERMEASURE_INFO, CountermeasureInfo
from core.training.augmentation import Augmentation


@dataclass(frozen=True, slots=True, kw_only=True)
class Countermeasure:
    """What an unauthorized trainer may do to the training set or to each batch.

    Attributes:
        info: The name, the description and the source.
        preprocess: Changes the training set once, before training.
        augment: Changes each batch during training; None changes nothing.
    """

    info: CountermeasureInfo
    preprocess: Preprocessing = no_preprocessing
    augment: Augmentation | None = None


_PREPROCESSINGS: dict[str, Preprocessing] = {
    "mean-3x3": per_image(mean_3x3),
    "median-3x3": per_image(median_3x3),
    "gaussian-3x3": per_image(gaussian_3x3),
    "greyscale": per_image(to_greyscale),
    "resize-half": per_image(partial(downscale_and_upscale, factor=0.5)),
    "orthogonal-projection": orthogonal_projection,
    **{f"blur-sigma-{sigma}": per_image(partial(gaussian_blur, sigma=sigma)) for sigma in (1, 2)},
    **{f"jpeg-{quality}": per_image(partial(compress_jpeg, quality=quality)) for quality in (90, 75, 50, 30, 10)},
    **{f"bits-{bits}": per_image(partial(reduce_bit_depth, bits=bits)) for bits in (3, 2)},
}
_AUGMENTATIONS: dict[str, Augmentation] = {
    "cutout": cutout,
    "mixup": mixup,
    "cutmix": cutmix,
    "ueraser-lite": hardest_of(1),
    "ueraser-max": hardest_of(5),
}

COUNTERMEASURES: dict[str, Countermeasure] = {
    **{name: Countermeasure(info=COUNTERMEASURE_INFO[name], preprocess=f) for name, f in _PREPROCESSINGS.items()},
    **{name: Countermeasure(info=COUNTERMEASURE_INFO[name], augment=f) for name, f in _AUGMENTATIONS.items()},
}
