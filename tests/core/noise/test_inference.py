"""A generator with a noise network, from its training to the pictures that it protects without a search."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.errors import BadInput
from core.generators.card import read_card
from tests.support.generator_runs import changes, grey_pictures, png_files, protect, train
from tests.support.short_training import STEPS, drawn, short_training


@pytest.fixture(autouse=True, scope="module")
def short() -> Iterator[None]:
    with short_training():
        yield


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator of three classes with a noise network, which SEM's have."""
    folder = tmp_path_factory.mktemp("at_once")
    stages = train(drawn(folder / "learn.zip"), folder / "made.safetensors", method="sem", radius_u=6)
    assert stages.index("training") < stages.index("network") < stages.index("writing")
    assert "grey" not in stages
    return folder / "made.safetensors"


def test_a_noise_network_makes_the_noise_at_once(at_once: Path, tmp_path: Path) -> None:
    source, found = drawn(tmp_path / "other.zip", "dog elk", seed=7), []
    for preset, seed in (("quick", 0), ("quick", 1), ("instant", 0)):
        report, stages = protect(source, tmp_path / "out.zip", at_once, preset=preset, seed=seed)
        assert report.generator["passes_per_image"] == 1
        assert "not from its source" in report.generator["made"]
        assert report.generator["card"]["network_updates"] == read_card(at_once).network_updates == STEPS
        assert not {"training", "network"} & set(stages)
        assert all(0 < change <= 6 for change in changes(source, tmp_path / "out.zip").values())
        found.append(png_files(tmp_path / "out.zip"))
    assert found[0] == found[1] == found[2]  # nothing is searched for, and nothing drawn


def test_noise_that_is_to_withstand_grey_has_a_second_judge(at_once: Path, tmp_path: Path) -> None:
    source, made = drawn(tmp_path / "learn.zip"), tmp_path / "made.safetensors"
    stages = train(source, made, greyscale=True, method="sem", radius_u=6)
    order = [stages.index(stage) for stage in ("training", "grey", "network", "writing")]
    assert order == sorted(order)
    assert (read_card(made).grey_updates, read_card(at_once).grey_updates) == (STEPS, 0)
    with_it, without = (load_file(file) for file in (made, at_once))
    for name, tensor in without.items():
        if tensor.is_floating_point() and not name.startswith("noise."):
            assert torch.equal(with_it[name], tensor), name  # the surrogate is the same, and only one is kept
    assert with_it.keys() == without.keys()
    assert not torch.equal(with_it["noise.head.weight"], without["noise.head.weight"])
    report, _ = protect(source, tmp_path / "out.zip", made)
    assert any("Half to two thirds of the accuracy" in caveat for caveat in report.caveats)


def test_grey_pictures_have_nothing_to_lose_in_grey(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="greyscale already"):
        train(grey_pictures(tmp_path / "grey.zip"), tmp_path / "made.safetensors", greyscale=True)


def test_grey_pictures_are_searched_for_where_the_noise_network_makes_colours(at_once: Path, tmp_path: Path) -> None:
    source, out = grey_pictures(tmp_path / "grey.zip"), tmp_path / "out.zip"
    report, _ = protect(source, out, at_once)
    assert report.generator["passes_per_image"] > 1
    assert "made" not in report.generator
    assert all(0 < change <= 6 for change in changes(source, out).values())
