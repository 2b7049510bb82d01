"""Run experiments from images to pages, interrupt them and resume them."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.errors import BadInput
from experiments.catalogue import EXPERIMENTS
from experiments.paper.grid import Table
from experiments.paper.table11 import DENSE, SPARSE
from experiments.scale import with_official_details
from tests.support.tiny_experiments import TINY, drawn_folder, run_tiny


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_folder(tmp_path_factory.mktemp("drawn") / "data")


@pytest.fixture(scope="module")
def table1(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The results folder of Table 1, and the messages of its run."""
    out = tmp_path_factory.mktemp("table1") / "out"
    return out, run_tiny("table1", source, out, dataset="cifar10")


def entries(out: Path, name: str) -> list[dict[str, Any]]:
    rows = json.loads((out / f"{name}.json").read_text())["rows"]
    return [entry for row in rows for entry in row["cells"]]


@pytest.mark.slow
def test_table_1_is_measured_from_end_to_end(table1: tuple[Path, list[str]]) -> None:
    out, messages = table1
    assert len(messages) == 50 + 9  # learners and noises
    assert len(list((out / "cells").iterdir())) == 50
    assert len(list((out / "noise").glob("*.npy"))) == 9
    found = entries(out, "table1")
    assert all(0 <= entry["mean"] <= 100 for entry in found)
    assert (found[0]["paper"], found[-2]["paper"], found[-1]["paper"]) == (94.66, 48.16, None)
    assert not list(out.rglob("*.part"))


@pytest.mark.slow
def test_nothing_is_measured_twice(table1: tuple[Path, list[str]], source: Path) -> None:
    """Table 1 and the figures with its cells measure nothing again. Table 2 lacks only the cells of partial shares."""
    out, _ = table1
    for name in ("table1", "figure1", "figure2", "figure3", "figure7", "figure8", "table5", "table6"):
        assert run_tiny(name, source, out, dataset="cifar10") == []
    with Image.open(out / "figure3.png") as drawn:
        assert drawn.width > 5 * 96
    assert "stroke-dasharray" in (out / "figure1.svg").read_text()
    assert "stroke-dasharray" not in (out / "figure7.svg").read_text()
    times = json.loads((out / "table6.json").read_text())["rows"]
    assert [row["paper_hours"] for row in times] == [0.4, 0.5, 5.2, 22.6]
    whole, shares = EXPERIMENTS["table1"], EXPERIMENTS["table2"]
    assert isinstance(shares, Table)
    assert len(set(shares.cells) - set(whole.cells)) == 2 * (4 * 4 + 4)


