"""A trained noise generator: the surrogate of Algorithm 1 in a file with its card, for pictures it was not trained on.

Weights and running statistics are float16, which halves the file; what loads is those numbers, in float32.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from core.generator_card import CARD, Card, check_bytes, read_head
from core.limits import BadInput
from core.models import ARCHITECTURES, build
from core.noise.class_map import class_map
from core.whole_files import renamed

HALF = "F16"  # safetensors' own name of float16


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """A surrogate in eval mode, images (n, card.channels, card.size, card.size) in [0, 1] to logits; and its card."""

    card: Card
    model: nn.Module
    sha256: str  # of the file


class _Grey(nn.Module):
    """A network for colours that is shown grey pictures (n, 1, s, s): the same values in every channel."""

    def __init__(self, network: nn.Module, channels: int) -> None:
        super().__init__()
        self.network, self.channels = network, channels

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.expand(-1, self.channels, -1, -1))


def save(model: nn.Module, card: Card, path: Path) -> None:
    """Write a surrogate and its card to `path`, whole or not at all.

    Raises BadInput where the weights do not fit into float16 or into a file of the largest size, ValueError where the
    model is not the one that the card describes.
    """
    halves = _halves(model)
    if {name: half.shape for name, half in halves.items()} != _shapes(card):
        raise ValueError(f"the model is no {card.architecture} of {card.classes} classes at {card.size} px")
    data = safetensors.torch.save(halves, {CARD: card.to_json()})
    check_bytes(len(data), path.name)
    with renamed(path) as part:
        part.write_bytes(data)


def load(path: Path, *, device: str) -> Generator:
    """The generator in a file, on a device. Raises BadInput that says what is wrong with it, and OSError."""
    check_bytes(path.stat().st_size, path.name)
    data = path.read_bytes()
    head = read_head(io.BytesIO(data), len(data), path.name)
    card = head.card
    _check_tensors(head.tensors, card, path.name)
    try:
        weights = safetensors.torch.load(data)
    except SafetensorError as error:
        raise BadInput(f"“{path.name}” is damaged: {error}.", path.name) from None
    if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
        raise BadInput(f"“{path.name}” is damaged: some of its weights are no finite numbers.", path.name)
    model = build(
        card.architecture, channels=card.channels, size=card.size, classes=card.classes, seed=0, device=device
    )
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()}, strict=False)
    return Generator(card=card, model=model.eval(), sha256=hashlib.sha256(data).hexdigest())


def as_saved(model: nn.Module) -> nn.Module:
    """`model` itself, with the weights that its file will have. Raises BadInput where they do not fit into float16."""
    model.load_state_dict({name: half.float() for name, half in _halves(model).items()}, strict=False)
    return model


def check_weight(architecture: str, *, channels: int, size: int, classes: int) -> None:
    """To be asked before the training: raises BadInput where such a network makes too large a file."""
    shapes = _state_shapes(architecture, channels=channels, size=size, classes=classes)
    check_bytes(2 * sum(shape.numel() for shape in shapes.values()), f"{architecture} for {classes} classes")


def network_for(generator: Generator, *, channels: int) -> nn.Module:
    """The surrogate for pictures of 1 or 3 channels; grey ones are shown to a generator for colours as grey."""
    if channels == generator.card.channels:
        return generator.model
    return _Grey(generator.model, generator.card.channels).eval()


def describe_use(generator: Generator, *, classes: int) -> dict[str, object]:
    """What the report must say of a generator that was not trained on the upload; goes over `noise.describe`."""
    card = generator.card
    return {
        "surrogate": card.architecture,
        "trained_on_images": card.images,
        "training_steps": card.updates,
        "trained": f"beforehand, on {card.images} pictures of “{card.data}”, and not for this dataset",
        "name": card.name,
        "sha256": generator.sha256,
        "class_outputs": class_map(classes, outputs=card.classes).tolist(),
        "card": card.to_dict(),
    }


def _kept(model: nn.Module) -> dict[str, Tensor]:
    """What is saved of a model: everything but the counters of batch norm, which play no part in eval mode."""
    return {name: tensor for name, tensor in model.state_dict().items() if tensor.is_floating_point()}


def _halves(model: nn.Module) -> dict[str, Tensor]:
    halves = {name: tensor.detach().to("cpu", torch.float16).contiguous() for name, tensor in _kept(model).items()}
    if not all(bool(half.isfinite().all()) for half in halves.values()):
        raise BadInput("The training went astray: some weights are no finite numbers. Try another seed.")
    return halves


def _shapes(card: Card) -> dict[str, torch.Size]:
    """The tensors that a file with this card must hold. Raises ValueError for an architecture that cannot be built."""
    return _state_shapes(card.architecture, channels=card.channels, size=card.size, classes=card.classes)


def _state_shapes(architecture: str, *, channels: int, size: int, classes: int) -> dict[str, torch.Size]:
    if architecture not in ARCHITECTURES:
        raise ValueError(f"its architecture “{architecture}” is none of {', '.join(ARCHITECTURES)}")
    with torch.device("meta"):  # shapes without numbers: a card may claim any size
        model = build(architecture, channels=channels, size=size, classes=classes, seed=0, device="meta")
    return {name: tensor.shape for name, tensor in _kept(model).items()}


def _check_tensors(tensors: Mapping[str, tuple[str, tuple[int, ...]]], card: Card, name: str) -> None:
    """Raises BadInput where the tensors of a file are not those that its card promises."""
    try:
        wanted = {key: (HALF, tuple(shape)) for key, shape in _shapes(card).items()}
    except (ValueError, RuntimeError) as error:
        raise BadInput(f"“{name}” is a generator that cannot be used: {error}.", name) from None
    wrong = [
        *(f"{key} is missing" for key in wanted if key not in tensors),
        *(f"{key} is unknown" for key in tensors if key not in wanted),
        *(
            f"{key} is {_say(tensors[key])}, not {_say(wanted[key])}"
            for key in wanted
            if key in tensors and tensors[key] != wanted[key]
        ),
    ]
    if wrong:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise BadInput(f"“{name}” does not hold the weights that its card promises: {wrong[0]}{more}.", name)


def _say(tensor: tuple[str, tuple[int, ...]]) -> str:
    return f"{tensor[0]} {'x'.join(map(str, tensor[1]))}"
