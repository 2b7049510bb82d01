"""The experiments have the paper's tables and figures, with the paper's numbers at their cells."""

import pytest

from core.attacks.threat_model import ThreatModel
from core.countermeasures.registry import COUNTERMEASURES
from core.models.registry import ARCHITECTURES
from core.specs.protect import ProtectSpec
from experiments.catalogue import EXPERIMENTS
from experiments.cells import Cell, Noise
from experiments.paper.curve_figure import CurveFigure
from experiments.paper.grid import Table
from experiments.scale import SCALES

TABLES = [experiment for experiment in EXPERIMENTS.values() if isinstance(experiment, Table)]
SHAPES = {  # rows and columns of numbers; Tables 1 and 7 have one column that the paper does not have
    "table1": (5, 10),
    "table2": (8, 10),
    "table3": (5, 6),
    "table4": (3, 5),
    "table7": (5, 10),
    "table8": (8, 10),
    "table9": (5, 6),
    "table10": (9, 5),
    "table11": (6, 5),
}


def test_every_table_and_figure_of_the_paper_exists() -> None:
    assert list(EXPERIMENTS) == [*(f"table{n}" for n in range(1, 12)), *(f"figure{n}" for n in range(1, 9))]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_has_the_papers_shape(table: Table) -> None:
    rows, columns = SHAPES[table.name]
    assert len(table.columns) == columns
    assert [len(row.cells) for row in table.rows] == [columns] * rows
    assert {len(row.labels) for row in table.rows} == {len(table.corner)}
    for numbers in table.paper.values():
        assert [len(row) for row in numbers] == [columns] * rows
    with_imagenet = {"imagenet"} if table.name in ("table1", "table7") else set()
    assert set(table.paper) == {"cifar10", "cifar100"} | with_imagenet


def number(table: str, dataset: str, cell: Cell) -> float | None:
    """The paper's number for a cell."""
    found = EXPERIMENTS[table]
    assert isinstance(found, Table)
    return next(
        value
        for row, values in zip(found.rows, found.paper[dataset], strict=True)
        for other, value in zip(row.cells, values, strict=True)
        if other == cell
    )


def rem(radius_u: int, radius_a: int, *, eot: bool = True) -> Noise:
    return Noise(method="rem", radius_u=radius_u, radius_a=radius_a, eot=eot)


@pytest.mark.parametrize(
    ("table", "dataset", "cell", "value"),
    [
        ("table1", "cifar10", Cell(noise=rem(8, 4), radius=4), 48.16),
        ("table1", "imagenet", Cell(noise=Noise(method="ntga", radius_u=8), radius=1), 63.28),
        ("table2", "cifar10", Cell(noise=rem(8, 4), radius=2, percentage=80), 82.98),
        ("table2", "cifar10", Cell(radius=2, percentage=80, rest="clean"), 83.37),
        ("table2", "cifar100", Cell(noise=Noise(method="tap", radius_u=8), radius=4), 62.39),
        ("table3", "cifar100", Cell(noise=rem(8, 2), radius=4, architecture="densenet121"), 54.19),
        ("table4", "cifar10", Cell(noise=rem(8, 4, eot=False), radius=2), 91.76),
        ("table7", "cifar100", Cell(noise=rem(16, 8), radius=8), 23.29),
        ("table8", "cifar10", Cell(noise=Noise(method="em", radius_u=16), radius=4, percentage=40), None),
        ("table8", "cifar100", Cell(radius=8, percentage=60, rest="clean"), 46.29),
        ("table9", "cifar10", Cell(noise=rem(16, 8), radius=8, architecture="wrn34-10"), 37.51),
        ("table10", "cifar10", Cell(noise=rem(16, 8), radius=4, countermeasure="median-3x3"), 34.06),
        ("table11", "cifar100", Cell(noise=rem(16, 8), norm="L2", radius=100), 47.16),
        ("table11", "cifar10", Cell(noise=rem(16, 8), norm="L1-dense", radius=3000), 55.98),
        ("table11", "cifar10", Cell(noise=rem(16, 8), norm="L1", radius=3000), None),
    ],
)
def test_a_number_of_the_paper_belongs_to_its_cell(table: str, dataset: str, cell: Cell, value: float | None) -> None:
    assert number(table, dataset, cell) == value


