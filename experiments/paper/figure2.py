"""Figure 2: the loss of standard and adversarial training on clean images, EM and REM. Its cells are in Table 1.

The paper's text does not name the radii of its panels. Here they are 0 (standard training), 2/255 and 4/255.
"""

from experiments.cells import Cell, Noise
from experiments.paper.curve_figure import ChartSpec, CurveFigure, by_updates
from experiments.paper.grid import of_255

_NOISES = {
    "Clean": None,
    "EM": Noise(method="em", radius_u=8),
    "REM": Noise(method="rem", radius_u=8, radius_a=4),
}

FIGURE = CurveFigure(
    name="figure2",
    title="training loss of standard and adversarial training, radius_u 8/255, REM radius_a 4/255",
    charts=tuple(
        ChartSpec(
            title=f"Adversarial training, {of_255(radius)}" if radius else "Standard training",
            x="updates",
            y="training loss",
            top=None,
            lines=tuple(
                by_updates(name, Cell(noise=noise, radius=radius), lambda run: run.loss)
                for name, noise in _NOISES.items()
            ),
        )
        for radius in (0, 2, 4)
    ),
    notes=("Each point is the mean loss of the updates since the point before, on what the update saw.",),
)
