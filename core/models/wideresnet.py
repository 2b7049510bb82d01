"""WideResNet-34-10 (Zagoruyko & Komodakis 2016), the usual learner in adversarial training on CIFAR-10."""

import torch
from torch import Tensor, nn

from core.models.stem import make_stem, uses_small_stem

DEPTH, WIDEN = 34, 10


class Block(nn.Module):
    """Batch norm and ReLU before each of two 3x3 convolutions: (n, c_in, h, w) -> (n, c_out, h / stride, w / stride).

    If the shape changes, the shortcut is a 1x1 convolution of the first activation, else the input itself.
    """

    def __init__(self, c_in: int, c_out: int, *, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(c_in, c_out, 1, stride=stride, bias=False) if c_in != c_out else None

    def forward(self, x: Tensor) -> Tensor:
        active = torch.relu(self.bn1(x))
        y = self.conv2(torch.relu(self.bn2(self.conv1(active))))
        return y + (x if self.shortcut is None else self.shortcut(active))


class WideResNet(nn.Module):
    """Maps images (n, channels, size, size) to logits (n, classes), through three stages of (DEPTH - 4) / 6 blocks.

    From 65 px the stem is that of a pre-activation ResNet for ImageNet: 7x7 with stride 2, then a max-pool.

    Args:
        channels: The channels of an image.
        size: The height and width of an image in pixels.
        classes: The number of logits.
        widen: The factor of the width; the three stages have 16, 32 and 64 times as many channels.
    """

    def __init__(self, *, channels: int, size: int, classes: int, widen: int = WIDEN) -> None:
        super().__init__()
        self.conv1 = make_stem(channels, 16, size=size)
        self.pool = nn.Identity() if uses_small_stem(size) else nn.MaxPool2d(3, stride=2, padding=1)
        blocks, width = [], 16
        for stage, stride in enumerate((1, 2, 2)):
            for index in range((DEPTH - 4) // 6):
                wider = 16 * widen * 2**stage
                blocks.append(Block(width, wider, stride=1 if index else stride))
                width = wider
        self.blocks = nn.Sequential(*blocks)
        self.bn = nn.BatchNorm2d(width)
        self.head = nn.Linear(width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.pool(self.conv1(x)))
        return self.head(torch.relu(self.bn(x)).mean(dim=(2, 3)))
