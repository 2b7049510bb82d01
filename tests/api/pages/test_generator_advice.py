"""Which generator the page recommends: the one that the preset `instant` chooses."""

from dataclasses import replace

import pytest

from api.pages.generator_advice import advice_for
from core.errors import BadInput
from core.generators.secret_vectors import MIN_ROTATED
from core.generators.shipped import ShippedGenerator, select_shipped_generator, shipped_generators
from store import models as m

SHIPPED = shipped_generators()


def chosen_files() -> set[str]:
    """The generators that `instant` chooses for some images."""
    found = set()
    for size in (32, 64):
        for classes in (2, *(one.card.classes for one in SHIPPED)):
            try:
                found.add(select_shipped_generator(channels=3, size=size, classes=classes).file.stem)
            except BadInput:
                continue
    return found


@pytest.mark.parametrize("one", SHIPPED, ids=lambda one: one.file.stem)
def test_those_that_instant_chooses_are_recommended(one: ShippedGenerator) -> None:
    advice = advice_for(m.Generator(id=one.file.stem), one.card)
    assert advice.recommended == (one.file.stem in chosen_files())
    assert f"{one.card.classes:,} classes" in " ".join(advice.sentences)


def test_one_whose_noise_everyone_can_compute_says_so() -> None:
    [one] = [one for one in SHIPPED if one.card.classes < MIN_ROTATED]
    advice = advice_for(m.Generator(id=one.file.stem), one.card)
    assert not advice.recommended
    assert "too few classes for a secret key" in advice.sentences[0]


def test_none_is_recommended_for_photographs_which_get_textures() -> None:
    one = select_shipped_generator(channels=3, size=64, classes=2)
    text = " ".join(advice_for(m.Generator(id=one.file.stem), one.card).sentences)
    assert text.startswith("Take it for images of 64 px in ")


def test_one_that_was_trained_here_is_for_similar_images() -> None:
    card = replace(SHIPPED[0].card, size=48, channels=1, class_names=("a", "b", "c"))
    advice = advice_for(m.Generator(id=SHIPPED[0].file.stem, job_id="a job"), card)
    assert not advice.recommended
    text = " ".join(advice.sentences)
    assert "resemble" in text
    assert "48 px and more, and only greyscale ones, in at most 3 classes" in text
