"""The preset that trains nothing: which generator it takes, what it fixes, and what comes of it."""

import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from core.errors import BadInput, SpecError
from core.generators.secret_vectors import MIN_ROTATED
from core.generators.shipped import (
    WEIGHTS_FOLDER,
    resolve_generator_constraints,
    select_shipped_generator,
    shipped_generators,
)
from core.noise.generator_file import save_generator
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.protect import protect
from core.recipes.protection_noise import KEY_CHECKPOINT
from core.specs.presets import PRESETS
from core.specs.protect import INSTANT, TRAINING_KEYS, ProtectSpec
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.generator_files import a_card, a_model
from tests.support.generator_runs import png_images
from tests.support.short_training import drawn


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three generators: a small one for few classes, a small one for more, and a larger one for more."""
    folder = tmp_path_factory.mktemp("shipped")
    for name, size, classes in (("few-32", 32, 3), ("many-32", 32, 5), ("many-64", 64, 5)):
        names = tuple(f"class {n}" for n in range(classes))
        save_generator(
            a_model(classes=classes, size=size), a_card(size=size, class_names=names), folder / f"{name}.safetensors"
        )
    return folder


@pytest.mark.parametrize(
    ("size", "classes", "expected"),
    [(32, 2, "few-32"), (32, 3, "few-32"), (32, 4, "many-32"), (64, 2, "many-64"), (128, 5, "many-64")],
)
def test_the_largest_fitting_generator_with_the_fewest_classes_is_taken(
    folder: Path, size: int, classes: int, expected: str
) -> None:
    assert select_shipped_generator(channels=3, size=size, classes=classes, folder=folder).file.stem == expected


def test_one_whose_vectors_a_key_rotates_comes_before_one_of_fewer_classes(tmp_path: Path) -> None:
    for name, classes in (("few", 3), ("many", MIN_ROTATED)):
        names = tuple(f"class {n}" for n in range(classes))
        save_generator(a_model(classes=classes), a_card(class_names=names), tmp_path / f"{name}.safetensors")
    assert select_shipped_generator(channels=3, size=32, classes=2, folder=tmp_path).file.stem == "many"


def test_of_two_equal_generators_the_one_without_greyscale_training_is_taken(tmp_path: Path) -> None:
    for name, updates in (("a-grey", 5), ("b", 0)):
        save_generator(a_model(), a_card(grey_updates=updates), tmp_path / f"{name}.safetensors")
    assert select_shipped_generator(channels=3, size=32, classes=2, folder=tmp_path).file.stem == "b"


def test_if_no_generator_fits_the_message_gives_the_reason_and_alternatives(folder: Path) -> None:
    with pytest.raises(BadInput, match="was trained on 5 classes, and this dataset has 6") as refused:
        select_shipped_generator(size=32, classes=6, folder=folder)
    assert "Choose the preset quick instead" in str(refused.value)


def test_those_that_ship_agree_in_what_they_fix() -> None:
    """So that `instant` means the same whichever is taken."""
    fixed = {(one.card.method, one.card.radius_u, one.card.radius_a) for one in shipped_generators()}
    assert fixed == {("sem", 8, 4)}
    assert {one.card.method for one in shipped_generators()} <= PRESETS[INSTANT].noise.keys()


def test_a_requested_method_fixes_the_radii_and_without_one_the_images_decide() -> None:
    assert resolve_generator_constraints({"preset": "instant"}, None) == {"preset": "instant"}
    textures = {"preset": "instant", "method": "texture", "radius_u": 5}
    assert resolve_generator_constraints(textures, None) == textures
    assert resolve_generator_constraints({"preset": "instant", "method": "sem"}, None) == {
        "preset": "instant",
        "method": "sem",
        "radius_u": 8,
        "radius_a": 4,
    }
    assert resolve_generator_constraints({"preset": "quick", "radius_u": 3}, None) == {"preset": "quick", "radius_u": 3}
    with pytest.raises(SpecError, match="radius_u: must be 8"):
        resolve_generator_constraints({"preset": "instant", "method": "sem", "radius_u": 16}, None)


@pytest.mark.parametrize("method", ["rem", "em", "tap", "ntga"])
def test_a_method_that_trains_is_refused_with_the_way_out(method: str) -> None:
    with pytest.raises(SpecError) as refused:
        resolve_generator_constraints({"preset": "instant", "method": method}, None)
    assert [(error.field, error.message) for error in refused.value.errors] == [
        (
            "method",
            "must be texture or sem with the preset instant, which trains nothing; choose another preset for other "
            "methods",
        )
    ]


def test_nothing_is_trained_with_it() -> None:
    with pytest.raises(SpecError, match="must be one of quick, standard, paper: instant trains nothing"):
        ProtectSpec.parse_training({"preset": "instant"})
    assert "preset" in TRAINING_KEYS


def test_it_protects_by_the_command_and_the_report_names_the_generator(tmp_path: Path) -> None:
    source, out = drawn(tmp_path / "pictures.zip", each=4), tmp_path / "out.zip"
    command = ["protect", str(source), str(out), "--preset", "instant", "--evidence", "none"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(out) as archive:
        report = json.loads(archive.read("report.json"))
    taken = select_shipped_generator(channels=3, size=32, classes=3)
    assert report["generator"]["name"] == taken.card.name
    assert "class_outputs" not in report["generator"], "the vectors of the classes are a secret"
    assert report["spec"]["preset"] == report["generator"]["preset"] == "instant"
    assert "training" not in report["stages"]
    assert 0 < report["invisibility"]["linf_max"] <= 8


def test_each_protection_has_a_secret_of_its_own_and_a_resumed_one_keeps_it(tmp_path: Path) -> None:
    source = drawn(tmp_path / "pictures.zip", each=4)
    file = WEIGHTS_FOLDER / "tiny-imagenet-32.safetensors"

    def protected(number: int, checkpoints: MemoryCheckpointStore) -> dict[str, bytes]:
        scratch, out = tmp_path / f"work-{number}", tmp_path / f"{number}.zip"
        scratch.mkdir()
        spec = ProtectSpec.parse({"preset": "instant", "evidence": "none"})
        options = RunOptions(scratch=scratch, checkpoints=checkpoints, device="cpu")
        protect(DatasetSource(path=source), out, spec, options, generator=file)
        return png_images(out)

    checkpoints = MemoryCheckpointStore()
    first, other = protected(0, checkpoints), protected(1, MemoryCheckpointStore())
    assert all(first[name] != other[name] for name in first)
    checkpoints.saved = {KEY_CHECKPOINT: checkpoints.saved[KEY_CHECKPOINT]}
    assert protected(2, checkpoints) == first


def test_what_it_cannot_do_is_one_clear_line(tmp_path: Path) -> None:
    source = drawn(tmp_path / "pictures.zip", each=2)
    for options, said in (
        (["--method", "rem"], "--method must be texture or sem with the preset instant"),
        (["--radius-u", "4"], "--radius-u must be 8"),
    ):
        done = CliRunner().invoke(
            app, ["protect", str(source), str(tmp_path / "o.zip"), "--preset", "instant", *options]
        )
        assert done.exit_code == 2
        assert said in done.output
        assert "Traceback" not in done.output
