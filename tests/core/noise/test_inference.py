"""A generator with a noise network, from its training to images that it protects without a search."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.errors import BadInput
from core.generators.card import read_card
from tests.support.generator_runs import changes, png_images, protect, train, write_greyscale_zip
from tests.support.short_training import STEPS, drawn, short_training


@pytest.fixture(autouse=True, scope="module")
def short() -> Iterator[None]:
    with short_training():
        yield


@pytest.fixture(scope="module")
def predicting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator of three classes with a noise network, which SEM's have."""
    folder = tmp_path_factory.mktemp("predicting")
    stages = train(drawn(folder / "learn.zip"), folder / "made.safetensors", method="sem", radius_u=6)
    assert stages.index("training") < stages.index("network") < stages.index("writing")
    assert "grey" not in stages
    return folder / "made.safetensors"


def test_a_noise_network_predicts_the_noise(predicting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.recipes.protection_noise._secret_key", lambda run: bytes(32))
    source, found = drawn(tmp_path / "other.zip", "dog elk", seed=7), []
    for preset, seed in (("quick", 0), ("quick", 1), ("instant", 0)):
        report, stages = protect(source, tmp_path / "out.zip", predicting, preset=preset, seed=seed)
        assert report.generator["passes_per_image"] == 1
        assert "not from its source" in report.generator["made"]
        assert report.generator["card"]["network_updates"] == read_card(predicting).network_updates == STEPS
        assert not {"training", "network"} & set(stages)
        assert all(0 < change <= 6 for change in changes(source, tmp_path / "out.zip").values())
        found.append(png_images(tmp_path / "out.zip"))
    assert found[0] == found[1] == found[2]  # nothing is searched for, and nothing drawn but the key


def test_training_on_greyscale_has_a_second_surrogate(predicting: Path, tmp_path: Path) -> None:
    source, made = drawn(tmp_path / "learn.zip"), tmp_path / "made.safetensors"
    stages = train(source, made, greyscale=True, method="sem", radius_u=6)
    order = [stages.index(stage) for stage in ("training", "grey", "network", "writing")]
    assert order == sorted(order)
    assert (read_card(made).grey_updates, read_card(predicting).grey_updates) == (STEPS, 0)
    with_it, without = (load_file(file) for file in (made, predicting))
    for name, tensor in without.items():
        if tensor.is_floating_point() and not name.startswith("noise."):
            assert torch.equal(with_it[name], tensor), (
                name
            )  # the first surrogate is the same, and the file holds no second
    assert with_it.keys() == without.keys()
    assert not torch.equal(with_it["noise.head.weight"], without["noise.head.weight"])
    report, _ = protect(source, tmp_path / "out.zip", made)
    assert any("Half to two thirds of the accuracy" in caveat for caveat in report.caveats)


def test_greyscale_images_refuse_training_on_greyscale(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="greyscale already"):
        train(write_greyscale_zip(tmp_path / "grey.zip"), tmp_path / "made.safetensors", greyscale=True)


def test_greyscale_images_get_searched_noise_from_a_generator_for_colour(predicting: Path, tmp_path: Path) -> None:
    source, out = write_greyscale_zip(tmp_path / "grey.zip"), tmp_path / "out.zip"
    report, _ = protect(source, out, predicting)
    assert report.generator["passes_per_image"] > 1
    assert "made" not in report.generator
    assert all(0 < change <= 6 for change in changes(source, out).values())
