"""Learners, norms and countermeasures by name, with their labels and sources. Imports no torch.

`core.models` has the networks, `core.attacks.norms` the norms, and `core.countermeasures` what each countermeasure
computes.
"""

from dataclasses import dataclass
from typing import Literal

ARCHITECTURE_LABELS = {
    "small": "small residual network",
    "vgg16": "VGG-16",
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    "densenet121": "DenseNet-121",
    "wrn34-10": "WideResNet-34-10",
    "vgg16-narrow": "VGG-16 with an eighth of its channels",
    "resnet50-narrow": "ResNet-50 with an eighth of its channels",
    "densenet121-narrow": "DenseNet-121 with growth 8",
    "wrn34-1": "WideResNet-34-1",
}
"""Labels by name."""

PRETRAINED_LABELS = {
    "pretrained-finetune": "fine-tuned EfficientNet-Lite0",
    "pretrained-probe": "linear probe on EfficientNet-Lite0",
}
"""Labels of the learners that start from a network trained on ImageNet: all its weights are trained, or a linear
classifier on its frozen features."""

LEARNER_LABELS = ARCHITECTURE_LABELS | PRETRAINED_LABELS
"""Labels of all learners by name. The others start from random weights."""

HOW_TO_GET_WEIGHTS = "install unteachable[pretrained], or name a safetensors file in UNTEACHABLE_PRETRAINED_WEIGHTS"
"""How an operator makes the weights of the pretrained learners available."""

PROBE = "pretrained-probe"
"""The learner that trains no network: it has no adversarial training, and no countermeasure that works in training."""

NORMS = ("Linf", "L2", "L1")
"""Norms of the perturbations in adversarial training."""

Applied = Literal["data", "training"]
"""Once to the images before training, or to each batch during training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountermeasureInfo:
    """One countermeasure: what an unauthorized trainer does to protected images to learn from them after all."""

    name: str
    description: str  # completes "the model was trained …"
    source: str  # who proposed or measured it
    applied: Applied


_FU = "Fu et al., ICLR 2022, appendix D"
_LIU = "Liu et al., ICML 2023 (image shortcut squeezing)"
_XU = "Xu et al., NDSS 2018 (feature squeezing)"
_USUAL = "what happens to images on the web"
_SANDOVAL = "Sandoval-Segura et al., NeurIPS 2023 (orthogonal projection)"
_QIN = "in the style of UEraser, Qin et al. 2023"

_ON_DATA = {
    "mean-3x3": ("on images smoothed by a 3 x 3 mean filter", _FU),
    "median-3x3": ("on images smoothed by a 3 x 3 median filter", _FU),
    "gaussian-3x3": ("on images smoothed by a 3 x 3 Gaussian filter, weights 1/4, 1/2, 1/4", _FU),
    "blur-sigma-1": ("on images blurred by a Gaussian, sigma 1 pixel", _USUAL),
    "blur-sigma-2": ("on images blurred by a Gaussian, sigma 2 pixels", _USUAL),
    "jpeg-90": ("on images compressed as JPEG, quality 90", _LIU),
    "jpeg-75": ("on images compressed as JPEG, quality 75", _LIU),
    "jpeg-50": ("on images compressed as JPEG, quality 50", _LIU),
    "jpeg-30": ("on images compressed as JPEG, quality 30", _LIU),
    "jpeg-10": ("on images compressed as JPEG, quality 10", _LIU),
    "greyscale": ("on images converted to greyscale", _LIU),
    "bits-3": ("on images with 3 bits a channel, 8 levels", _XU),
    "bits-2": ("on images with 2 bits a channel, 4 levels", _LIU),
    "resize-half": ("on images shrunk to half their size and enlarged again", _USUAL),
    "orthogonal-projection": ("on images without what a linear classifier tells their classes by", _SANDOVAL),
}

_IN_TRAINING = {
    "cutout": ("with cutout, a square of half the side hidden", "DeVries & Taylor 2017"),
    "mixup": ("with mixup", "Zhang et al., ICLR 2018"),
    "cutmix": ("with cutmix", "Yun et al., ICCV 2019"),
    "ueraser-lite": ("with strong augmentation", _QIN),
    "ueraser-max": ("with the hardest of five strong augmentations of each image", _QIN),
}

_GROUPS: dict[Applied, dict[str, tuple[str, str]]] = {"data": _ON_DATA, "training": _IN_TRAINING}

COUNTERMEASURE_INFO: dict[str, CountermeasureInfo] = {
    name: CountermeasureInfo(name=name, description=description, source=source, applied=applied)
    for applied, group in _GROUPS.items()
    for name, (description, source) in group.items()
}
"""Every countermeasure by name."""
