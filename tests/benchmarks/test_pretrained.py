"""Starting from another model's weights."""

import pytest
import torch

from benchmarks.pretrained import start_from
from core.models.registry import build_network


def small(*, classes: int = 3, channels: int = 3, seed: int = 0) -> torch.nn.Module:
    return build_network("small", channels=channels, size=32, classes=classes, seed=seed, device="cpu")


def test_every_weight_is_taken_over_and_copied() -> None:
    model, other = small(), small(seed=1)
    start_from(model, other.state_dict())
    for name, tensor in other.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)
    with torch.no_grad():
        next(other.parameters()).zero_()
    assert next(model.parameters()).abs().sum() > 0


def test_the_last_layer_stays_where_the_classes_differ() -> None:
    model, other = small(classes=3), small(classes=10, seed=1)
    own = model.state_dict()["network.head.weight"].clone()
    start_from(model, other.state_dict())
    assert torch.equal(model.state_dict()["network.head.weight"], own)
    assert torch.equal(model.state_dict()["network.stem.0.weight"], other.state_dict()["network.stem.0.weight"])


def test_what_does_not_fit_is_refused_and_nothing_is_changed() -> None:
    model = small()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"network\.stem\.0\.weight"):
        start_from(model, small(channels=1, seed=1).state_dict())
    with pytest.raises(ValueError, match="another architecture"):
        start_from(model, torch.nn.Linear(2, 2).state_dict())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
