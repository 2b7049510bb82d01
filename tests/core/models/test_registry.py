"""The networks by name: shapes, sizes, and weights that depend on the seed alone."""

import pytest
import torch
from torch import nn

from core.models.registry import ARCHITECTURES, CentredInput, build_network
from core.specs.catalog import ARCHITECTURE_LABELS


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [32, 64, 96, 224])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_network_maps_images_of_each_size_to_logits(architecture: str, size: int, channels: int) -> None:
    with torch.device("meta"):  # computes shapes only
        model = CentredInput(ARCHITECTURES[architecture](channels=channels, size=size, classes=5))
        assert model(torch.rand(2, channels, size, size)).shape == (2, 5)


@pytest.mark.parametrize(
    ("architecture", "small", "large"),
    [
        # For 10 classes at 32 px the CIFAR literature states 14.73, 11.17, 23.52, 6.96 and 46.16 million; for 1,000
        # classes at 224 px torchvision states the numbers. WideResNet-34-10 has no published form for 224 px.
        ("vgg16", 14_728_266, 138_365_992),
        ("resnet18", 11_173_962, 11_689_512),
        ("resnet50", 23_520_842, 25_557_032),
        ("densenet121", 6_956_298, 7_978_856),
        ("wrn34-10", 46_160_474, 46_160_474 + (49 - 9) * 3 * 16 + 990 * 641),
    ],
)
def test_the_number_of_parameters_is_the_published_one(architecture: str, small: int, large: int) -> None:
    for size, classes, expected in ((32, 10, small), (224, 1000, large)):
        with torch.device("meta"):
            model = ARCHITECTURES[architecture](channels=3, size=size, classes=classes)
        assert sum(p.numel() for p in model.parameters()) == expected


@pytest.mark.parametrize(
    ("narrow", "original"),
    [
        ("vgg16-narrow", "vgg16"),
        ("resnet50-narrow", "resnet50"),
        ("densenet121-narrow", "densenet121"),
        ("wrn34-1", "wrn34-10"),
    ],
)
@pytest.mark.parametrize("size", [32, 224])
def test_a_narrow_network_has_the_layers_of_its_original_with_fewer_channels(
    narrow: str, original: str, size: int
) -> None:
    def layers(architecture: str) -> list[tuple[tuple[int, ...], tuple[int, ...], int]]:
        with torch.device("meta"):
            model = ARCHITECTURES[architecture](channels=3, size=size, classes=10)
        convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
        # 1x1 convolutions are left out, since WideResNet-34-1 has one shortcut fewer
        spatial = [conv for conv in convolutions if conv.kernel_size != (1, 1)]
        return [(conv.kernel_size, conv.stride, conv.out_channels) for conv in spatial]

    narrow_layers, original_layers = layers(narrow), layers(original)
    assert [layer[:2] for layer in narrow_layers] == [layer[:2] for layer in original_layers]
    ratios = {ours[2] / theirs[2] for ours, theirs in zip(narrow_layers, original_layers, strict=True)}
    assert max(ratios) <= 1
    assert min(ratios) <= 1 / 4


def test_every_network_has_a_name_for_readers() -> None:
    assert list(ARCHITECTURE_LABELS) == list(ARCHITECTURES)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_small_image_reaches_the_first_stage_at_full_resolution(architecture: str) -> None:
    """The usual networks for 32 px end with maps of these sizes; a stem for ImageNet would leave a quarter of them."""
    shapes = []
    with torch.device("meta"):
        model = ARCHITECTURES[architecture](channels=3, size=32, classes=10)
        convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
        convolutions[-1].register_forward_hook(lambda module, args, out: shapes.append(out.shape[-1]))
        model(torch.rand(1, 3, 32, 32))
    assert shapes == [{"vgg16": 2, "vgg16-narrow": 2, "wrn34-10": 8, "wrn34-1": 8}.get(architecture, 4)]


def test_the_small_network_refuses_a_size_that_is_no_multiple_of_16() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        build_network("small", channels=3, size=40, classes=5, seed=0, device="cpu")


def test_the_same_seed_builds_the_same_network_and_the_global_generator_keeps_its_state() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, two = (build_network("small", channels=3, size=32, classes=5, seed=3, device="cpu") for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
