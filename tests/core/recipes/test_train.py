"""Training a generator on one dataset and protecting others with it, by the recipes and by the commands."""

import shlex
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from cli.main import app
from core.archive.manifest import read_manifest
from core.errors import BadInput, SpecError
from core.generators.card import read_card
from core.noise.generator_file import load_generator
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.train import GeneratorOptions, train_generator
from core.specs.protect import ProtectSpec
from tests.support.generator_runs import changes, png_images, protect, train, write_greyscale_zip
from tests.support.short_training import STEPS, drawn, short_training
from tests.support.uploads import image_file, write_zip


@pytest.fixture(autouse=True, scope="module")
def short() -> Iterator[None]:
    with short_training():
        yield


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator of three classes, trained by EM with radius 6."""
    folder = tmp_path_factory.mktemp("generator")
    train(drawn(folder / "learn.zip"), folder / "made.safetensors", method="em", radius_u=6)
    return folder / "made.safetensors"


def test_the_card_states_how_it_was_made(generator: Path) -> None:
    card = read_card(generator)
    assert (card.name, card.method, card.preset, card.architecture) == ("made", "em", "quick", "small")
    assert (card.channels, card.size, card.class_names) == (3, 32, ("ant", "bee", "cow"))
    assert (card.radius_u, card.radius_a, card.seed, card.updates, card.images) == (6, 3, 0, STEPS, 15)
    assert (card.network_updates, card.grey_updates) == (0, 0)
    assert card.data == "learn"
    assert "too few images" in str(card.measured)
    assert {"torch", "unteachable"} <= set(card.versions)


def test_a_generator_protects_other_images_without_training(generator: Path, tmp_path: Path) -> None:
    source, out = drawn(tmp_path / "other.zip", "dog elk", seed=7), tmp_path / "out.zip"
    report, stages = protect(source, out, generator)
    assert "training" not in stages
    assert "training" not in report.stages
    assert all(0 < change <= 6 for change in changes(source, out).values())
    made = report.generator
    assert (made["method"], made["trained_on_images"], made["training_steps"]) == ("em", 15, STEPS)
    assert made["card"] == read_card(generator).to_dict()
    assert made["class_outputs"] == [0, 1]
    assert (report.spec["method"], report.spec["radius_a"]) == ("em", 3)
    assert any("trained beforehand on 15 images of “learn”" in caveat for caveat in report.caveats)
    with zipfile.ZipFile(out) as archive:
        assert "trained beforehand on 15 images" in archive.read("report.html").decode()


def test_the_report_states_that_the_generator_may_know_the_images(generator: Path, tmp_path: Path) -> None:
    for name, classes, known in (
        ("other", "ant bee cow", True),
        ("learn", "dog elk", True),
        ("other", "ant elk", False),
    ):
        source, out = drawn(tmp_path / f"{name}.zip", classes), tmp_path / "out.zip"
        report, _ = protect(source, out, generator)
        assert any("may have been trained on these images" in caveat for caveat in report.caveats) is known
        manifest = read_manifest(out)
        assert manifest.may_have_trained_on(name=name, classes=classes.split()) is known


def test_the_same_seed_gives_the_same_images(generator: Path, tmp_path: Path) -> None:
    source, found = drawn(tmp_path / "other.zip", "dog elk", seed=7), []
    for seed in (1, 1, 2):
        protect(source, tmp_path / "out.zip", generator, seed=seed)
        found.append(png_images(tmp_path / "out.zip"))
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_the_noise_lowers_the_loss_of_the_mapped_outputs(generator: Path, tmp_path: Path) -> None:
    source, out = drawn(tmp_path / "other.zip", "dog elk", seed=7), tmp_path / "out.zip"
    protect(source, out, generator)
    model, losses = load_generator(generator, device="cpu").model, []
    for path in (source, out):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".png")]
            x = np.stack([np.asarray(Image.open(archive.open(name))) for name in names])
        y = torch.tensor([name.startswith("elk") for name in names]).long()
        with torch.no_grad():
            logits = model(torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255)
            losses.append(torch.nn.functional.cross_entropy(logits, y, reduction="none"))
    assert (losses[1] < losses[0]).all()


def test_greyscale_images_get_greyscale_noise_from_a_generator_for_colour(generator: Path, tmp_path: Path) -> None:
    source, out = write_greyscale_zip(tmp_path / "grey.zip"), tmp_path / "out.zip"
    protect(source, out, generator)
    assert all(0 < change <= 6 for change in changes(source, out).values())


def test_larger_images_are_protected_at_the_size_of_the_generator(generator: Path, tmp_path: Path) -> None:
    source, out = drawn(tmp_path / "large.zip", size=150), tmp_path / "out.zip"
    report, _ = protect(source, out, generator)
    assert report.generator["work_size"] == 32
    assert all(0 < change <= 6 for change in changes(source, out).values())


def test_a_generator_that_does_not_fit_is_refused_with_the_reason(generator: Path, tmp_path: Path) -> None:
    many = drawn(tmp_path / "many.zip", "a b c d", each=2)
    with pytest.raises(BadInput, match="was trained on 3 classes, and this dataset has 4"):
        protect(many, tmp_path / "out.zip", generator)
    train(drawn(tmp_path / "large.zip", size=64), tmp_path / "large.safetensors", method="em", radius_u=6)
    with pytest.raises(BadInput, match="makes noise at 64 px, and these images are about 32 px"):
        protect(drawn(tmp_path / "small.zip"), tmp_path / "out.zip", tmp_path / "large.safetensors")
    with pytest.raises(SpecError, match="radius_u: must be 6"):
        protect(many, tmp_path / "out.zip", generator, radius_u=9)
    assert not (tmp_path / "out.zip").exists()


def test_a_test_split_is_not_learned_from(tmp_path: Path) -> None:
    files = {
        f"{split}/{c}/{i}.png": image_file(width=32, height=32, seed=i)
        for split, count in (("train", 4), ("test", 3))
        for c in ("ant", "bee")
        for i in range(count)
    }
    train(write_zip(tmp_path / "split.zip", files), tmp_path / "g.safetensors", method="em")
    assert read_card(tmp_path / "g.safetensors").images == 8


def command(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_commands_train_and_then_protect_as_the_last_line_states(tmp_path: Path) -> None:
    source, out = drawn(tmp_path / "learn.zip"), tmp_path / "a b.safetensors"
    made = command("train", source, out, "--method", "em", "--name", "Mine")
    assert made.exit_code == 0, made.output
    assert "Generator “Mine”: em, radius 8, 3 classes at 32 px, trained on 15 images" in made.stdout
    assert read_card(out).command == "unteachable train learn.zip 'a b.safetensors' --name Mine --method em"
    use = made.stdout.strip().splitlines()[-1].partition("unteachable ")[2]
    words = [{"FOLDER_OR_ARCHIVE": source, "OUT.zip": tmp_path / "out.zip"}.get(w, w) for w in shlex.split(use)]
    done = command(*words, "--evidence", "none")
    assert done.exit_code == 0, done.output
    assert "15 images protected" in done.stdout


def test_what_cannot_be_done_is_one_clear_line(generator: Path, tmp_path: Path) -> None:
    source, out = drawn(tmp_path / "other.zip"), tmp_path / "out.zip"
    (tmp_path / "text.safetensors").write_text("no generator")
    cases = [
        (["protect", source, out, "--generator", tmp_path / "text.safetensors"], "is not a safetensors file"),
        (["protect", source, out, "--generator", tmp_path / "none.safetensors"], "No such file"),
        (["protect", source, out, "--generator", generator, "--radius-u", 8], "--radius-u must be 6"),
        (["train", source, tmp_path / "no" / "g.safetensors"], "is no folder that exists"),
        (["train", source, out, "--radius-a", 9], "--radius-a must be less than radius_u"),
        (["train", source, out, "--method", "ntga"], "--method ntga trains no network"),
        (["train", source, out, "--name", " "], "its name is empty"),
        (["train", tmp_path / "text.safetensors", out], "This is not an archive"),
    ]
    for words, said in cases:
        done = command(*words)
        assert done.exit_code == 2, done.output
        assert said in done.stderr
        assert done.stderr.strip().splitlines()[-1].startswith("unteachable: ")
        assert not out.exists()


def test_a_size_larger_than_the_images_is_refused(tmp_path: Path) -> None:
    source = drawn(tmp_path / "learn.zip", size=64)
    for size in (48, 96, 0):
        with (
            tempfile.TemporaryDirectory() as scratch,
            pytest.raises(BadInput, match="at 32, 64 px, not at"),
        ):
            train_generator(
                DatasetSource(path=source),
                tmp_path / "x.safetensors",
                ProtectSpec(),
                RunOptions(scratch=Path(scratch)),
                GeneratorOptions(size=size),
            )


def test_a_generator_for_smaller_images_is_trained_on_larger_ones(tmp_path: Path) -> None:
    source, out = drawn(tmp_path / "learn.zip", size=64), tmp_path / "made.safetensors"
    done = CliRunner().invoke(app, ["train", str(source), str(out), "--size", "32", "--method", "em"])
    assert done.exit_code == 0, done.output
    card = read_card(out)
    assert card.size == 32
    assert card.command == "unteachable train learn.zip made.safetensors --size 32 --method em"
