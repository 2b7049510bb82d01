"""Where folder names leave a doubt the dataset says what was understood, and what can be chosen in its place."""

from pathlib import Path

import pytest

from core.errors import BadInput
from tests.support.label_uploads import images, labels_of, layout_of

CATS_AND_DOGS = tuple(f"{name}/{n}.jpg" for name in ("cat", "dog") for n in range(3))


def questions(root: Path, *paths: str) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(q.question, q.understood, q.options) for q in layout_of(root, images(*paths)).reading.questions]


def test_nothing_is_asked_about_plain_classes(tmp_path: Path) -> None:
    assert questions(tmp_path, *CATS_AND_DOGS) == []


def test_splits_are_named(tmp_path: Path) -> None:
    paths = [f"{split}/{path}" for split in ("train", "val", "test") for path in CATS_AND_DOGS]
    [(text, understood, options)] = questions(tmp_path, *paths)
    assert text == "These 3 folders look like splits: “test”, “train”, “val”."
    assert (understood, options) == ("splits", ("splits", "classes", "album"))


@pytest.mark.parametrize(
    ("paths", "text", "understood"),
    [
        (("train/1.jpg", "train/2.jpg", "bus/1.jpg", "bus/2.jpg"), "“train” looks like a split, but", "classes"),
        (("train/1.jpg", "train/2.jpg", "val/1.jpg", "val/2.jpg"), "no class folders in them", "album"),
        (tuple(f"{a}/{b}/{n}.jpg" for a in "xy" for b in "lr" for n in "01"), "same folders lie in each", "classes"),
        ((*CATS_AND_DOGS, "2023-05-01/1.jpg", "2023-05-01/2.jpg"), "“2023-05-01” looks like a part of", "classes"),
        (("2023/1.jpg", "2023/2.jpg", "2024/1.jpg", "2024/2.jpg"), "parts of an album", "album"),
        (("docs/1.jpg", *(f"ds/{path}" for path in CATS_AND_DOGS), *(f"ds/rat/{n}.jpg" for n in "0123456")),
         "“docs” looks like no part of the dataset", "keep"),
    ],
)  # fmt: skip
def test_each_doubt_is_a_question(tmp_path: Path, paths: tuple[str, ...], text: str, understood: str) -> None:
    found = questions(tmp_path, *paths)
    assert [one for one in found if text in one[0] and one[1] == understood]


LEFT_OUT = ("thumbs/1.jpg", "cat/thumbnails/2.jpg", "Trash/1.jpg", "cache/1.jpg", "image_cache/1.jpg")


def test_thumbnails_caches_and_trash_are_left_out_unless_they_are_asked_for(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / "a", images(*CATS_AND_DOGS, *CATS_AND_DOGS, *LEFT_OUT))
    assert {*layout.left_out} == {*LEFT_OUT}
    assert layout.left_out["thumbs/1.jpg"] == "“thumbs” looks like thumbnails"
    assert {*labels_of(layout).values()} == {"cat", "dog"}
    assert {question.understood for question in layout.reading.questions} == {"leave_out"}
    unchanged = layout_of(tmp_path / "b", images(*CATS_AND_DOGS, *LEFT_OUT), leave_out=())
    assert not unchanged.left_out
    assert "thumbs/1.jpg" in labels_of(unchanged)
    assert "leave_out" not in {question.understood for question in unchanged.reading.questions}


def test_named_folders_are_left_out(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, images(*CATS_AND_DOGS, "docs/1.jpg"), leave_out=("docs/", "CAT"))
    assert {*layout.placements} == {path for path in CATS_AND_DOGS if path.startswith("dog")}
    assert layout.left_out["docs/1.jpg"] == "“docs” was to be left out"


@pytest.mark.parametrize(
    ("leave_out", "reason"), [(("bird",), "No image lies in “bird”"), (("cat", "dog"), "All images")]
)
def test_what_cannot_be_left_out_is_refused(tmp_path: Path, leave_out: tuple[str, ...], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        layout_of(tmp_path, images(*CATS_AND_DOGS), leave_out=leave_out)


def test_a_dataset_that_lies_in_such_a_folder_is_not_left_out(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, images(*(f"tmp/{path}" for path in CATS_AND_DOGS), "stray.jpg"))
    assert not layout.left_out
    assert {*labels_of(layout).values()} == {"cat", "dog", "(no label)"}
