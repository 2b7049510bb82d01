"""Figure 7: accuracy on training and test images during adversarial training with 4/255. Its cells are in Table 1."""

from experiments.cells import Cell
from experiments.paper.curve_figure import ChartSpec, CurveFigure, by_updates, per_cent
from experiments.paper.figure1 import NOISES

FIGURE = CurveFigure(
    name="figure7",
    title="accuracy along adversarial training with 4/255, radius_u 8/255, REM radius_a 4/255",
    charts=tuple(
        ChartSpec(
            title=f"{which} images",
            x="updates",
            y="accuracy (%)",
            top=100,
            lines=tuple(by_updates(name, Cell(noise=noise, radius=4), value) for name, noise in NOISES.items()),
        )
        for which, value in (
            ("Training", lambda run: per_cent(run.train_accuracy)),
            ("Test", lambda run: per_cent(run.test_accuracy)),
        )
    ),
    notes=(
        "Training accuracy is on about 2,000 of the learner's images as it gets them, neither cropped nor attacked.",
    ),
)
