"""Everything that can be reproduced, by name. No torch."""

from experiments.paper import (
    figure1,
    figure2,
    figure3,
    figure4,
    figure5,
    figure6,
    figure7,
    figure8,
    table1,
    table2,
    table3,
    table4,
    table5,
    table6,
    table7,
    table8,
    table9,
    table10,
    table11,
)
from experiments.paper.curve_figure import CurveFigure
from experiments.paper.grid import Table
from experiments.paper.image_figure import ImageFigure
from experiments.paper.table5 import SearchSettings
from experiments.paper.table6 import TimeCosts

Experiment = Table | CurveFigure | ImageFigure | SearchSettings | TimeCosts

_TABLES = (table1, table2, table3, table4, table5, table6, table7, table8, table9, table10, table11)
_FIGURES = (figure1, figure2, figure3, figure4, figure5, figure6, figure7, figure8)
EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (*(module.TABLE for module in _TABLES), *(module.FIGURE for module in _FIGURES))
}
