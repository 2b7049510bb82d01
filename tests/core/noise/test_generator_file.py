"""The file of a trained generator: what is saved is what loads, and whatever is not right is refused in plain words."""

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from core.errors import BadInput
from core.generators.card import CARD_KEY, MAX_FILE_BYTES, read_card
from core.noise.generator_file import check_file_size, load_generator, save_generator
from tests.support.generator_files import a_card, a_model, a_network, write_generator


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A generator's file."""
    return write_generator(tmp_path)


def rewrite(path: Path, *, card: Any = None, **tensors: torch.Tensor | None) -> Path:
    """The same file with another card (JSON text or value) or other tensors; None leaves one out."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    weights: dict[str, torch.Tensor | None] = {**safetensors.torch.load(data), **tensors}
    if card is not None:
        metadata = {CARD_KEY: card if isinstance(card, str) else json.dumps(card)}
    stored_tensors = {name: tensor for name, tensor in weights.items() if tensor is not None}
    path.write_bytes(safetensors.torch.save(stored_tensors, metadata))
    return path


def test_what_is_saved_is_what_loads_to_the_bit(file: Path, tmp_path: Path) -> None:
    loaded = load_generator(file, device="cpu")
    assert loaded.card == a_card() == read_card(file)
    before, after = a_model().state_dict(), loaded.model.state_dict()
    for name, tensor in before.items():
        if tensor.is_floating_point():
            assert torch.equal(tensor.half().float(), after[name]), name
    again = tmp_path / "again.safetensors"
    save_generator(loaded.model, loaded.card, again)
    assert again.read_bytes() == file.read_bytes()
    x = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(a_model()(x), loaded.model(x), atol=0.02)
    assert not loaded.model.training


def test_a_noise_network_travels_with_its_surrogate(tmp_path: Path) -> None:
    model, file = a_model(), tmp_path / "both.safetensors"
    network = a_network(model)
    save_generator(model, a_card(network_updates=7), file, network=network)
    loaded = load_generator(file, device="cpu")
    assert loaded.card.network_updates == 7
    assert loaded.network is not None
    assert not loaded.network.training
    for own, read in ((model, loaded.model), (network, loaded.network)):
        for name, tensor in own.state_dict().items():
            if tensor.is_floating_point():
                assert torch.equal(tensor.half().float(), read.state_dict()[name]), name
    save_generator(loaded.model, loaded.card, tmp_path / "again.safetensors", network=loaded.network)
    assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()


def test_a_card_and_its_file_agree_whether_there_is_a_noise_network(file: Path, tmp_path: Path) -> None:
    model = a_model()
    assert load_generator(file, device="cpu").network is None
    for card, network in ((a_card(network_updates=7), None), (a_card(), a_network(model))):
        with pytest.raises(ValueError, match="not the networks of small"):
            save_generator(model, card, tmp_path / "x.safetensors", network=network)
    rewrite(file, card=a_card(network_updates=7).to_dict())
    with pytest.raises(BadInput, match=r"does not hold the weights that its card describes: noise\..* is missing"):
        load_generator(file, device="cpu")


def test_a_card_older_than_noise_networks_is_read(file: Path) -> None:
    card = a_card().to_dict()
    del card["network_updates"], card["grey_updates"]
    assert read_card(rewrite(file, card=card)) == a_card()


def test_a_failed_save_leaves_nothing(tmp_path: Path) -> None:
    model = a_model()
    with torch.no_grad():
        next(model.parameters()).fill_(1e6)  # beyond float16
    with pytest.raises(BadInput, match="another seed"):
        save_generator(model, a_card(), tmp_path / "out.safetensors")
    with pytest.raises(ValueError, match="not the networks of small, 2 classes"):
        save_generator(a_model(), a_card(class_names=("a", "b")), tmp_path / "out.safetensors")
    assert list(tmp_path.iterdir()) == []


class Trap:
    """Unpickling it would be seen."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return exec, ("raise SystemExit('unpickled')",)


def a_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Trap()))


def a_torch_file(path: Path) -> None:
    torch.save({"model": torch.zeros(3), "trap": Trap()}, path)


def cut_in_its_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def endless_header(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 2**63) + path.read_bytes()[8:])


def nested_header(path: Path) -> None:
    header = b"[" * 200_000
    path.write_bytes(struct.pack("<Q", len(header)) + header)


