"""EfficientNet-Lite0: its published size and outputs, and its weights under every name that a file may have."""

import re
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from core.errors import BadInput
from core.models import pretrained
from core.models.efficientnet_lite import FEATURES, EfficientNetLite0
from core.models.folded import FoldedModel
from core.models.pretrained import load_pretrained, pretrained_weights_file

needs_weights = pytest.mark.skipif(pretrained_weights_file() is None, reason="the extra `pretrained` is not installed")


def gradient_image(size: int) -> Tensor:
    ramp = torch.linspace(0, 1, size)
    waves = ((8 * ramp[:, None]).sin() * (8 * ramp[None, :]).cos() + 1) / 2
    return torch.stack([ramp[:, None].expand(size, size), ramp[None, :].expand(size, size), waves])[None]


@needs_weights
@pytest.mark.parametrize(
    ("size", "largest", "first"),
    [
        # what the code that the weights were published with computes
        (128, {818: 6.551, 782: 5.454, 470: 4.597, 631: 4.354}, [-1.218, 0.854, 0.691]),
        (224, {782: 4.518, 818: 4.333, 73: 4.294, 534: 3.928}, [-0.311, 0.269, 0.473]),
    ],
)
def test_the_published_weights_give_the_published_outputs(
    size: int, largest: dict[int, float], first: list[float]
) -> None:
    with torch.no_grad():
        logits = load_pretrained()(gradient_image(size))[0]
    assert logits.topk(4).indices.tolist() == list(largest)
    assert logits[list(largest)].tolist() == pytest.approx(list(largest.values()), abs=2e-3)
    assert logits[:3].tolist() == pytest.approx(first, abs=2e-3)


def test_the_network_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        network = EfficientNetLite0()
    assert sum(p.numel() for p in network.parameters()) == 4_652_008


@pytest.mark.parametrize("size", [64, 97, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_any_size_have_features_and_logits(size: int, channels: int) -> None:
    network = EfficientNetLite0(classes=5).eval()
    images = torch.rand(2, channels, size, size)
    with torch.no_grad():
        features = network.features(images)
        assert network.feature_maps(images).shape == (2, FEATURES, size // 32, size // 32)
        assert features.shape == (2, FEATURES)
        torch.testing.assert_close(network(images), network.classifier(features))


def test_an_image_with_one_channel_counts_as_three_equal_ones() -> None:
    network, grey = EfficientNetLite0(classes=5).eval(), torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(grey), network(grey.expand(-1, 3, -1, -1)))


def test_a_folded_copy_computes_the_same() -> None:
    network = EfficientNetLite0(classes=5)
    network(torch.rand(8, 3, 64, 64))  # other running statistics than at the start
    network.eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        folded = FoldedModel(network, dtype=torch.float32).refresh()
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
        torch.testing.assert_close(folded(images), network(images), rtol=1e-3, atol=1e-4)


def test_a_new_classifier_depends_on_its_seed_alone() -> None:
    networks = [EfficientNetLite0(classes=5) for _ in range(3)]
    state = torch.random.get_rng_state()
    for network, seed in zip(networks, (1, 1, 2), strict=True):
        network.replace_classifier(7, seed=seed)
    assert torch.equal(torch.random.get_rng_state(), state)
    first, second, third = (network.classifier.weight for network in networks)
    assert first.shape == (7, FEATURES)
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def own_names(name: str) -> str:
    return name


def package_names(name: str) -> str:
    layers = {"expand": "_expand_conv _bn0", "depthwise": "_depthwise_conv _bn1", "project": "_project_conv _bn2"}
    layers |= {"stem": "_conv_stem _bn0", "top": "_conv_head _bn1"}
    for layer, names in layers.items():
        conv, norm = names.split()
        name = name.replace(f"{layer}.conv", conv).replace(f"{layer}.norm", norm)
    return re.sub(r"^blocks", "_blocks", name).replace("classifier", "_fc")


def timm_names(name: str) -> str:
    ends = {"stem.conv": "conv_stem", "stem.norm": "bn1", "top.conv": "conv_head", "top.norm": "bn2"}
    for ours, theirs in ends.items():
        if name.startswith(ours):
            return name.replace(ours, theirs)
    if not name.startswith("blocks"):
        return name
    _, block, layer, kind, tensor = name.split(".")
    places = [(stage, index) for stage, blocks in enumerate((1, 2, 2, 3, 3, 4, 1)) for index in range(blocks)]
    stage, index = places[int(block)]
    convs = {"depthwise": "conv_dw", "project": "conv_pw"} if stage == 0 else {}
    convs = convs or {"expand": "conv_pw", "depthwise": "conv_dw", "project": "conv_pwl"}
    layer_name = convs[layer] if kind == "conv" else f"bn{list(convs).index(layer) + 1}"
    return f"blocks.{stage}.{index}.{layer_name}.{tensor}"


@pytest.mark.parametrize("naming", [own_names, package_names, timm_names])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_safetensors_file_may_have_any_of_the_usual_names(tmp_path: Path, naming, dtype: torch.dtype) -> None:  # type: ignore[no-untyped-def]
    saved = EfficientNetLite0(classes=11)
    tensors = {
        naming(name): tensor.to(dtype)
        for name, tensor in saved.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    file = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(tensors, file)
    loaded = load_pretrained(file)
    assert not loaded.training
    for name, tensor in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor.to(dtype).to(tensor.dtype)), name


def test_other_weights_are_refused_with_the_name_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"fc.weight": torch.zeros(2, 2)}, file)
    with pytest.raises(BadInput, match=r"“other\.safetensors” does not hold the weights of EfficientNet-Lite0"):
        load_pretrained(file)
    wrong = EfficientNetLite0(classes=3).state_dict() | {"stem.conv.weight": torch.zeros(1)}
    safetensors.torch.save_file(wrong, file)
    with pytest.raises(BadInput, match="does not hold the weights"):
        load_pretrained(file)


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 100])
def test_a_file_that_is_not_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("weights.safetensors", "weights.bin"):
        file = tmp_path / name
        file.write_bytes(content)
        with pytest.raises(BadInput, match=f"“{name}” cannot be read as a safetensors file"):
            load_pretrained(file)
    with pytest.raises(BadInput, match="There is no file"):
        load_pretrained(tmp_path / "missing.safetensors")


def test_without_weights_the_message_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "WEIGHTS_PACKAGE", "no_such_package_of_weights")
    assert pretrained_weights_file() is None
    with pytest.raises(BadInput, match=r"install unteachable\[pretrained\], or name a safetensors file"):
        load_pretrained()
