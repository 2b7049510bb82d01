"""Texts that the REST interface and the pages share: the presets, and what a protection cannot do."""

from typing import NamedTuple


class PresetText(NamedTuple):
    """How a preset is called and described."""

    title: str
    description: str


PRESET_TEXTS = {
    "instant": PresetText("Instant", "Seconds: textures for photographs, else a generator that was trained before."),
    "quick": PresetText("Quick", "Made for two CPU cores: minutes for a few thousand images."),
    "standard": PresetText("Standard", "More training with a larger model: minutes on a GPU, hours without one."),
    "paper": PresetText("As in the paper", "The settings of Fu et al., ICLR 2022: hours on a GPU, days without one."),
}
CAVEATS = [
    "The noise works against models that are trained on the images later, if most images that they see of a class are "
    "protected.",
    "Strong JPEG compression undoes most of the protection; so do greyscale and changes of colour, except of textures.",
    "Purification, and a share of unprotected images, weaken the protection.",
    "Adversarial training with a radius beyond about half of radius_u weakens the protection.",
    "Fine-tuning a model that was trained on other images weakens the protection.",
    "The noise has no effect on models that were trained on the images before.",
]
