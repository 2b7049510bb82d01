"""Texts that the REST interface and the pages share: the presets, and what a protection cannot do."""

from typing import NamedTuple


class PresetText(NamedTuple):
    """How a preset is called and described."""

    title: str
    description: str


PRESET_TEXTS = {
    "instant": PresetText("Instant", "Seconds: the noise of a generator that was trained beforehand, strength 8."),
    "quick": PresetText("Quick", "Made for two CPU cores: minutes for a few thousand images."),
    "standard": PresetText("Standard", "More training with a larger model: minutes on a GPU, hours without one."),
    "paper": PresetText("As in the paper", "The settings of Fu et al., ICLR 2022: hours on a GPU, days without one."),
}
CAVEATS = [
    "The noise works against models trained on the images later, when most of what they see of a class is protected.",
    "Turning the images grey, strong changes of colour and strong JPEG compression undo most of it.",
    "Purification and a share of unprotected images weaken it.",
    "Adversarial training with a radius beyond about half of radius_u weakens it.",
    "Fine-tuning a model that was trained on other images weakens it.",
    "It does nothing about models that have seen the images already.",
]
