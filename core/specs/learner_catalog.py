"""Learners by name and in words, and the norms of their adversaries. Imports no torch.

core/models/ has the networks, core/attacks/norms.py the norms.
"""

ARCHITECTURES = {
    "small": "small residual network",
    "vgg16": "VGG-16",
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    "densenet121": "DenseNet-121",
    "wrn34-10": "WideResNet-34-10",
    "vgg16-narrow": "VGG-16 with an eighth of its channels",
    "resnet50-narrow": "ResNet-50 with an eighth of its channels",
    "densenet121-narrow": "DenseNet-121 with growth 8",
    "wrn34-1": "WideResNet-34-1",
}
NORMS = ("Linf", "L2", "L1")
