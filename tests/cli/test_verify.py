"""`unteachable verify` on the command line: what it writes, and what is refused in one line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from core.recipes import protect
from core.recipes.options import DatasetSource, RunOptions
from core.specs.protect import ProtectSpec
from tests.support.images import write_images_zip
from tests.support.short_training import short_training
from tests.support.uploads import two_classes, write_zip


@pytest.fixture(autouse=True, scope="module")
def short() -> Iterator[None]:
    with short_training():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pets.zip and its protected archive out.zip, with noise of radius 8 against adversarial training at 3."""
    folder = tmp_path_factory.mktemp("verify")
    source = write_images_zip(folder / "pets.zip", classes=2, per_class=130)
    (folder / "work").mkdir()
    spec = ProtectSpec(method="em", evidence="none", radius_a=3)
    options = RunOptions(scratch=folder / "work")
    protect.protect(DatasetSource(path=source), folder / "out.zip", spec, options)
    return folder


def verify(*words: object) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, words)])


def test_it_writes_the_report_and_its_page(folder: Path) -> None:
    done = verify(folder / "pets.zip", folder / "out.zip", "--out", folder / "r.json", "--device", "cpu")
    assert done.exit_code == 0, done.output
    report = json.loads((folder / "r.json").read_text())
    assert report["spec"]["trainings"] == [{"norm": "Linf", "radius": 0}, {"norm": "Linf", "radius": 3}]
    assert [row["accuracy_after"] is None for row in report["evidence"]["rows"]] == [False, False]
    assert "adversarial training, Linf radius 3/255" in done.stdout
    assert "2 rows measured" in done.stdout
    assert "Linf 3/255" in (folder / "r.html").read_text()


def test_lists_are_combined(folder: Path) -> None:
    lists = ("--trainings", "0", "--trainings", "L1:900", "--percentages", "100", "--percentages", "50")
    done = verify(folder / "pets.zip", folder / "out.zip", "--out", folder / "many.json", *lists)
    assert done.exit_code == 0, done.output
    rows = json.loads((folder / "many.json").read_text())["evidence"]["rows"]
    assert [(row["norm"], row["radius"], row["protected_percentage"]) for row in rows] == [
        (None, 0, 100),
        ("L1", 900, 100),
        (None, 0, 50),
        ("L1", 900, 50),
    ]
    assert [row["accuracy_rest"] is None for row in rows] == [True, True, False, False]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pets.zip", "out.zip", "--trainings", "L9:1"], "--trainings each must be like"),
        (["pets.zip", "out.zip", "--trainings", "lots"], "--trainings each must be like"),
        (["pets.zip", "out.zip", "--architectures", "x", "--seeds", "0"], "--architectures each must be one of"),
        (["pets.zip", "pets.zip"], "is not a protected archive"),
        (["pets.zip", "gone.zip"], "does not exist"),
        (["pets.zip", "--percentages", "50"], "a dataset alone has none"),
        (["pets.zip", "out.zip", "--protected-class", "x"], "--protected-class must be a class of the dataset: "),
        (["pets.zip", "--protected-class", "x"], "--protected-class must be left out: nothing in a dataset alone"),
        (
            ["pets.zip", "out.zip", "--protected-class", "x", "--percentages", "50"],
            "--protected-class is protected as a whole",
        ),
        (["few.zip", "out.zip"], "made from these originals"),
        (["few.zip"], "too few images"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(folder: Path, words: list[str], message: str) -> None:
    write_zip(folder / "few.zip", two_classes())
    paths = [folder / word if word.endswith(".zip") else word for word in words]
    done = verify(*paths, "--out", folder / "no.json")
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "no.json").exists()
