"""Networks, their frozen copies, and updates by parts."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from core.models.folded import FoldedModel
from core.models.registry import ARCHITECTURES, Centred, build
from core.runtime.device import Device
from core.specs.learner_catalog import ARCHITECTURES as NAMES
from core.training.sgd import DataParallelSGD


def network(architecture: str = "small", *, size: int = 32, channels: int = 3, seed: int = 0) -> nn.Module:
    return build(architecture, channels=channels, size=size, classes=5, seed=seed, device="cpu")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [32, 64, 96, 224])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_logits(architecture: str, size: int, channels: int) -> None:
    with torch.device("meta"):  # shapes alone
        model = Centred(ARCHITECTURES[architecture](channels=channels, size=size, classes=5))
        assert model(torch.rand(2, channels, size, size)).shape == (2, 5)


@pytest.mark.parametrize(
    ("architecture", "small", "large"),
    [
        # with 10 classes at 32 px: the figures of the CIFAR literature, 14.73, 11.17, 23.52, 6.96 and 46.16 million;
        # with 1,000 classes at 224 px: torchvision's. WideResNet-34-10 is for small images; its large stem is ours.
        ("vgg16", 14_728_266, 138_365_992),
        ("resnet18", 11_173_962, 11_689_512),
        ("resnet50", 23_520_842, 25_557_032),
        ("densenet121", 6_956_298, 7_978_856),
        ("wrn34-10", 46_160_474, 46_160_474 + (49 - 9) * 3 * 16 + 990 * 641),
    ],
)
def test_the_known_number_of_parameters(architecture: str, small: int, large: int) -> None:
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
def test_a_narrow_network_has_the_depth_of_its_original_and_fewer_weights(
    narrow: str, original: str, size: int
) -> None:
    def layers(architecture: str) -> list[tuple[object, ...]]:
        with torch.device("meta"):
            model = ARCHITECTURES[architecture](channels=3, size=size, classes=10)
        convs = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
        wide = [conv for conv in convs if conv.kernel_size != (1, 1)]  # WideResNet-34-1 needs one shortcut fewer
        return [(conv.kernel_size, conv.stride, conv.out_channels) for conv in wide]

    ours, theirs = layers(narrow), layers(original)
    assert [layer[:2] for layer in ours] == [layer[:2] for layer in theirs]
    ratios = {found[2] / whole[2] for found, whole in zip(ours, theirs, strict=True)}
    assert max(ratios) <= 1
    assert min(ratios) <= 1 / 4


def test_every_architecture_has_a_name_for_readers() -> None:
    assert list(NAMES) == list(ARCHITECTURES)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_small_image_reaches_the_first_stage_whole(architecture: str) -> None:
    """The field's networks for 32 px end on maps this large; behind a stem for ImageNet a quarter is left."""
    shapes = []
    with torch.device("meta"):
        model = ARCHITECTURES[architecture](channels=3, size=32, classes=10)
        convs = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
        convs[-1].register_forward_hook(lambda module, args, out: shapes.append(out.shape[-1]))
        model(torch.rand(1, 3, 32, 32))
    assert shapes == [{"vgg16": 2, "vgg16-narrow": 2, "wrn34-10": 8, "wrn34-1": 8}.get(architecture, 4)]


def test_a_small_network_refuses_a_size_it_cannot_take() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        network(size=40)


def test_the_same_seed_builds_the_same_network_and_leaves_the_global_seed_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, two = network(seed=3), network(seed=3)
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def shaken(model: nn.Module) -> nn.Module:
    """The model with every batch norm's weights and running statistics drawn anew, around what a batch measured."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, spread in ((module.running_var, 0.5), (module.weight, 0.5), (module.running_mean, 2.0)):
                tensor.data.mul_(1 + spread * (torch.rand_like(tensor) - 0.5))
            module.running_mean.add_(0.1 * torch.randn_like(module.running_mean))
            module.bias.data.normal_(0, 0.1)
    return model.eval()


def close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether two batches of logits are the same up to float32's rounding in a deep network."""
    return bool((found - expected).abs().max() <= 1e-4 * max(1.0, expected.abs().max().item()))


