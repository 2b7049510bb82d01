"""COCO and YOLO: the class that fills most of an image counts."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.ingest.class_layout import ImagePlacement
from core.ingest.labels import label_file, read
from core.ingest.labels import yolo as yolo_reader
from tests.support.label_uploads import images, labels_of, layout_of, problems_of

FOUR = images(*(f"images/{n}.jpg" for n in range(4)))


def coco(**changes: Any) -> str:
    """Image 0 has a large dog and a small person, 1 a person, 2 a dog, 3 nothing."""
    objects = [(0, 1, 20), (0, 2, 500), (1, 1, 9), (2, 2, 9)]
    data: dict[str, Any] = {
        "images": [{"id": n, "file_name": f"{n}.jpg"} for n in range(4)],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}],
        "annotations": [{"image_id": n, "category_id": c, "area": area} for n, c, area in objects],
    }
    return json.dumps(data | changes)


def test_coco_gives_the_class_that_fills_most_of_an_image(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, FOUR | {"annotations/instances.json": coco()})
    assert labels_of(layout) == {
        "images/0.jpg": "dog", "images/1.jpg": "person", "images/2.jpg": "dog", "images/3.jpg": "(no label)",
    }  # fmt: skip
    assert any("1 of 4 images have several labels" in note for note in layout.reading.notes)


def test_labels_beyond_the_maximum_are_not_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (label_file, read, yolo_reader):
        monkeypatch.setattr(module, "MAX_ENTRIES", 6)
    lines = "\n".join('{"file_name": "0.jpg", "labels": ["a", "a", "a", "a"]}' for _ in range(2))
    layout = layout_of(tmp_path / "a", FOUR | {"a.jsonl": lines, "coco.json": coco()})
    assert labels_of(layout)["images/0.jpg"] == "dog"  # the small file is read all the same
    assert [text for _, _, text in problems_of(layout) if "too many labels" in text]
    objects = {f"images/{n}.txt": "0 0.5 0.5 0.1 0.1\n" * 3 for n in range(4)}
    layout = layout_of(tmp_path / "b", FOUR | objects, "labels")
    assert [labels_of(layout)[f"images/{n}.jpg"] for n in range(4)] == ["0", "0", "(no label)", "(no label)"]
    assert [text for _, _, text in problems_of(layout) if "more than 6 objects" in text]


def test_coco_without_areas_uses_the_boxes(tmp_path: Path) -> None:
    boxes = [{"image_id": n, "category_id": 1 + n % 2, "bbox": [0, 0, 3, 3]} for n in range(4)]
    boxes.append({"image_id": 0, "category_id": 2, "bbox": [0, 0, 5, 10**400]})
    layout = layout_of(tmp_path, FOUR | {"coco.json": coco(annotations=boxes)})
    assert [labels_of(layout)[f"images/{n}.jpg"] for n in range(4)] == ["person", "dog", "person", "dog"]


def test_the_split_of_coco_is_in_the_name_of_the_file(tmp_path: Path) -> None:
    second = images(*(f"val2017/{n}.jpg" for n in range(4)))
    files = {name.replace("images", "train2017"): data for name, data in FOUR.items()} | second
    files |= {f"annotations/instances_{split}2017.json": coco().encode() for split in ("train", "val")}
    assert layout_of(tmp_path, files).placements["val2017/1.jpg"] == ImagePlacement("person", "test")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"images": [*({"id": n, "file_name": f"{n}.jpg"} for n in range(4)), {"id": 9, "file_name": "9.jpg"}]},
            "9.jpg",
        ),
        ({"images": [*({"id": n, "file_name": f"{n}.jpg"} for n in range(4)), {"file_name": 3}]}, "images[4]"),
        ({"annotations": [{"image_id": n, "category_id": 1 + n} for n in range(4)]}, "annotations[2]"),
        ({"annotations": [{"image_id": n + 2, "category_id": 1} for n in range(4)]}, "annotations[2]"),
    ],
)
def test_what_is_wrong_in_coco_is_a_problem(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    layout = layout_of(tmp_path, FOUR | {"coco.json": coco(**changes)}, "labels")
    assert any(problem in text for *_, text in problems_of(layout))


@pytest.mark.parametrize("content", ["{", "[" * 200_000, '{"images": 7', "nonsense"])
def test_a_broken_annotation_file_is_a_problem(tmp_path: Path, content: str) -> None:
    layout = layout_of(tmp_path, FOUR | {"annotations.json": content})
    assert layout.reading.kind == "album"
    assert "It is no JSON" in problems_of(layout)[0][2]


@pytest.mark.parametrize("content", ['{"images": [1, null, []]}', '{"images": [], "annotations": 7}', "[]", "7"])
def test_strange_annotation_files_do_no_harm(tmp_path: Path, content: str) -> None:
    assert layout_of(tmp_path, FOUR | {"annotations.json": content}).reading.kind == "album"


def yolo(names: dict[str, str]) -> dict[str, bytes | str]:
    objects = {0: "0 .5 .5 .9 .9\n1 .5 .5 .1 .1\n", 1: "1 0.5 0.5 0.2 0.2\n", 2: "0 0.1 0.1 0.9 0.1 0.9 0.9\n", 3: ""}
    return FOUR | {f"labels/{n}.txt": text for n, text in objects.items()} | names


@pytest.mark.parametrize(
    "names",
    [
        {"data.yaml": "train: images\nnames: [car, bus]\n"},
        {"data.yaml": "names:\n  0: car\n  1: bus\n"},
        {"classes.txt": "car\nbus\n"},
    ],
)
def test_yolo_gives_the_class_that_fills_most_of_an_image(tmp_path: Path, names: dict[str, str]) -> None:
    layout = layout_of(tmp_path, yolo(names))
    assert labels_of(layout) == {
        "images/0.jpg": "car", "images/1.jpg": "bus", "images/2.jpg": "car", "images/3.jpg": "(no label)",
    }  # fmt: skip
    assert {file.path for file in layout.label_files} >= {*names, "labels/0.txt", "labels/3.txt"}


def test_lists_say_the_splits_of_yolo(tmp_path: Path) -> None:
    lists = {"train.txt": "data/images/0.jpg\ndata/images/2.jpg\n", "test.txt": "data/images/1.jpg\n"}
    layout = layout_of(tmp_path, yolo({"obj.names": "car\nbus\n"} | lists))
    assert {path: placement.split for path, placement in layout.placements.items()} == {
        "images/0.jpg": "train", "images/1.jpg": "test", "images/2.jpg": "train", "images/3.jpg": None,
    }  # fmt: skip
    assert "a split for testing" in layout.reading.reason


def test_yolo_beside_the_images_without_names(tmp_path: Path) -> None:
    files = images("0.jpg", "1.jpg") | {"0.txt": b"3 .5 .5 .1 .1", "1.txt": b"4 .5 .5 .1 .1 0.98"}
    assert labels_of(layout_of(tmp_path, files)) == {"0.jpg": "3", "1.jpg": "4"}


def test_what_is_wrong_in_yolo_is_a_problem(tmp_path: Path) -> None:
    wrong = {"labels/3.txt": "car .5 .5 .1 .1\n7 .5 .5 .1 .1\n", "data.yaml": "names: [car, bus]"}
    problems = problems_of(layout_of(tmp_path, yolo(wrong)))
    assert [(path, line) for path, line, _ in problems] == [("labels/3.txt", 1), ("labels/3.txt", 2)]


@pytest.mark.parametrize("content", ['{"0.jpg": "car"}', '[{"file_name": "0.jpg", "label": "car"}]', "7"])
def test_json_with_labels_in_another_form_is_a_problem(tmp_path: Path, content: str) -> None:
    [(path, _, text)] = problems_of(layout_of(tmp_path, FOUR | {"train_labels.json": content}))
    assert (path, "neither COCO annotations nor a .jsonl" in text) == ("train_labels.json", True)


def test_json_that_promises_no_labels_is_no_problem(tmp_path: Path) -> None:
    assert problems_of(layout_of(tmp_path, FOUR | {"metadata.json": '{"title": "Trip"}', "a.json": "[]"})) == []


@pytest.mark.parametrize("content", ["names: [", "a: &a {b: 1}\nnames: {<<: *a}", "names: 7", "[1, 2]"])
def test_a_data_yaml_that_cannot_be_read_leaves_numbers(tmp_path: Path, content: str) -> None:
    assert labels_of(layout_of(tmp_path, yolo({"data.yaml": content})))["images/1.jpg"] == "1"


def test_captions_beside_the_images_are_no_yolo(tmp_path: Path) -> None:
    files = images("0.jpg", "1.jpg") | {"0.txt": b"a photo of a cat", "1.txt": b"2 dogs"}
    assert layout_of(tmp_path, files).reading.kind == "album"
