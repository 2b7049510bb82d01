"""The paper's numbers, and what a preset does to small and large datasets."""

import pytest

from core.noise.methods import objective_of
from core.noise.setup import NoiseSetup
from core.specs.configs import TrainingLength
from core.specs.presets import PAPER, PRESETS, QUICK, fingerprint, has_noise_network, preset_for
from core.specs.protect import METHODS, METHODS_WITHOUT_SURROGATE, PRESET_NAMES, ProtectSpec
from core.version import CHECKPOINT_VERSION


def test_the_papers_cifar_settings() -> None:
    """Table 5, A.3.1, A.4."""
    recipe, schedule = PAPER.noise["rem"], PAPER.schedules["full"]
    assert (recipe.length.updates(40_000), recipe.length.batch) == (5_000, 128)
    assert [recipe.learning_rate.at(step, steps=5_000) for step in (0, 1_999, 2_000, 4_000)] == pytest.approx(
        [0.1, 0.1, 0.01, 0.001]
    )
    search = recipe.final
    assert (search.outer_steps, search.outer_step, search.samples) == (10, 1 / 5, 5)
    assert (search.inner_steps, search.inner_step) == (10, 1 / 5)
    assert (schedule.length.updates(40_000), schedule.attack_steps, schedule.attack_step) == (40_000, 10, 1 / 5)
    rates = [schedule.learning_rate.at(step, steps=40_000) for step in (15_999, 16_000, 32_000)]
    assert rates == pytest.approx([0.1, 0.01, 0.001])


def test_the_papers_imagenet_settings() -> None:
    recipe, schedule = preset_for("paper", 224).noise["rem"], preset_for("paper", 224).schedules["full"]
    assert recipe.length.updates(9) == 3_000
    assert recipe.learning_rate.at(1_200, steps=3_000) == pytest.approx(0.01)
    assert (recipe.final.outer_steps, recipe.final.outer_step, recipe.final.samples) == (7, 1 / 4, 4)
    assert (recipe.final.inner_steps, recipe.final.inner_step) == (10, 1 / 5)
    assert (schedule.attack_steps, schedule.attack_step) == (8, 1 / 4)


@pytest.mark.parametrize(("size", "steps"), [(32, 10), (224, 7)])
def test_the_papers_settings_of_em(size: int, steps: int) -> None:
    recipe = preset_for("paper", size).noise["em"]
    for search in (recipe.training, recipe.final):
        assert (search.outer_steps, search.outer_step) == (steps, 1 / 5)


def test_the_papers_settings_of_tap_and_ntga() -> None:
    """Table 5 and A.3.2."""
    small, large = PAPER, preset_for("paper", 224)
    searches = [preset.noise["tap"].final for preset in (small, large)]
    assert [(s.outer_steps, s.outer_step) for s in searches] == [(250, 1 / 125), (100, 1 / 50)]
    assert [(p.ntga.block_size, p.ntga.steps) for p in (small, large)] == [(4_000, 10), (100, 8)]
    assert [p.ntga.step for p in (small, large)] == pytest.approx([1.1 / 10, 1.1 / 8])


@pytest.mark.parametrize(("method", "passes"), [("rem", 550), ("sem", 50), ("em", 10), ("tap", 250)])
def test_passes_an_image_takes_by_the_paper(method: str, passes: int) -> None:
    """550 and 50 for the noise; the attack for the weights adds 11, which makes the 561 and 61 of a training step."""
    assert (
        objective_of(NoiseSetup(spec=ProtectSpec(method=method), preset=PAPER), PAPER.noise[method].final).passes
        == passes
    )


def test_every_preset_knows_every_method_and_amount() -> None:
    assert set(PRESETS) == set(PRESET_NAMES)
    for preset in PRESETS.values():
        assert {*preset.noise, *METHODS_WITHOUT_SURROGATE} == set(METHODS)
        assert set(preset.schedules) == {"quick", "full"}


def test_the_default_method() -> None:
    assert (QUICK.method, PAPER.method) == ("sem", "rem")


def test_updates_grow_with_the_data_between_their_bounds() -> None:
    length = TrainingLength(epochs=10, min_updates=50, max_updates=500)
    assert [length.updates(n) for n in (2, 128, 1_280, 50_000)] == [50, 50, 100, 500]


def test_quick_takes_eight_passes_over_a_set_within_bounds() -> None:
    """On small sets more updates gained nothing (benchmarks/training_cost.py); the shipped generators took 600."""
    length = QUICK.noise["sem"].length
    assert [length.updates(n) for n in (20, 800, 3_000, 10_000, 27_000)] == [100, 100, 187, 600, 600]


def test_only_what_was_measured_has_a_noise_network() -> None:
    """SEM by quick, and by instant, which is quick (benchmarks/noise_cost.py, benchmarks/generators.py)."""
    having = {
        (preset.name, method) for preset in PRESETS.values() for method, r in preset.noise.items() if r.network_length
    }
    assert having == {("quick", "sem"), ("instant", "sem")}
    assert has_noise_network("quick", None)
    assert not has_noise_network("quick", "ntga")
    assert not has_noise_network("paper", "sem")
    length = QUICK.noise["sem"].network_length
    assert length is not None
    assert [length.updates(n) for n in (20, 800, 3_000, 50_000)] == [300, 300, 468, 1_500]
    recipes = [preset.noise["sem"] for preset in (QUICK, PRESETS["instant"])]
    assert {(recipe.greyscale_share, recipe.greyscale_probability) for recipe in recipes} == {(0.3, 0.5)}


def test_the_fingerprint_changes_with_the_checkpoint_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint()
    monkeypatch.setattr("core.specs.presets.CHECKPOINT_VERSION", CHECKPOINT_VERSION - 1)
    assert fingerprint() != before