@pytest.mark.slow
def test_a_killed_run_resumes(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = [sys.executable, "-m", "tests.support.tiny_experiments", "figure2", str(source), str(out)]
    with subprocess.Popen(program, stderr=subprocess.PIPE, text=True) as process:
        messages = [process.stderr.readline() for _ in range(5)]
        process.send_signal(signal.SIGKILL)
    assert messages[4].startswith("[5/11] ")
    modified_before = {path: path.stat().st_mtime_ns for path in (out / "cells").glob("*.json")}
    assert 4 <= len(modified_before) < 9
    rest = run_tiny("figure2", source, out)
    names = [line.split("] ")[1].split(",")[0] for line in (*messages, *rest)]
    assert len(names) in (11, 10)  # the kill may come between a finished step and its message
    assert len(set(names)) == len(names)
    assert all(path.stat().st_mtime_ns == before for path, before in modified_before.items())
    assert len(list((out / "cells").glob("*.json"))) == 9
    lines = json.loads((out / "figure2.json").read_text())["charts"][2]["lines"]
    assert [line["name"] for line in lines] == ["Clean", "EM", "REM"]


def test_two_seeds_are_two_runs(source: Path, tmp_path: Path) -> None:
    assert len(run_tiny("table6", source, tmp_path / "out")) == 4
    again = run_tiny("table6", source, tmp_path / "out", seeds=2)
    assert len(again) == 4
    assert all(", seed 1: " in line for line in again)


def test_a_part_of_a_table_can_be_measured_and_the_page_shows_every_measured_cell(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    messages = run_tiny("table1", source, out, dataset="cifar10", rows=["4/255"], columns=["Clean", "EM"])
    names = [line.split("] ")[1].split(",")[0] for line in messages]
    assert names == ["clean.linf-4.resnet18", "em-u8", "em-u8.linf-4.resnet18"]
    messages = run_tiny("table1", source, out, dataset="cifar10", rows=["0"], columns=["EM"])
    assert [line.split(",")[0] for line in messages] == ["[2/2] em-u8.standard.resnet18"]
    found = {entry["cell"] for entry in entries(out, "table1") if entry["mean"] is not None}
    assert found == {"clean.linf-4.resnet18", "em-u8.linf-4.resnet18", "em-u8.standard.resnet18"}
    assert len(entries(out, "table1")) == 50


def test_unknown_rows_and_columns_are_refused_before_anything_is_measured(source: Path, tmp_path: Path) -> None:
    for name, options, message in (
        ("table1", {"rows": ["5/255"]}, r"no row “5/255”; there are 0, 1/255, 2/255, 3/255, 4/255"),
        ("table1", {"columns": ["Clean", "em"]}, r"no column “em”; there are Clean, EM, TAP"),
        ("figure3", {"rows": ["0"]}, "figure3 is no table of learners"),
    ):
        with pytest.raises(BadInput, match=message):
            run_tiny(name, source, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "0"}, "results of other data"),
        ({"scale": "gpu"}, "results at --scale gpu"),
        ({"settings": {"preset": "another"}}, "another version's settings, or of the other choice of --official"),
    ],
)
def test_a_folder_of_other_results_is_refused(
    source: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    run_tiny("table5", source, tmp_path / "out")
    about = tmp_path / "out" / "about.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | change))
    with pytest.raises(BadInput, match=message):
        run_tiny("table5", source, tmp_path / "out")


def test_official_details_have_a_folder_of_their_own(source: Path, tmp_path: Path) -> None:
    official = with_official_details(TINY)
    assert run_tiny("table5", source, tmp_path / "out", scale=official) == []
    setting = {
        row["labels"][0]: row["cells"][:2] for row in json.loads((tmp_path / "out/table5.json").read_text())["rows"]
    }
    assert setting["NTGA"] == ["1", "1"], "one step of the whole radius"
    assert "settled as in their official code" in (tmp_path / "out" / "table5.md").read_text()
    with pytest.raises(BadInput, match="other choice of --official"):
        run_tiny("table5", source, tmp_path / "out")
    run_tiny("table5", source, tmp_path / "out", scale=official)


def test_both_kinds_of_steps_in_l1_are_measured(source: Path, tmp_path: Path) -> None:
    messages = run_tiny("table11", source, tmp_path / "out", rows=[DENSE, SPARSE], columns=["Clean"])
    names = [line.split("] ")[1].split(".resnet18")[0] for line in messages]
    assert names == ["clean.l1-dense-1000", "clean.l1-dense-3000", "clean.l1-1000", "clean.l1-3000"]
    assert "| L1, dense steps | 1000/255 |" in (tmp_path / "out" / "table11.md").read_text()


def test_a_folder_of_other_files_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(BadInput, match="holds other things"):
        run_tiny("table5", source, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_an_image_figure_sends_a_message_for_each_noise(source: Path, tmp_path: Path) -> None:
    messages = run_tiny("figure3", source, tmp_path / "out", seeds=2)
    assert [line.split(",")[0] for line in messages] == [
        "[1/4] em-u8",
        "[2/4] tap-u8",
        "[3/4] ntga-u8",
        "[4/4] rem-u8-a4",
    ]


def test_an_image_figure_of_another_dataset_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="figure4 shows CIFAR-10"):
        run_tiny("figure4", source, tmp_path / "out")
