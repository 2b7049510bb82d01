"""The report of a verification: what it warns of, its rows, its heat map."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import BadInput
from core.reports.heatmap import heat_map
from core.reports.verification_html import render_verification
from core.results.verification import VerificationReport
from tests.core.recipes.verify.conftest import TrainedLearners, run
from tests.support.generator_files import a_card


@pytest.mark.parametrize(("classes", "known"), [(("cat", "dog", "newt"), True), (("elk", "fox"), False)])
def test_the_report_states_that_the_generator_may_know_the_images(
    folder: Path, tmp_path: Path, trained: TrainedLearners, classes: tuple[str, ...], known: bool
) -> None:
    made = tmp_path / "made.zip"
    with zipfile.ZipFile(folder / "out.zip") as own, zipfile.ZipFile(made, "w") as out:
        for name in own.namelist():
            content = own.read(name)
            if name == "MANIFEST.json":
                manifest = json.loads(content)
                manifest["generator"]["card"] = a_card(class_names=classes).to_dict()
                content = json.dumps(manifest).encode()
            out.writestr(name, content)
    report = run(folder, tmp_path, archive=made)
    assert any("may have been trained on these images" in caveat for caveat in report.caveats) is known
    assert not any("learned from all images" in caveat for caveat in report.caveats)


def test_a_dataset_alone_has_only_the_learner_before(folder: Path, tmp_path: Path, trained: TrainedLearners) -> None:
    report = run(folder, tmp_path, alone=True)
    assert len(trained) == 1
    assert report.target is None
    row = json.loads(report.to_json())["evidence"]["rows"][0]
    assert (row["accuracy_before"], row["accuracy_after"], row["ci95_rest"]) == (0.5, None, None)
    assert VerificationReport.from_json(report.to_json()) == report
    assert "What models learn from these images" in render_verification(report)
    with pytest.raises(BadInput, match="a dataset alone has none"):
        run(folder, tmp_path, alone=True, percentages=[50])


def test_the_heat_map_has_a_cell_for_every_row(folder: Path, tmp_path: Path, trained: TrainedLearners) -> None:
    report = run(
        folder, tmp_path, trainings=[{"radius": 0}, {"norm": "L2", "radius": 50}], countermeasures=["none", "cutout"]
    )
    assert VerificationReport.from_json(report.to_json()) == report
    heat = heat_map(report)
    assert heat.columns == ("Standard", "L2 50/255")
    assert [row.countermeasure for row in heat.rows][1].startswith("with cutout")
    half = replace(report, evidence=replace(report.evidence, rows=report.evidence.rows[:3]))
    assert [[cell is None for cell in row.cells] for row in heat_map(half).rows] == [[False, False], [False, True]]
    assert "3 of 4 rows so far" in render_verification(half)
    hostile = replace(report, dataset=replace(report.dataset, name="</title><script>x"))
    assert "<script" not in render_verification(hostile)


def test_colours_tell_how_much_is_still_learned(folder: Path, tmp_path: Path, trained: TrainedLearners) -> None:
    report = run(folder, tmp_path)
    row = report.evidence.rows[0]

    def cell(before: float, after: float) -> Any:
        sides = {"before": replace(row.before, accuracy=before)}
        assert row.after is not None
        one = replace(row, **sides, after=replace(row.after, accuracy=after))
        drawn = heat_map(replace(report, evidence=replace(report.evidence, rows=(one,), chance=0.5)))
        return drawn.rows[0].cells[0]

    assert [cell(0.9, after).level for after in (0.4, 0.5, 0.7, 0.9, 1.0)] == [0, 0, 5, 10, 10]
    assert cell(0.5, 0.5).level == 10  # there was nothing to take away
    assert (cell(0.9, 0.7).accuracy, cell(0.9, 0.7).before, cell(0.9, 0.7).difference) == ("70.0", "90.0", "−20.0")
