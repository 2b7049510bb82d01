"""Figure 4: every noise on CIFAR-10, radius_u 8/255 and 16/255 (appendix B.1)."""

from experiments.paper.image_figure import ImageFigure

FIGURE = ImageFigure(
    name="figure4",
    title="defensive noises on CIFAR-10, radius_u 8/255 and 16/255",
    radii_u=(8, 16),
    dataset="cifar10",
    images=4,
)