def test_cells_that_tables_share_have_one_number_in_the_paper() -> None:
    """Table 2 shares its columns of 0 and 100 % with Table 1, and Table 8 with Table 7."""
    for whole, parts in (("table1", "table2"), ("table7", "table8")):
        found = EXPERIMENTS[parts]
        assert isinstance(found, Table)
        shared = [c for c in found.cells if c.percentage == 100]
        assert shared
        for dataset in ("cifar10", "cifar100"):
            for cell in shared:
                assert number(whole, dataset, cell) == number(parts, dataset, cell)


def test_a_part_of_a_table_keeps_each_number_at_its_cell() -> None:
    shares = EXPERIMENTS["table8"]
    assert isinstance(shares, Table)
    part = shares.select(rows=["REM", "EM"], columns=["100%", "0%"])  # in the table's own order
    assert part.columns == ("0%", "100%")
    assert [row.labels for row in part.rows] == [("4/255", "EM"), ("4/255", "REM"), ("8/255", "EM"), ("8/255", "REM")]
    assert part.paper["cifar10"] == ((89.51, 41.95), (89.51, 28.31), (84.79, 64.71), (84.79, 36.37))
    assert set(part.noises) == {Noise(method="em", radius_u=16), rem(16, 8)}
    for row, values in zip(part.rows, part.paper["cifar10"], strict=True):
        assert [number("table8", "cifar10", cell) for cell in row.cells] == list(values)
    assert shares.select(rows=[], columns=[]) == shares


def test_figures_of_lines_are_drawn_from_the_cells_of_table_1() -> None:
    figures = [experiment for experiment in EXPERIMENTS.values() if isinstance(experiment, CurveFigure)]
    assert [figure.name for figure in figures] == ["figure1", "figure2", "figure7", "figure8"]
    for figure in figures:
        assert set(figure.cells) <= set(EXPERIMENTS["table1"].cells)


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_every_noise_and_cell_of_an_experiment_is_supported(experiment: Table) -> None:
    for noise in experiment.noises:
        ProtectSpec(method=noise.method, radius_u=noise.radius_u, radius_a=noise.radius_a, eot=noise.eot)
        for scale in SCALES.values():
            for size in (32, 64, 224):
                preset = scale.preset(size)
                assert noise.method == "ntga" or noise.method in preset.noise
    for cell in experiment.cells:
        ThreatModel(norm=cell.norm, radius=cell.radius)
        assert cell.architecture in ARCHITECTURES
        assert cell.countermeasure is None or cell.countermeasure in COUNTERMEASURES


def test_the_paper_scale_is_the_papers_setting() -> None:
    scale = SCALES["paper"]
    schedule, large = scale.schedule_for(32, "resnet18"), scale.schedule_for(224, "vgg16")
    assert (scale.train, scale.test, dict(scale.stand_ins)) == (None, None, {})
    assert schedule.length.updates(50_000) == schedule.length.updates(10) == 40_000
    assert (schedule.attack_steps, schedule.attack_step) == (10, 0.2)
    assert (large.attack_steps, large.attack_step) == (8, 0.25)
    assert schedule.learning_rate.at(31_999, steps=40_000) == pytest.approx(0.01)


def test_a_laptop_takes_a_smaller_network_of_the_same_kind() -> None:
    laptop, gpu = SCALES["laptop"], SCALES["gpu"]
    assert laptop.network("resnet18") == "small"
    for architecture in ("vgg16", "resnet50", "densenet121", "wrn34-10"):
        assert gpu.network(architecture) == architecture
        assert laptop.network(architecture) in ARCHITECTURES
        assert laptop.schedule_for(32, architecture).length.updates(8_000) == 300
    assert laptop.schedule_for(32, "resnet18").length.updates(8_000) == 625
