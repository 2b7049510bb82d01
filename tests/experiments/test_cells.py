"""The names of cells identify them, and each cell can be written in one way."""

from dataclasses import replace

import pytest

from experiments.catalogue import EXPERIMENTS
from experiments.cells import Cell, Noise

REM = Noise(method="rem", radius_u=8, radius_a=4)


def test_cells_of_all_experiments_have_different_names() -> None:
    cells = {cell for experiment in EXPERIMENTS.values() for cell in experiment.cells}
    names = {cell.name for cell in cells}
    assert len(names) == len(cells)
    assert len({name.casefold() for name in names}) == len(names)  # for file systems that ignore case


def test_every_field_is_in_the_name() -> None:
    cell = Cell(noise=REM, radius=4)
    others = [
        replace(cell, noise=None),
        replace(cell, noise=replace(REM, radius_u=16)),
        replace(cell, noise=replace(REM, radius_a=2)),
        replace(cell, noise=replace(REM, eot=False)),
        replace(cell, noise=Noise(method="em", radius_u=8)),
        replace(cell, radius=2),
        replace(cell, norm="L2"),
        replace(cell, architecture="vgg16"),
        replace(cell, countermeasure="median-3x3"),
        replace(cell, percentage=20),
        Cell(radius=4, percentage=20, rest="clean"),
    ]
    assert len({found.name for found in (cell, *others)}) == 1 + len(others)


def test_a_name_is_readable() -> None:
    cell = Cell(noise=REM, radius=4, countermeasure="median-3x3", percentage=80)
    assert cell.name == "rem-u8-a4-on-80.linf-4.resnet18.median-3x3"
    assert Cell().name == "clean.standard.resnet18"


@pytest.mark.parametrize(
    "fields",
    [
        {"norm": "L2"},
        {"rest": "clean"},
        {"rest": "clean", "percentage": 20, "noise": REM},
        {"percentage": 20},
        {"percentage": 0, "noise": REM},
    ],
)
def test_a_second_way_to_write_a_cell_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"leave it|has no noise|percentage"):
        Cell(**fields)


def test_a_radius_a_is_refused_for_a_method_without_one() -> None:
    with pytest.raises(ValueError, match="em has no radius_a"):
        Noise(method="em", radius_u=8, radius_a=4)