def only_text(path: Path) -> None:
    path.write_text("no generator")


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "spoil", [a_pickle, a_torch_file, cut_in_its_header, endless_header, nested_header, only_text, empty]
)
def test_other_files_are_refused_by_name(file: Path, spoil: Callable[[Path], None]) -> None:
    spoil(file)
    for read in (read_card, lambda path: load_generator(path, device="cpu")):
        with pytest.raises(BadInput, match=r"“drawn.safetensors” is not a safetensors file"):
            read(file)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "its card has format 2, and this release reads format 1"),
        ({"data": None}, "its data is 'None', which is of the wrong type"),
        ({"colour": "red"}, "has unknown keys: colour"),
        ({"size": True}, "its size is 'True'"),
        ({"class_names": ["cat", 3]}, "its class_names"),
        ({"class_names": ["cat"]}, "classes 2 or more"),
        ({"radius_a": 8}, "do not go together"),
        ({"method": "magic"}, "its method “magic” is not one of"),
        ({"method": "ntga"}, "its method “ntga” is not one of"),
        ({"name": " "}, "its name is empty"),
        ({"channels": 4}, "4 colour channels"),
        ({"measured": 3}, "its measured is '3'"),
        ({"architecture": "vast"}, "its architecture “vast” is none of small"),
        ({"size": 40}, "size must be a multiple of 16"),
        ({"size": 16 * 10**30}, "the limit is 1024"),
    ],
)
def test_a_card_that_cannot_be_is_refused(file: Path, change: dict[str, Any], said: str) -> None:
    rewrite(file, card=a_card().to_dict() | change)
    with pytest.raises(BadInput, match=r"“drawn.safetensors” is a generator that cannot be used") as refused:
        load_generator(file, device="cpu")
    assert said in refused.value.reason


def test_a_card_lacking_keys_names_them(file: Path) -> None:
    card = {key: value for key, value in a_card().to_dict().items() if key not in ("seed", "device", "measured")}
    with pytest.raises(BadInput, match="lacks seed, device"):
        read_card(rewrite(file, card=card))


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1, "size": NaN}', "[" * 5000])
def test_a_card_that_is_no_card_is_refused(file: Path, text: str) -> None:
    with pytest.raises(BadInput, match="cannot be used"):
        read_card(rewrite(file, card=text))


def test_safetensors_without_a_card_are_no_generator(file: Path) -> None:
    safetensors.torch.save_file({"x": torch.zeros(2)}, file)
    with pytest.raises(BadInput, match="without a card"):
        load_generator(file, device="cpu")


HEAD = "network.head.weight"


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({HEAD: None}, f"{HEAD} is missing"),
        ({"extra": torch.zeros(1).half()}, "extra is unknown"),
        ({HEAD: torch.zeros(4, 128).half()}, f"{HEAD} is F16 4x128, not F16 3x128"),
        ({HEAD: torch.zeros(3, 128)}, f"{HEAD} is F32 3x128, not F16 3x128"),
        ({HEAD: None, "extra": torch.zeros(1).half()}, "and 1 more"),
        ({HEAD: torch.full((3, 128), torch.nan).half()}, "no finite numbers"),
    ],
)
def test_weights_that_are_not_those_of_the_card_are_refused(file: Path, tensors: dict[str, Any], said: str) -> None:
    rewrite(file, **tensors)
    with pytest.raises(BadInput) as refused:
        load_generator(file, device="cpu")
    assert said in refused.value.reason
    assert "drawn.safetensors" in refused.value.reason


def test_a_file_cut_in_its_weights_is_refused(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BadInput, match=r"“drawn.safetensors” is damaged"):
        load_generator(file, device="cpu")


def test_a_card_may_claim_a_large_size_and_costs_nothing(file: Path) -> None:
    rewrite(file, card=a_card(size=1024).to_dict())
    with pytest.raises(BadInput, match="does not hold the weights"):
        load_generator(file, device="cpu")


def test_too_large_is_refused_before_it_is_read_or_trained(tmp_path: Path) -> None:
    large = tmp_path / "large.safetensors"
    with large.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    for read in (read_card, lambda path: load_generator(path, device="cpu")):
        with pytest.raises(BadInput, match=r"“large.safetensors” is larger than a generator may be: 25.0 of 25 MB"):
            read(large)
    check_file_size(a_card(architecture="resnet18", size=64, class_names=tuple(map(str, range(200)))))
    with pytest.raises(BadInput, match="larger than a generator may be"):
        check_file_size(a_card(architecture="resnet18", size=64, class_names=tuple(map(str, range(20_000)))))
