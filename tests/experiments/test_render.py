"""The pages of experiments: Markdown, JSON and SVG."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from core.reports.axes import round_up
from core.runtime.atomic_files import read_json, write_json
from core.runtime.folder_checkpoints import FolderCheckpointStore
from experiments.cells import Cell, Noise
from experiments.measurement_record import Measurement
from experiments.paper.grid import Table, TableRow
from experiments.render.context import RenderContext
from experiments.render.pages import caption
from experiments.render.svg import ChartLine, Panel, draw
from experiments.render.tables import mean_and_spread, write_table
from tests.support.tiny_experiments import tiny_cache

EM = Noise(method="em", radius_u=8)
TABLE = Table(
    name="table1",
    title="a test",
    corner=("Radius",),
    columns=("Clean", "EM"),
    rows=(TableRow(labels=("4/255",), cells=(Cell(radius=4), Cell(noise=EM, radius=4))),),
    paper={"cifar10": ((89.51, None),)},
    notes=("A note.",),
)


def measured(accuracy: float) -> Measurement:
    return Measurement(
        network="small",
        updates=(1, 2),
        test_accuracy=(0.1, accuracy),
        train_accuracy=(0.2, 0.9),
        loss=(2.0, 1.0),
        seconds=1.5,
        device="CPU",
        versions={"torch": "2"},
    )


def put(folder: Path, cell: Cell, *accuracies: float) -> None:
    for seed, accuracy in enumerate(accuracies):
        write_json(folder / "cells" / f"{cell.name}.seed-{seed}.json", measured(accuracy).to_json(cell, seed))


def context(folder: Path, *, seeds: int, dataset: str | None) -> RenderContext:
    return RenderContext(cache=tiny_cache(folder), out=folder, seeds=seeds, dataset=dataset)


def test_a_table_shows_mean_spread_and_the_papers_number(tmp_path: Path) -> None:
    put(tmp_path, Cell(radius=4), 0.5, 0.6)
    page, data = write_table(TABLE, context(tmp_path, seeds=2, dataset="cifar10"))
    lines = page.read_text().splitlines()
    assert lines[0] == "# Table 1: a test"
    assert lines[-3:] == ["| Radius | Clean | EM |", "| --- | --- | --- |", "| 4/255 | 55.0 ± 7.1 / 89.51 | – |"]
    assert "- A note." in lines
    assert "- Learner: small residual network in place of ResNet-18, 3 updates of 32 images" in page.read_text()
    assert "Time: 0 s for the noises, 3 s for the learners, on CPU." in page.read_text()
    assert "Each entry: ours ± standard deviation over seeds / the paper" in page.read_text()
    found = json.loads(data.read_text())
    clean, em = found["rows"][0]["cells"]
    assert clean == {
        "cell": "clean.linf-4.resnet18",
        "ours": [50.0, 60.0],
        "mean": 55.0,
        "spread": 7.07,
        "paper": 89.51,
    }
    assert em["mean"] is None
    assert (found["data"]["compared_with"], found["settings"]["scale"]) == ("cifar10", "tiny")


def test_a_table_of_other_data_shows_no_numbers_of_the_paper(tmp_path: Path) -> None:
    put(tmp_path, Cell(radius=4), 0.5)
    page, _ = write_table(TABLE, context(tmp_path, seeds=1, dataset=None))
    assert page.read_text().splitlines()[-1] == "| 4/255 | 50.0 | – |"
    assert "not compared with the paper" in page.read_text()


def test_mean_and_spread() -> None:
    assert mean_and_spread([]) == {"mean": None, "spread": None}
    assert mean_and_spread([3.0]) == {"mean": 3.0, "spread": None}
    assert mean_and_spread([1.0, 2.0, 3.0]) == {"mean": 2.0, "spread": 1.0}


def test_a_measurement_is_read_back_from_its_file(tmp_path: Path) -> None:
    write_json(tmp_path / "m.json", measured(0.3).to_json(Cell(), 0))
    assert Measurement.from_json(read_json(tmp_path / "m.json")) == measured(0.3)


@pytest.mark.parametrize(("value", "top"), [(0.013, 0.02), (0.9, 1), (1, 1), (1.99, 2), (2.07, 4), (99, 100)])
def test_an_axis_ends_at_a_round_number(value: float, top: float) -> None:
    assert round_up(value) == pytest.approx(top)


def test_captions() -> None:
    assert (caption("table11"), caption("figure8")) == ("Table 11", "Figure 8")


def test_a_chart_is_well_formed_and_places_its_curves() -> None:
    line = ChartLine(name="EM & <x>", points=((0, 0), (4, 100)))
    panel = Panel(title="a", x="x", y="y", top=100, lines=(line, replace(line, dashed=True)))
    root = ElementTree.fromstring(draw([panel, panel]))
    lines = root.findall(".//{*}polyline")
    assert len(lines) == 4
    (left, bottom), (right, top) = ([float(v) for v in point.split(",")] for point in lines[0].get("points").split())
    assert left < right
    assert top < bottom
    assert [found.get("stroke-dasharray") is not None for found in lines] == [False, True] * 2
    assert "EM & <x>" in [text.text for text in root.findall(".//{*}text")]


def test_a_checkpoint_folder_adds_up_the_seconds_of_its_runs(tmp_path: Path) -> None:
    checkpoints = FolderCheckpointStore(tmp_path / "checkpoints")
    assert checkpoints.load("a") is None
    checkpoints.save("a", b"1")
    write_json(tmp_path / "checkpoints" / "seconds.json", 100.0)
    again = FolderCheckpointStore(tmp_path / "checkpoints")
    assert again.load("a") == b"1"
    assert again.seconds == pytest.approx(100, abs=5)
    again.remove()
    assert FolderCheckpointStore(tmp_path / "checkpoints").load("a") is None
