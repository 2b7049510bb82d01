"""EfficientNet-Lite0: inverted residual blocks (Sandler et al. 2018) without squeeze-and-excitation, with ReLU6.

The published network has TensorFlow's padding: a strided convolution pads one pixel more at the end than at the start.
torchvision has no such network, and the package that published its code is no longer maintained.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from core.models.initial_weights import seeded_weights

BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM = 1e-3, 0.01  # as in the published network
STEM_WIDTH, FEATURES = 32, 1280
IMAGENET_CLASSES = 1000


@dataclass(frozen=True, slots=True)
class Stage:
    """Blocks of one width. The first one has the stride, and all of them expand the channels by the factor."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class ConvNorm(nn.Module):
    """A convolution with TensorFlow's padding, batch norm, and ReLU6 unless the output is linear."""

    def __init__(
        self, c_in: int, c_out: int, *, kernel: int, stride: int = 1, groups: int = 1, linear: bool = False
    ) -> None:
        super().__init__()
        before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
        asymmetric = before != after
        self.pad = nn.ZeroPad2d((before, after, before, after)) if asymmetric else nn.Identity()
        padding = 0 if asymmetric else before
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride=stride, padding=padding, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(c_out, eps=BATCH_NORM_EPSILON, momentum=BATCH_NORM_MOMENTUM)
        self.activation = nn.Identity() if linear else nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.norm(self.conv(self.pad(x))))


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project: (n, c_in, h, w) -> (n, c_out, h / stride, w / stride)."""

    def __init__(self, c_in: int, c_out: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = c_in * expansion
        self.expand = nn.Identity() if expansion == 1 else ConvNorm(c_in, wide, kernel=1)
        self.depthwise = ConvNorm(wide, wide, kernel=kernel, stride=stride, groups=wide)
        self.project = ConvNorm(wide, c_out, kernel=1, linear=True)
        self.has_shortcut = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.has_shortcut else y


class EfficientNetLite0(nn.Module):
    """Maps images (n, 1 or 3, h, w) in [0, 1] to logits (n, classes); the rescaling of pixels is part of it.

    The weights are random. `core.models.pretrained.load_pretrained` gives them those of ImageNet.

    Args:
        classes: The number of logits.
    """

    def __init__(self, *, classes: int = IMAGENET_CLASSES) -> None:
        super().__init__()
        self.stem = ConvNorm(3, STEM_WIDTH, kernel=3, stride=2)
        blocks, width = [], STEM_WIDTH
        for stage in STAGES:
            for index in range(stage.blocks):
                stride = 1 if index else stage.stride
                block = InvertedResidual(
                    width, stage.width, kernel=stage.kernel, stride=stride, expansion=stage.expansion
                )
                blocks.append(block)
                width = stage.width
        self.blocks = nn.Sequential(*blocks)
        self.top = ConvNorm(width, FEATURES, kernel=1)
        self.classifier = nn.Linear(FEATURES, classes)

    def set_norm_momentum(self, momentum: float) -> None:
        """Choose how fast the running statistics of batch norm follow the batches.

        Args:
            momentum: The weight of a batch, 0 to 1; it is BATCH_NORM_MOMENTUM at first.
        """
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = momentum

    def feature_maps(self, x: Tensor) -> Tensor:
        """The last activations before the pooling.

        Args:
            x: Images (n, 1 or 3, h, w) in [0, 1]. One channel counts as three equal ones.

        Returns:
            (n, FEATURES, h // 32, w // 32).
        """
        x = (x * 255 - 127) / 128  # the rescaling that the published weights were trained with
        x = x.expand(-1, 3, -1, -1).to(self.stem.conv.weight.dtype)
        return self.top(self.blocks(self.stem(x)))

    def features(self, x: Tensor) -> Tensor:
        """The pooled features, from which the classifier makes the logits.

        Args:
            x: Images (n, 1 or 3, h, w) in [0, 1].

        Returns:
            (n, FEATURES) in float32, not negative.
        """
        return self.feature_maps(x).float().mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(x).to(self.classifier.weight.dtype)
        return self.classifier(features).float()

    def replace_classifier(self, classes: int, *, seed: int) -> None:
        """Put a new classifier with random weights on the features; torch's global generator keeps its state.

        Args:
            classes: The number of logits.
            seed: The seed of the weights.
        """
        weight = self.classifier.weight
        with seeded_weights(seed):
            classifier = nn.Linear(FEATURES, classes)
        self.classifier = classifier.to(weight.device, weight.dtype)
