"""A linear probe: a linear classifier on the features of a frozen network, as for a comparison of representations."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.models.efficientnet_lite import EfficientNetLite0
from core.models.folded import FoldedModel
from core.results.evidence import Curve
from core.runtime.context import RunContext
from core.training.labelled_images import LabelledTensors
from core.training.learner import LearnerImages, as_digits

FEATURE_BATCH = 32  # images in one forward pass
L2_PENALTY = 1e-3  # of the sum of the squared weights, beside the mean cross-entropy
MAX_ITERATIONS = 200
MIN_DEVIATION = 1e-5  # a feature that never changes is not divided by less


class _Features(nn.Module):
    """A network without its classifier: images (n, c, h, w) in [0, 1] to features (n, f)."""

    def __init__(self, network: EfficientNetLite0) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.features(x)


def train_linear_probe(network: EfficientNetLite0, images: LearnerImages, run: RunContext, *, classes: int) -> Curve:
    """Fit a multinomial logistic regression to the standardized features of images and their mirror images, by L-BFGS.

    The fit is convex and starts from zero, so it needs no random numbers.

    Args:
        network: The network, whose weights stay as they are, on the device of `run`.
        images: The training set and the test set; monitored images are not used.
        run: The device and the progress, which counts one unit.
        classes: The number of classes.

    Returns:
        One point: the accuracy on the test set and the training loss without the penalty.
    """
    folded = FoldedModel(_Features(network), dtype=run.device.dtype).refresh()
    learned = torch.cat([_features(folded, images.train, run, mirror=mirror) for mirror in (False, True)])
    tested = _features(folded, images.test, run, mirror=False)
    mean, deviation = learned.mean(0), learned.std(0).clamp(min=MIN_DEVIATION)
    standardized, labels = (learned - mean) / deviation, images.train.labels.repeat(2)
    loss, classifier = _fit(standardized, labels, run, classes=classes)
    with torch.no_grad():
        correct = classifier((tested - mean) / deviation).argmax(1) == images.test.labels
    run.progress.advance()
    answers = as_digits(correct)
    accuracy = correct.double().mean().item()
    return Curve(epoch=(1,), accuracy=(accuracy,), loss=(loss,), correct=answers, correct_at_peak=answers)


@torch.no_grad()
def _features(network: nn.Module, images: LabelledTensors, run: RunContext, *, mirror: bool) -> Tensor:
    """The features (n, f) of all images in float32, on the device of `run`."""

    @torch.no_grad()
    def features_of(pixels: Tensor) -> Tensor:
        run.progress.tick()
        return network(_mirrored(pixels, mirror).float() * PIXEL)

    return torch.cat(run.device.starmap(features_of, [(chunk,) for chunk in images.pixels.split(FEATURE_BATCH)]))


def _mirrored(pixels: Tensor, mirror: bool) -> Tensor:
    return pixels.flip(3) if mirror else pixels


def _fit(features: Tensor, labels: Tensor, run: RunContext, *, classes: int) -> tuple[float, nn.Linear]:
    """The classifier, and its mean cross-entropy on the images that it was fitted to."""
    classifier = nn.Linear(features.shape[1], classes).to(features.device)
    nn.init.zeros_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    optimizer = torch.optim.LBFGS(classifier.parameters(), max_iter=MAX_ITERATIONS, line_search_fn="strong_wolfe")

    def penalized_loss() -> Tensor:
        run.progress.tick()
        optimizer.zero_grad()
        loss = F.cross_entropy(classifier(features), labels)
        penalized = loss + L2_PENALTY * classifier.weight.square().sum()
        penalized.backward()
        return penalized

    optimizer.step(penalized_loss)
    with torch.no_grad():
        return F.cross_entropy(classifier(features), labels).item(), classifier
