"""The file of a trained noise generator, which makes noise for images that it was not trained on.

The file holds a card, the surrogate of Algorithm 1, and a noise network where the card says so. With a surrogate alone
the noise of an image is searched; a noise network predicts it. Weights and running statistics are saved as float16,
which halves the file, and loaded as float32.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from core.errors import BadInput
from core.generators.card import CARD_KEY, Card, check_file_bytes, read_header
from core.models.registry import ARCHITECTURES, build_network
from core.noise.class_map import class_map
from core.noise.noise_network import NoiseNetwork, create_noise_network
from core.runtime.atomic_files import atomic_file

FLOAT16 = "F16"  # in the header of a safetensors file
ModuleT = TypeVar("ModuleT", bound=nn.Module)
NOISE_PREFIX = "noise."  # of the names of the noise network's tensors
PREDICTED = (
    "at once, by a network trained on the loss that the method's search lowers, and with a secret key: our own way, "
    "not from its source"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedGenerator:
    """A trained generator on a device, in eval mode.

    Attributes:
        card: What it is and how it was made.
        model: The surrogate: images (n, card.channels, card.size, card.size) in [0, 1] to logits.
        sha256: Of the file, in hexadecimal digits.
        network: The noise network for such images; None if the file has none.
    """

    card: Card
    model: nn.Module
    sha256: str
    network: NoiseNetwork | None = None


class GreyscaleInput(nn.Module):
    """A network for colour images that takes greyscale images (n, 1, s, s), with the same values in each channel."""

    def __init__(self, network: nn.Module, channels: int) -> None:
        super().__init__()
        self.network, self.channels = network, channels

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.expand(-1, self.channels, -1, -1))


def save_generator(model: nn.Module, card: Card, path: Path, *, network: NoiseNetwork | None = None) -> None:
    """Write a generator to a file, which appears complete or not at all.

    Args:
        model: The surrogate.
        card: Describes the surrogate and the noise network.
        path: The file.
        network: The noise network, if there is one.

    Raises:
        BadInput: A weight is too large for float16, or the file would be too large.
        ValueError: The networks are not those that the card describes.
    """
    halves = _as_float16(model)
    if network is not None:
        halves |= {NOISE_PREFIX + name: half for name, half in _as_float16(network).items()}
    if {name: half.shape for name, half in halves.items()} != _shapes(card):
        raise ValueError(f"these are not the networks of {card.architecture}, {card.classes} classes, {card.size} px")
    data = safetensors.torch.save(halves, {CARD_KEY: card.to_json()})
    check_file_bytes(len(data), path.name)
    with atomic_file(path) as part:
        part.write_bytes(data)


def load_generator(path: Path, *, device: str) -> TrainedGenerator:
    """Read a generator from a file.

    Args:
        path: The file.
        device: Where the networks go, as torch names it.

    Raises:
        BadInput: The file is no generator, is damaged, or is too large.
        OSError: The file cannot be read.
    """
    check_file_bytes(path.stat().st_size, path.name)
    data = path.read_bytes()
    head = read_header(io.BytesIO(data), len(data), path.name)
    card = head.card
    _check_tensors(head.tensors, card, path.name)
    try:
        weights = safetensors.torch.load(data)
    except SafetensorError as error:
        raise BadInput(f"“{path.name}” is damaged: {error}.", path.name) from None
    if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
        raise BadInput(f"“{path.name}” is damaged: some of its weights are no finite numbers.", path.name)
    model, network = _networks(card, device=device)
    _load_weights(model, weights)
    if network is not None:
        _load_weights(network, weights, NOISE_PREFIX)
    return TrainedGenerator(card=card, model=model, network=network, sha256=hashlib.sha256(data).hexdigest())


def as_saved(model: ModuleT) -> ModuleT:
    """Round the weights of a model to those that its file will hold; returns the model.

    Raises:
        BadInput: A weight is too large for float16.
    """
    model.load_state_dict({name: half.float() for name, half in _as_float16(model).items()}, strict=False)
    return model


def check_file_size(card: Card) -> None:
    """Raises BadInput, before any training, if the file of a generator with this card would be too large."""
    size = 2 * sum(shape.numel() for shape in _shapes(card).values())
    check_file_bytes(size, f"{card.architecture} for {card.classes} classes")


def surrogate_for(generator: TrainedGenerator, *, channels: int) -> nn.Module:
    """The surrogate for images of 1 or 3 channels. One for colour images takes greyscale images in three channels."""
    if channels == generator.card.channels:
        return generator.model
    return GreyscaleInput(generator.model, generator.card.channels).eval()


def network_for(generator: TrainedGenerator, *, channels: int) -> NoiseNetwork | None:
    """The noise network for images of 1 or 3 channels; None for greyscale images if its noise has three channels."""
    return generator.network if channels == generator.card.channels else None


def describe_use(
    generator: TrainedGenerator, *, classes: int, channels: int, may_know_images: bool
) -> dict[str, object]:
    """What the report says about a trained generator; it overrides `core.noise.description.describe_noise`.

    Args:
        generator: The generator that made the noise.
        classes: The number of classes of the protected dataset.
        channels: 1 or 3, those of the protected images.
        may_know_images: Whether it may have been trained on these images (`compatibility.may_have_trained_on`).
    """
    card = generator.card
    same = ", which may include these images" if may_know_images else ""
    made: dict[str, object] = {"passes_per_image": 1, "made": PREDICTED}
    if network_for(generator, channels=channels) is None:
        made = {"class_outputs": class_map(classes, outputs=card.classes).tolist()}
    return made | {
        "surrogate": card.architecture,
        "trained_on_images": card.images,
        "training_steps": card.updates,
        "trained": f"beforehand, on {card.images} images of “{card.data}”{same}",
        "name": card.name,
        "sha256": generator.sha256,
        "card": card.to_dict(),
    }


def _saved_tensors(model: nn.Module) -> dict[str, Tensor]:
    """All tensors but the counters of batch norm, which eval mode does not use."""
    return {name: tensor for name, tensor in model.state_dict().items() if tensor.is_floating_point()}


def _as_float16(model: nn.Module) -> dict[str, Tensor]:
    halves = {
        name: tensor.detach().to("cpu", torch.float16).contiguous() for name, tensor in _saved_tensors(model).items()
    }
    if not all(bool(half.isfinite().all()) for half in halves.values()):
        raise BadInput("The training diverged: some weights are no finite numbers. Try another seed.")
    return halves


def _shapes(card: Card) -> dict[str, torch.Size]:
    """The shapes of the tensors of a file with this card. Raises ValueError for networks that cannot be built."""
    if card.architecture not in ARCHITECTURES:
        raise ValueError(f"its architecture “{card.architecture}” is none of {', '.join(ARCHITECTURES)}")
    with torch.device("meta"):  # no memory for the weights, because a card may claim any size
        model, network = _networks(card, device="meta")
    found = {name: tensor.shape for name, tensor in _saved_tensors(model).items()}
    if network is not None:
        found |= {NOISE_PREFIX + name: tensor.shape for name, tensor in _saved_tensors(network).items()}
    return found


def _networks(card: Card, *, device: str) -> tuple[nn.Module, NoiseNetwork | None]:
    """The networks that a card describes, with initial weights."""
    model = build_network(
        card.architecture, channels=card.channels, size=card.size, classes=card.classes, seed=0, device=device
    )
    if not card.network_updates:
        return model, None
    network = create_noise_network(
        model, channels=card.channels, size=card.size, classes=card.classes, radius=card.radius_u, seed=0
    )
    return model, network


def _load_weights(network: nn.Module, weights: Mapping[str, Tensor], prefix: str = "") -> None:
    """Load the weights whose names start with `prefix`, and set eval mode."""
    own = {name.removeprefix(prefix): tensor.float() for name, tensor in weights.items() if name.startswith(prefix)}
    network.load_state_dict(own, strict=False)
    network.eval()


def _check_tensors(tensors: Mapping[str, tuple[str, tuple[int, ...]]], card: Card, name: str) -> None:
    """Raises BadInput if the tensors of a file are not those that its card describes."""
    try:
        wanted = {key: (FLOAT16, tuple(shape)) for key, shape in _shapes(card).items()}
    except (ValueError, RuntimeError) as error:
        raise BadInput(f"“{name}” is a generator that cannot be used: {error}.", name) from None
    wrong = [
        *(f"{key} is missing" for key in wanted if key not in tensors),
        *(f"{key} is unknown" for key in tensors if key not in wanted),
        *(
            f"{key} is {_type_and_shape(tensors[key])}, not {_type_and_shape(wanted[key])}"
            for key in wanted
            if key in tensors and tensors[key] != wanted[key]
        ),
    ]
    if wrong:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise BadInput(f"“{name}” does not hold the weights that its card describes: {wrong[0]}{more}.", name)


def _type_and_shape(tensor: tuple[str, tuple[int, ...]]) -> str:
    return f"{tensor[0]} {'x'.join(map(str, tensor[1]))}"
