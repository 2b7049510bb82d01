"""A class that two splits write differently is one class; labels that differ within one split are not."""

import unicodedata
from pathlib import Path

import pytest

from tests.support.label_uploads import images, labels_of, layout_of

COMPOSED, DECOMPOSED = "café", unicodedata.normalize("NFD", "café")


@pytest.mark.parametrize(
    ("first", "second"),
    [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), ("Dog", "dog"), ("hot dog", "hot_dog"), ("Ω", "ω"), ("İz", "i̇z")],
)
def test_one_class_in_two_splits_is_one_with_the_spelling_of_the_first(tmp_path: Path, first: str, second: str) -> None:
    files = images(*(f"train/{name}/{n}.jpg" for name in (first, "cat") for n in "01"), f"test/{second}/2.jpg")
    layout = layout_of(tmp_path, files | images("test/cat/2.jpg"))
    assert set(labels_of(layout).values()) == {first, "cat"}
    assert any("written in two ways" in note for note in layout.reading.notes)


def test_parts_without_a_split_count_too(tmp_path: Path) -> None:
    files = images(
        *(f"fold{n}/{name}/0.jpg" for n, names in ((1, ("Cat", "dog")), (2, ("cat", "Dog"))) for name in names)
    )
    assert set(labels_of(layout_of(tmp_path, files)).values()) == {"Cat", "dog"}


def test_letters_in_a_label_file_stay_apart(tmp_path: Path) -> None:
    table = "file,label,split\n" + "".join(f"{n}.jpg,{'aA'[n % 2]},train\n" for n in range(8))
    files = images(*(f"{n}.jpg" for n in range(8))) | {"labels.csv": table}
    assert set(labels_of(layout_of(tmp_path, files)).values()) == {"a", "A"}


def test_the_unicode_form_in_a_label_file_does_not_matter(tmp_path: Path) -> None:
    names = (COMPOSED, DECOMPOSED, "tea")
    table = "file,label\n" + "".join(f"{n}.jpg,{names[n % 3]}\n" for n in range(9))
    files = images(*(f"{n}.jpg" for n in range(9))) | {"labels.csv": table}
    assert set(labels_of(layout_of(tmp_path, files)).values()) == {COMPOSED, "tea"}
