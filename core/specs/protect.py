"""The spec of a protect job. Imports no torch, so the API validates with the same class.

Radii are in pixel units, of 255.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from core.errors import FieldError, SpecError
from core.specs.base import OneOf, Spec, refusal
from core.specs.visibility import DEFAULT_VISIBILITY, VISIBILITIES, VISIBILITY_TARGETS

TEXTURE = "texture"
"""The method of photographs by default: a band-passed texture for each class, which is not trained."""
METHODS = ("sem", "rem", "em", "tap", "ntga", TEXTURE)
METHODS_WITHOUT_SURROGATE = ("ntga", TEXTURE)
"""Methods that train no network, which leave nothing to save as a generator."""
PAPER = "paper"
"""The preset with the settings of Fu et al. 2022, also for the evidence."""
GPU_PRESETS = (PAPER,)
"""Presets that take days without a GPU."""
INSTANT = "instant"
"""The preset that trains nothing: a generator that ships with the release makes the noise."""
TRAINING_PRESETS = ("quick", "standard", PAPER)
PRESET_NAMES = (INSTANT, *TRAINING_PRESETS)
FORMATS = ("same", "png")
EVIDENCE_RUNS = {"none": 0, "quick": 1, "full": 3}
"""How often each learner is trained, with other random numbers, by the amount of evidence."""
EVIDENCE_AMOUNTS = tuple(EVIDENCE_RUNS)
LAYOUTS = ("auto", "classes", "splits", "album", "labels")
PASS_THROUGH = ("labels", "all", "none")
NO_LABEL = "(no label)"
"""The class of the images that have none: it is protected like the others, and takes no part in evidence."""
TRAINING_KEYS = ("preset", "method", "radius_u", "radius_a", "evidence", "seed")
"""The keys of a spec that apply to the training of a generator."""
DEFAULT_RADIUS_A = 4
MAX_LEFT_OUT, MAX_FOLDER_CHARS = 100, 1000


def _folders(value: Any) -> Any:
    """The folders to leave out as a tuple; None stays. Refuses what is no list of names."""
    if value is None:
        return None
    known = isinstance(value, list | tuple) and len(value) <= MAX_LEFT_OUT
    if not known or not all(isinstance(one, str) and 0 < len(one) <= MAX_FOLDER_CHARS for one in value):
        raise refusal(f'must be a list of up to {MAX_LEFT_OUT} folders of the upload, such as ["data/thumbs"]')
    return tuple(value)


class ProtectSpec(Spec):
    """How to protect a dataset. None means the default of the preset, or one that follows from radius_u.

    Raises SpecError, which names every field that is wrong.
    """

    preset: Annotated[str, OneOf(PRESET_NAMES)] = Field(
        default="quick",
        description="instant: nothing is trained: textures for photographs, else a generator that ships, with its own "
        "method and radii; quick: two CPU cores; standard: a GPU, minutes; paper: the paper's settings, days",
    )
    method: Annotated[str, OneOf(METHODS)] | None = Field(
        default=None,
        description="which noise; default: the preset's, the one measured strongest for its time; a protection of "
        "photographs has texture by default",
    )
    radius_u: int = Field(
        default=8,
        ge=1,
        le=64,
        description="largest change of a pixel by the noise, of 255; JPEG and other lossy formats round it, so that "
        "single pixels may change by more",
    )
    visibility: Annotated[str, OneOf(VISIBILITIES)] = Field(
        default=DEFAULT_VISIBILITY,
        description="how visible the noise on photographs may be: subtle, balanced or strong; the noise of each image "
        "is scaled until the delivered file meets the target, never above radius_u, and its compression gets finer "
        "where that needs it; the report names files of which no lossy compression meets it; images of up to 64 px and "
        "the preset paper have no target",
    )
    radius_a: int | None = Field(
        default=None,
        ge=0,
        le=63,
        description="radius of the adversarial training to withstand, of 255; default 4, or half of radius_u if that "
        "is less",
    )
    eot: bool = Field(
        default=True,
        description="find the noise under random crops and flips, if the method supports it; without this, rem loses "
        "its protection against adversarial training (Fu et al. 2022, Table 4)",
    )
    percentage: int = Field(
        default=100, ge=1, le=100, description="share of the images that are protected, in per cent"
    )
    format: Annotated[str, OneOf(FORMATS)] = Field(
        default="same",
        description="same: each file's own format, JPEG as JPEG at up to 1.5 times the upload's size unless its "
        "visibility needs more; HEIC as JPEG, since the encoder of HEIC is GPL software; png: lossless, several times "
        "as large for photos",
    )
    evidence: Annotated[str, OneOf(EVIDENCE_AMOUNTS)] = Field(
        default="quick",
        description="how much to measure: none, quick, or full (more radii, more training, and each model trained "
        "three times where the time suffices)",
    )
    evidence_minutes: int = Field(
        default=5,
        ge=0,
        le=1440,
        description="minutes that the measurement may take on this machine; if it would take longer, models are "
        "trained for fewer updates, and then rows are left out; 0 for no limit; the preset paper has none",
    )
    seed: int = Field(
        default=0, ge=0, le=2**32 - 1, description="the same seed gives the same noise on the same machine"
    )
    keep_exif: bool = Field(
        default=False,
        description="keep private EXIF, such as GPS and serial numbers; by default only colour profile, artist and "
        "copyright stay",
    )
    layout: Annotated[str, OneOf(LAYOUTS)] = Field(
        default="auto",
        description="what says the class of an image: classes (the folder it lies in), splits (the folder inside a "
        "train or test folder), labels (a file beside the images), album (nothing: all images are one class); auto "
        "finds out, as the dataset says",
    )
    leave_out: Annotated[tuple[str, ...] | None, BeforeValidator(_folders)] = Field(
        default=None,
        max_length=MAX_LEFT_OUT,
        description="folders of the upload whose images are left out, such as data/samples; default: those that look "
        "like thumbnails, a cache or trash, as the dataset says; an empty list leaves none out",
    )
    pass_through: Annotated[str, OneOf(PASS_THROUGH)] = Field(
        default="labels",
        description="files that are no images: labels (only the files that say the classes of images, and .txt), all "
        "(copied unread, whatever they hold), or none; an image that cannot be protected is never delivered",
    )
    generator_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]{1,32}$",
        description="a trained generator to make the noise with, instead of training on these images; its "
        "method and radii are used",
    )
    reference_dataset_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]{1,32}$",
        description="for an album: another dataset, whose classes it joins in its evidence, which says how much of the "
        "album models recognize; default: the operator's images, or else all other datasets of the owner",
    )

    messages: ClassVar[Mapping[str, str]] = {
        "reference_dataset_id": "must be the id of a dataset, such as /v1/datasets lists",
        "generator_id": "must be the id of a generator, such as /v1/generators lists",
    }

    @model_validator(mode="after")
    def _check_radii(self) -> Self:
        if self.radius_a is not None and self.radius_a >= self.radius_u:
            message = (
                f"must be less than radius_u ({self.radius_u}): with radius_u <= radius_a the noise cannot lower the "
                "loss below that of clean images even in standard training (Fu et al. 2022, section 4.2)"
            )
            raise refusal(message, field="radius_a")
        return self

    @model_validator(mode="after")
    def _check_texture(self) -> Self:
        if self.method == TEXTURE and self.preset == "paper":
            raise refusal(
                "must not be texture with the preset paper, which has no target of visibility", field="method"
            )
        return self

    @property
    def max_flip(self) -> float | None:
        """How visible the noise of each photograph may be, as FLIP; None for the preset paper."""
        return None if self.preset == "paper" else VISIBILITY_TARGETS[self.visibility].flip

    @property
    def adversarial_radius(self) -> int:
        """radius_a, or its default, in pixel units of 255."""
        return min(DEFAULT_RADIUS_A, self.radius_u // 2) if self.radius_a is None else self.radius_a

    @property
    def evidence_seconds(self) -> float | None:
        """How long the evidence may take, in seconds; None without a limit."""
        return None if self.evidence_minutes == 0 or self.preset == "paper" else 60.0 * self.evidence_minutes

    @classmethod
    def parse_training(cls, mapping: Mapping[str, Any]) -> Self:
        """A spec for the training of a generator, from untrusted keys and values.

        Args:
            mapping: Values by key; only TRAINING_KEYS are allowed.

        Raises:
            SpecError: As `parse`, and for a method or a preset that trains no network.
        """
        errors = [
            FieldError(str(key), f"unknown key for training; known are {', '.join(TRAINING_KEYS)}")
            for key in mapping
            if key not in TRAINING_KEYS
        ]
        if mapping.get("method") in METHODS_WITHOUT_SURROGATE:
            errors.append(FieldError("method", f"{mapping['method']} trains no network that could be kept"))
        if mapping.get("preset") == INSTANT:
            known = ", ".join(TRAINING_PRESETS)
            errors.append(FieldError("preset", f"must be one of {known}: {INSTANT} trains nothing"))
        try:
            spec = cls.parse({key: value for key, value in mapping.items() if key in TRAINING_KEYS})
        except SpecError as error:
            raise SpecError([*errors, *error.errors]) from None
        if errors:
            raise SpecError(errors)
        return spec
