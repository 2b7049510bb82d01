"""A trained noise generator: the surrogate of Algorithm 1 in a file with its card, for pictures it was not trained on.

With it, where the card says so, a noise network: the surrogate finds a picture's noise by a search, that one at once.
Weights and running statistics are float16, which halves the file; what loads is those numbers, in float32.
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
from core.generators.card import CARD, Card, check_bytes, read_head
from core.models.registry import ARCHITECTURES, build
from core.noise.class_map import class_map
from core.noise.noise_network import NoiseNetwork, create_noise_network
from core.runtime.atomic_files import atomic_file

HALF = "F16"  # safetensors' own name of float16
Network = TypeVar("Network", bound=nn.Module)
NOISE = "noise."  # before the names of the noise network's tensors
AT_ONCE = "at once, by a network trained on the loss that the method's search lowers: our own way, not from its source"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedGenerator:
    """A surrogate in eval mode, images (n, card.channels, card.size, card.size) in [0, 1] to logits; and its card.

    `network` gives such images their noise, where it has been trained.
    """

    card: Card
    model: nn.Module
    sha256: str  # of the file
    network: NoiseNetwork | None = None


class _Grey(nn.Module):
    """A network for colours that is shown grey pictures (n, 1, s, s): the same values in every channel."""

    def __init__(self, network: nn.Module, channels: int) -> None:
        super().__init__()
        self.network, self.channels = network, channels

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.expand(-1, self.channels, -1, -1))


def save(model: nn.Module, card: Card, path: Path, *, network: NoiseNetwork | None = None) -> None:
    """Write a surrogate, its noise network and its card to `path`, whole or not at all.

    Raises BadInput where the weights do not fit into float16 or into a file of the largest size, ValueError where the
    networks are not those that the card describes.
    """
    halves = _halves(model)
    if network is not None:
        halves |= {NOISE + name: half for name, half in _halves(network).items()}
    if {name: half.shape for name, half in halves.items()} != _shapes(card):
        raise ValueError(f"these are not the networks of {card.architecture}, {card.classes} classes, {card.size} px")
    data = safetensors.torch.save(halves, {CARD: card.to_json()})
    check_bytes(len(data), path.name)
    with atomic_file(path) as part:
        part.write_bytes(data)


def load(path: Path, *, device: str) -> TrainedGenerator:
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
    model, network = _networks(card, device=device)
    _read_into(model, weights)
    if network is not None:
        _read_into(network, weights, NOISE)
    return TrainedGenerator(card=card, model=model, network=network, sha256=hashlib.sha256(data).hexdigest())


def as_saved(model: Network) -> Network:
    """`model` itself, with the weights that its file will have. Raises BadInput where they do not fit into float16."""
    model.load_state_dict({name: half.float() for name, half in _halves(model).items()}, strict=False)
    return model


def check_weight(card: Card) -> None:
    """To be asked before the training: raises BadInput where such networks make too large a file."""
    weight = 2 * sum(shape.numel() for shape in _shapes(card).values())
    check_bytes(weight, f"{card.architecture} for {card.classes} classes")


def surrogate_for(generator: TrainedGenerator, *, channels: int) -> nn.Module:
    """The surrogate for pictures of 1 or 3 channels; grey ones are shown to a generator for colours as grey."""
    if channels == generator.card.channels:
        return generator.model
    return _Grey(generator.model, generator.card.channels).eval()


def network_for(generator: TrainedGenerator, *, channels: int) -> NoiseNetwork | None:
    """The noise network for pictures of 1 or 3 channels; none for grey ones, where what it makes has colours."""
    return generator.network if channels == generator.card.channels else None


def describe_use(
    generator: TrainedGenerator, *, classes: int, channels: int, may_know_images: bool
) -> dict[str, object]:
    """What the report must say of a generator that was trained beforehand; goes over `noise.describe`.

    `familiar`: it may have been trained on these very pictures (`generator_fit.may_have_learned`).
    """
    card = generator.card
    these = ", which may be these very ones" if may_know_images else ""
    at_once = {"passes_per_image": 1, "made": AT_ONCE} if network_for(generator, channels=channels) else {}
    return at_once | {
        "surrogate": card.architecture,
        "trained_on_images": card.images,
        "training_steps": card.updates,
        "trained": f"beforehand, on {card.images} pictures of “{card.data}”{these}",
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
    """The tensors that a file with this card must hold. Raises ValueError for networks that cannot be built."""
    if card.architecture not in ARCHITECTURES:
        raise ValueError(f"its architecture “{card.architecture}” is none of {', '.join(ARCHITECTURES)}")
    with torch.device("meta"):  # shapes without numbers: a card may claim any size
        model, network = _networks(card, device="meta")
    found = {name: tensor.shape for name, tensor in _kept(model).items()}
    if network is not None:
        found |= {NOISE + name: tensor.shape for name, tensor in _kept(network).items()}
    return found


def _networks(card: Card, *, device: str) -> tuple[nn.Module, NoiseNetwork | None]:
    """The surrogate and the noise network that the card describes, with any weights."""
    model = build(
        card.architecture, channels=card.channels, size=card.size, classes=card.classes, seed=0, device=device
    )
    if not card.network_updates:
        return model, None
    network = create_noise_network(
        model, channels=card.channels, size=card.size, classes=card.classes, radius=card.radius_u, seed=0
    )
    return model, network


def _read_into(network: nn.Module, weights: Mapping[str, Tensor], prefix: str = "") -> None:
    """Give a network its own of a file's weights, and put it in eval mode."""
    own = {name.removeprefix(prefix): tensor.float() for name, tensor in weights.items() if name.startswith(prefix)}
    network.load_state_dict(own, strict=False)
    network.eval()


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
