"""Figure 1: test accuracy against the radius of adversarial training, for every noise. Its cells are in Table 1."""

from experiments.cells import Noise
from experiments.paper.curve_figure import ChartSpec, CurveFigure, by_radius
from experiments.paper.table1 import TABLE

_RADII = (0, 1, 2, 3, 4)
NOISES = {
    "Clean": None,
    "EM": Noise(method="em", radius_u=8),
    "TAP": Noise(method="tap", radius_u=8),
    "NTGA": Noise(method="ntga", radius_u=8),
    "REM": Noise(method="rem", radius_u=8, radius_a=4),
}

FIGURE = CurveFigure(
    name="figure1",
    title="test accuracy against the radius of adversarial training, radius_u 8/255, REM radius_a 4/255",
    charts=(
        ChartSpec(
            title="Noises",
            x="adv. train. radius (of 255)",
            y="test accuracy (%)",
            top=100,
            lines=tuple(by_radius(name, noise, _RADII) for name, noise in NOISES.items()),
        ),
    ),
    beside=TABLE,
)
