"""Figure 5: every noise on CIFAR-100, radius_u 8/255 and 16/255 (appendix B.2)."""

from experiments.paper.image_figure import ImageFigure

FIGURE = ImageFigure(
    name="figure5",
    title="defensive noises on CIFAR-100, radius_u 8/255 and 16/255",
    radii_u=(8, 16),
    dataset="cifar100",
    images=4,
)
