"""What is understood of an upload: album, class folders, splits or label files; and what can be chosen in its place."""

from pathlib import Path

import pytest

from core.errors import BadInput
from core.ingest.class_layout import ImagePlacement
from tests.support.label_uploads import images, labels_of, layout_of

CATS_AND_DOGS = images("cat/0.jpg", "cat/1.jpg", "dog/0.jpg", "dog/1.jpg")
LABELS = "file,label\n0.jpg,cat\n1.jpg,dog\n2.jpg,cat\n"


def test_loose_images_are_an_album_with_the_name_of_the_dataset(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, images("a.jpg", "b.jpg"))
    assert layout.reading.kind == "album"
    assert layout.reading.reason == (
        "The images lie side by side, in no folders. So all images are one album, and all get noise of one kind."
    )
    assert set(layout.placements.values()) == {ImagePlacement("things", None)}


def test_an_album_takes_the_name_of_its_folder_but_not_a_date(tmp_path: Path) -> None:
    files = images(
        "Lisbon/2024-05-12/0.jpg", "Lisbon/2024-05-12/1.jpg", "Lisbon/2024-05-13/0.jpg", "Lisbon/2024-05-13/1.jpg"
    )
    assert set(labels_of(layout_of(tmp_path / "a", files)).values()) == {"Lisbon"}
    assert set(labels_of(layout_of(tmp_path / "b", images("2024/0.jpg", "2024/1.jpg"))).values()) == {"things"}


def test_class_folders_are_told_and_a_stray_image_stays(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, CATS_AND_DOGS | images("stray.jpg"))
    assert (layout.reading.kind, layout.reading.reason) == ("classes", "Each folder is one class. There are 2 classes.")
    assert labels_of(layout)["stray.jpg"] == "(no label)"
    assert "1 of 5 images have no label, such as “stray.jpg”" in layout.reading.notes[0]


def test_splits_are_told(tmp_path: Path) -> None:
    files = images("train/cat/0.jpg", "train/dog/0.jpg", "val/cat/1.jpg", "val/dog/1.jpg")
    layout = layout_of(tmp_path, files)
    assert layout.reading.kind == "splits"
    assert layout.placements["val/dog/1.jpg"] == ImagePlacement("dog", "test")


def test_labels_are_preferred_to_folders(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, images("0.jpg", "1.jpg", "2.jpg") | {"labels.csv": LABELS})
    assert layout.reading.kind == "labels"
    assert labels_of(layout) == {"0.jpg": "cat", "1.jpg": "dog", "2.jpg": "cat"}


@pytest.mark.parametrize(
    ("name", "content"), [("labels.csv", LABELS), ("coco.json", "{"), ("metadata.jsonl", '{"file_name": "0.jpg"')]
)
def test_labels_of_other_images_are_told(tmp_path: Path, name: str, content: str) -> None:
    reading = layout_of(tmp_path, images("x.jpg", "y.jpg") | {name: content}).reading
    assert reading.kind == "album"
    assert f"“{name}” gives no image of the upload a class; what is wrong with it is listed." in reading.notes
    assert [c.problem for c in reading.choices if c.layout == "labels"] == [
        f"“{name}” gives no image of the upload a class."
    ]


@pytest.mark.parametrize(
    ("table", "doubt"),
    [
        ("file,label\n0.jpg,cat\n1.jpg,dog\n", "label only 2 of 6"),
        ("file,label\n" + "".join(f"{n}.jpg,cat\n" for n in range(6)), "one class only"),
        ("file,label\n" + "".join(f"{n}.jpg,name {n}\n" for n in range(6)), "nearly every image has another"),
    ],
)
def test_labels_that_say_too_little_are_not_used_and_a_note_says_why(tmp_path: Path, table: str, doubt: str) -> None:
    files = images(*(f"{n}.jpg" for n in range(6))) | {"labels.csv": table}
    layout = layout_of(tmp_path, files)
    assert layout.reading.kind == "album"
    assert doubt in layout.reading.notes[0]
    assert layout_of(tmp_path, files, "labels").reading.kind == "labels"


def test_every_layout_can_be_asked_for(tmp_path: Path) -> None:
    files = images(*(f"{split}/{name}/{n}.jpg" for split in ("train", "test") for name in "ab" for n in range(2)))
    table = "file,label\n" + "".join(f"{path},{path[-5]}\n" for path in files)
    files |= {"labels.csv": table}
    classes = {
        kind: {*labels_of(layout_of(tmp_path, files, kind)).values()}
        for kind in ("classes", "splits", "album", "labels")
    }
    assert classes == {"classes": {"train", "test"}, "splits": {"a", "b"}, "album": {"things"}, "labels": {"0", "1"}}
    choices = layout_of(tmp_path, files).reading.choices
    assert {choice.layout: choice.classes for choice in choices} == {"classes": 2, "splits": 2, "labels": 2, "album": 1}


@pytest.mark.parametrize(
    ("kind", "reason"), [("classes", "No image lies in a folder"), ("splits", "no folders"), ("labels", "No file")]
)
def test_a_layout_that_does_not_fit_is_refused_in_plain_words(tmp_path: Path, kind: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason) as refused:
        layout_of(tmp_path, images("a.jpg", "b.jpg"), kind)
    assert "Choose another one: auto, album." in refused.value.reason


def test_a_single_image_is_an_album_of_one(tmp_path: Path) -> None:
    assert layout_of(tmp_path, images("x/y/z.png")).reading.reason == "There is one image. It is an album of one."
