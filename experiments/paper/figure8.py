"""Figure 8: test accuracy against the radius of adversarial training, by REM's radius_a. Its cells are in Table 1."""

from experiments.cells import Noise
from experiments.paper.curve_figure import ChartSpec, CurveFigure, by_radius
from experiments.paper.grid import of_255
from experiments.paper.table1 import TABLE

_RADII = (0, 1, 2, 3, 4)

FIGURE = CurveFigure(
    name="figure8",
    title="test accuracy against the radius of adversarial training, REM of different radius_a, radius_u 8/255",
    charts=(
        ChartSpec(
            title="REM",
            x="adv. train. radius (of 255)",
            y="test accuracy (%)",
            top=100,
            lines=tuple(
                by_radius(f"radius_a {of_255(a)}", Noise(method="rem", radius_u=8, radius_a=a), _RADII)
                for a in (0, 1, 2, 3, 4)
            ),
        ),
    ),
    beside=TABLE,
)
