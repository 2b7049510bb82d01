"""Figure 6: every noise on the ImageNet subset, radius_u 8/255 and 16/255 (appendix B.3)."""

from experiments.paper.image_figure import ImageFigure

FIGURE = ImageFigure(
    name="figure6",
    title="defensive noises on the ImageNet subset, radius_u 8/255 and 16/255",
    radii_u=(8, 16),
    dataset="imagenet",
    images=4,
)