def few(count: int, architecture: str) -> torch.Tensor:
    """Images for a network of 32 px; half that size where the network can take it, which is four times as fast."""
    side = 32 if architecture.startswith("vgg16") else 16
    return torch.rand(count, 3, side, side)


def norms(root: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in root.modules())


@pytest.mark.parametrize(
    ("architecture", "folded"),
    # the batch norms that folding can take: all of them, or, where they come before the convolution, one a block
    [("small", 9), ("vgg16", 13), ("resnet18", 20), ("resnet50", 53), ("densenet121", 58), ("wrn34-10", 15)],
)
def test_a_frozen_copy_is_the_same_function_and_follows_its_model(architecture: str, folded: int) -> None:
    model, x = network(architecture), few(4, architecture)
    frozen = FoldedModel(model, dtype=torch.float32)
    assert norms(model) - norms(frozen) == folded
    DataParallelSGD(model, Device("cpu")).step(x, torch.arange(4), learning_rate=0.05)
    with torch.no_grad():
        expected = shaken(model)(x)
        assert not close(frozen(x), expected)
        assert close(frozen.refresh()(x), expected)
        assert close(FoldedModel(model, dtype=torch.float32)(x), expected)
    assert not any(p.requires_grad for p in frozen.parameters())
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("architecture", ["resnet18", "densenet121"])
def test_a_frozen_copy_of_a_network_for_large_images_is_the_same_function(architecture: str) -> None:
    model, x = network(architecture, size=96), torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        model.train()(x)
        expected = shaken(model)(x)
        assert close(FoldedModel(model, dtype=torch.float32)(x), expected)


@pytest.mark.parametrize("flow", ["norm first", "read twice", "called twice", "by the input"])
def test_only_a_norm_that_alone_reads_a_convolution_is_folded(flow: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)
            self.bn = nn.BatchNorm2d(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if flow == "norm first":
                return self.conv(self.bn(x))
            if flow == "called twice":
                return self.bn(self.conv(self.conv(x)))
            y = self.conv(x)
            if flow == "by the input":
                return self.bn(y) if x.mean() > 0 else y
            return self.bn(y) + y

    model, x = Net(), torch.rand(4, 3, 8, 8)
    model(x)
    expected = shaken(model)(x)
    assert torch.allclose(FoldedModel(model, dtype=torch.float32)(x), expected, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_gradients_of_a_batch_in_parts_are_those_of_the_whole_without_batch_statistics(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With batch norm fixed, cutting a batch changes nothing: the parts' gradients add up to the whole's."""
    monkeypatch.setattr("core.training.sgd.CPU_ROWS", 2)
    model, x, y = network(architecture).double(), few(3, architecture), torch.arange(3)
    with torch.no_grad():
        model.train()(few(4, architecture))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
            module.train = lambda mode=True, module=module: module  # type: ignore[method-assign]
            module.training = False
    parameters = list(model.parameters())
    expected = torch.autograd.grad(F.cross_entropy(model(x), y), parameters)
    device = Device("cpu")
    device.dtype = torch.float32
    DataParallelSGD(model, device).step(x, y, learning_rate=0.0)
    for parameter, gradient in zip(parameters, expected, strict=True):
        assert (parameter.grad - gradient).norm() <= 1e-5 * gradient.norm() + 1e-8


@pytest.mark.parametrize("architecture", ["small", "densenet121"])
def test_the_parts_of_a_batch_share_weights_and_the_mean_of_their_statistics(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one update the running mean is momentum's share of the mean over both parts, here of the first norm met."""
    monkeypatch.setattr("core.training.sgd.CPU_ROWS", 2)
    model, x = network(architecture), few(4, architecture)
    seen: list[torch.Tensor] = []
    first = next(module for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    with torch.no_grad():
        handle = first.register_forward_hook(lambda module, args, out: seen.append(args[0].mean((0, 2, 3))))
        copy.deepcopy(model).train()(x[:2])
        copy.deepcopy(model).train()(x[2:])
        handle.remove()
    device = Device("cpu")
    device.dtype = torch.float32
    loss = DataParallelSGD(model, device).step(x, torch.arange(4), learning_rate=0.1)
    assert loss.isfinite()
    assert torch.allclose(first.running_mean, 0.1 * torch.stack(seen).mean(0), atol=1e-5)
