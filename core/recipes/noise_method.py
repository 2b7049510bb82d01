"""Which method makes the noise of a protection: the requested one where it suits the images, else the best."""

from dataclasses import replace

from core.errors import BadInput
from core.ingest.dataset import ImageDataset
from core.models.pretrained import pretrained_weights_file
from core.runtime.context import RunContext
from core.specs.catalog import HOW_TO_GET_WEIGHTS
from core.specs.photograph_methods import (
    TOO_FEW_CLASSES_FOR_PATTERNS,
    default_photograph_method,
    has_photograph_method,
)
from core.specs.protect import INSTANT, PATTERN, PHOTOGRAPH_METHODS, TEXTURE, ProtectSpec
from core.specs.visibility import are_photographs, too_small_for


def choose_method(dataset: ImageDataset, spec: ProtectSpec, run: RunContext) -> tuple[ImageDataset, ProtectSpec]:
    """Choose the method of a protection without a trained generator.

    Args:
        dataset: The images to protect.
        spec: What was requested.
        run: Where pretrained weights are looked for.

    Returns:
        The dataset, with a note where another method takes the place of the default; and the spec with the method.

    Raises:
        BadInput: The requested method does not suit the images, or needs weights that are not on this machine.
    """
    photographs = are_photographs([(image.width, image.height) for image in dataset.images])
    if spec.method in PHOTOGRAPH_METHODS and not photographs:
        raise BadInput(f"The method {spec.method} {too_small_for(spec.method)}.")
    if spec.method == PATTERN and len(dataset.classes) == 1:
        raise BadInput(f"The method {PATTERN} {TOO_FEW_CLASSES_FOR_PATTERNS}.")
    if has_photograph_method(spec, photographs=photographs):
        return _with_photograph_method(dataset, spec, run)
    if len(dataset.classes) == 1 and spec.preset != INSTANT:
        return _without_training(dataset, spec)
    return dataset, spec


def _with_photograph_method(
    dataset: ImageDataset, spec: ProtectSpec, run: RunContext
) -> tuple[ImageDataset, ProtectSpec]:
    method = spec.method or default_photograph_method(spec.preset, classes=len(dataset.classes))
    if method == PATTERN and pretrained_weights_file(run.pretrained_weights) is None:
        missing = f"There are no pretrained weights on this machine: {HOW_TO_GET_WEIGHTS}."
        if spec.method is not None:
            raise BadInput(f"The method {PATTERN} is trained with a pretrained network. {missing}")
        note = f"The noise is a texture of each class, which is weaker than patterns that are trained. {missing}"
        dataset, method = _with_note(dataset, note), TEXTURE
    return dataset, spec.model_copy(update={"method": method})


def _without_training(dataset: ImageDataset, spec: ProtectSpec) -> tuple[ImageDataset, ProtectSpec]:
    """The preset `instant` in place of one that trains: a network learns nothing from images of one class."""
    note = (
        f"All images are of one class, from which nothing can be trained. So the preset {INSTANT} replaced "
        f"{spec.preset}: the noise is that of a generator which was trained on other images."
    )
    return _with_note(dataset, note), ProtectSpec.parse(spec.to_dict() | {"preset": INSTANT})


def _with_note(dataset: ImageDataset, note: str) -> ImageDataset:
    return replace(dataset, layout=replace(dataset.layout, notes=(*dataset.layout.notes, note)))
