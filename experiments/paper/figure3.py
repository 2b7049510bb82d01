"""Figure 3: every noise and the images that carry it, radius_u 8/255."""

from experiments.paper.image_figure import ImageFigure

FIGURE = ImageFigure(
    name="figure3",
    title="defensive noises and the images they make, radius_u 8/255",
    radii_u=(8,),
    dataset=None,
    images=3,
)
