"""Codes of classes: distinct, far apart, and known only by the key."""

from itertools import combinations

import numpy as np
import pytest

from core.imaging.texture_codebook import BANDWIDTH, KEY_BYTES, TextureCodebook, texture_cells

KEY, OTHER = bytes(range(KEY_BYTES)), bytes(KEY_BYTES)


@pytest.mark.parametrize("classes", [1, 2, 10, 15, 16, 100, 101, 1_000])
def test_every_class_has_its_own_code(classes: int) -> None:
    codes = TextureCodebook(classes, KEY).codes
    assert len(codes) == classes == len(set(codes))
    assert len({len(code) for code in codes}) == 1


def test_few_classes_have_one_cell_each_and_more_have_sets() -> None:
    cells = len(texture_cells())
    assert {len(code) for code in TextureCodebook(cells, KEY).codes} == {1}
    assert {len(code) for code in TextureCodebook(cells + 1, KEY).codes} == {2}


def test_few_classes_are_far_apart() -> None:
    for key in (KEY, OTHER, b"k" * KEY_BYTES):
        places = [
            np.array([cell.frequency * np.cos(cell.angle), cell.frequency * np.sin(cell.angle)])
            for (cell,) in TextureCodebook(4, key).codes
        ]
        assert min(np.linalg.norm(a - b) for a, b in combinations(places, 2)) > 3 * BANDWIDTH


def test_the_same_key_gives_the_same_and_another_key_gives_another() -> None:
    assert TextureCodebook(10, KEY).codes == TextureCodebook(10, KEY).codes
    assert TextureCodebook(10, KEY).codes != TextureCodebook(10, OTHER).codes
    seeds = {TextureCodebook(10, key).image_seed(number) for key in (KEY, OTHER) for number in range(50)}
    assert len(seeds) == 100


def test_the_key_is_not_shown() -> None:
    assert repr(TextureCodebook(3, KEY)) == "TextureCodebook(classes=3)"


def test_no_orientation_is_the_mirror_image_of_another() -> None:
    assert all(0 <= cell.angle <= np.pi / 2 + 1e-9 for cell in texture_cells())
