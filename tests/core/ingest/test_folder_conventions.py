"""Conventions of datasets: what is a split, a container or a part is no class, so the noise is never tied to it."""

from pathlib import Path

import pytest

from core.ingest.class_layout import ImagePlacement
from core.ingest.folder_names import joined_split, split_of
from tests.support.label_uploads import images, layout_of

CLASSES = ("cat", "dog")


def tree(*folders: str, classes: tuple[str, ...] = CLASSES, count: int = 3) -> list[str]:
    """Images in each class folder of some folders."""
    return [f"{folder}/{name}/{n}.jpg" for folder in folders for name in classes for n in range(count)]


def flat(*folders: str, count: int = 3) -> list[str]:
    """Images in some folders."""
    return [f"{folder}/{n}.jpg" for folder in folders for n in range(count)]


SPLIT = {  # name: the images; all have the classes cat and dog
    "train with a flat test": tree("data/train") + flat("data/test", count=9),
    "dev and eval": tree("training_set", "dev", "eval"),
    "years": tree("train2017", "val2017"),
    "validation and holdout": tree("Train", "Validation", "hold-out"),
    "numbered": tree("01_train", "02_valid", "03_test"),
    "sets": tree("trainset", "testset"),
    "words around": tree("train_images", "test_images"),
    "words before": tree("images-train", "images-test"),
    "trainval": tree("trainval", "test"),
    "Chinese": tree("训练集", "测试集"),
    "containers inside": tree("ds/train/images", "ds/val/images"),
    "containers around": tree("ds/images/train", "ds/images/val"),
    "masks beside": tree("ds/images/train", "ds/images/val", "ds/masks/train", "ds/masks/val"),
    "one without test": tree("train", "extra"),
    "an unlabelled folder": tree("train", "test") + flat("unlabeled"),
    "a sample beside train": tree("train", count=9) + flat("sample", count=1),
    "parts": tree("fold1", "fold2", "fold3"),
    "domains": tree("amazon/images", "dslr/images", classes=(*CLASSES, "lamp", "mug")),
    "joined": flat("train_cat", "train_dog", "test_cat", "test_dog"),
    "joined at the end": flat("cat-train", "dog-train", "cat-test", "dog-test"),
    "inside the classes": [f"{name}/{split}/{n}.jpg" for name in CLASSES for split in ("train", "test") for n in "01"],
    "a stray beside": ["stray.jpg", *tree("ds/train", "ds/test")],
    "a stray in docs": ["docs/stray.jpg", *tree("ds/train", "ds/test")],
    "a stray in any folder": ["extra/stray.jpg", *tree("flowers", count=9)],
    "two wrappers": tree("a/b/train", "a/b/test"),
}
PLAIN = {  # name: the images, and the classes
    "numbered classes": (flat("class-0", "class-1"), {"class-0", "class-1"}),
    "numbered classes in a folder": (tree("ds", classes=("class_01", "class_02")), {"class_01", "class_02"}),
    "numbered categories": (flat("Category 1", "Category 2"), {"Category 1", "Category 2"}),
    "digits": (flat("0", "1", "2"), {"0", "1", "2"}),
    "words with numbers": (flat("001.ak47", "002.american-flag"), {"001.ak47", "002.american-flag"}),
    "synsets": (flat("n01440764", "n02102040"), {"n01440764", "n02102040"}),
    "subjects": (flat("s1", "s2", "s10"), {"s1", "s2", "s10"}),
    "labels with numbers": (flat("label_0", "label_1"), {"label_0", "label_1"}),
    "a train among vehicles": (flat("train", "bus"), {"train", "bus"}),
    "kinds of vehicles": (
        tree("train", classes=("ICE", "TGV")) + tree("bus", classes=("big", "small")),
        {"train", "bus"},
    ),
    "valid and invalid": (flat("valid", "invalid"), {"valid", "invalid"}),
    "test and control": (flat("test", "control"), {"test", "control"}),
    "views": (tree("apple", "pear", classes=("left", "right")), {"apple", "pear"}),
    "days inside": (tree("cat", "dog", classes=("2024-05-01", "2024-05-02", "2024-05-03")), {"cat", "dog"}),
    "numbers inside": (tree("cat", "dog", classes=("1", "2", "3", "4")), {"cat", "dog"}),
    "waste": (flat("glass", "trash", "paper"), {"glass", "trash", "paper"}),
    "fingers": (flat("thumb", "index"), {"thumb", "index"}),
}
ALBUMS = {
    "flat splits": flat("ds/images/train", "ds/images/val"),
    "flat splits with containers": flat("train/images", "valid/images"),
    "images and masks": flat("images", "masks"),
}


@pytest.mark.parametrize("paths", SPLIT.values(), ids=SPLIT)
def test_splits_and_parts_are_no_classes(tmp_path: Path, paths: list[str]) -> None:
    layout = layout_of(tmp_path, images(*paths))
    labels = {placement.label for placement in layout.placements.values()} - {"(no label)"}
    assert {"cat", "dog"} <= labels <= {"cat", "dog", "lamp", "mug"}
    assert layout.reading.kind in ("splits", "classes")


@pytest.mark.parametrize(("paths", "classes"), PLAIN.values(), ids=PLAIN)
def test_classes_with_the_names_of_splits_stay_classes(tmp_path: Path, paths: list[str], classes: set[str]) -> None:
    layout = layout_of(tmp_path, images(*paths))
    assert {placement.label for placement in layout.placements.values()} == classes


@pytest.mark.parametrize("paths", ALBUMS.values(), ids=ALBUMS)
def test_folders_without_class_folders_are_one_album(tmp_path: Path, paths: list[str]) -> None:
    layout = layout_of(tmp_path, images(*paths))
    assert layout.reading.kind == "album"
    assert len({placement.label for placement in layout.placements.values()}) == 1


def test_the_images_of_a_flat_test_have_no_class(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, images(*SPLIT["train with a flat test"]))
    assert layout.placements["data/train/cat/0.jpg"] == ImagePlacement("cat", "train")
    assert layout.placements["data/test/0.jpg"] == ImagePlacement("(no label)", "test")
    assert "without class folders" in layout.reading.questions[0].question


@pytest.mark.parametrize(
    ("path", "split"),
    [("test_cat/0.jpg", "test"), ("train_dog/0.jpg", "train")],
)
def test_a_folder_that_names_both_gives_the_split(tmp_path: Path, path: str, split: str) -> None:
    layout = layout_of(tmp_path, images(*SPLIT["joined"]))
    assert layout.placements[path].split == split


def test_splits_inside_the_classes_are_used(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, images(*SPLIT["inside the classes"]))
    assert layout.placements["dog/test/0.jpg"] == ImagePlacement("dog", "test")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *[(name, "train") for name in ("train", "TRAIN", "training_set", "train2017", "x_train", "trainImages")],
        *[(name, "test") for name in ("dev", "eval", "val_256", "Holdout", "held-out", "test1", "validation set")],
        *[(name, None) for name in ("train_cat", "testing ground", "traintest", "", "42", "bus", "images", "attest")],
    ],
)
def test_the_split_that_a_name_states(name: str, split: str | None) -> None:
    assert split_of(name) == split


def test_a_joined_name_has_both_parts() -> None:
    assert joined_split("train_golden_retriever") == ("train", "golden_retriever")
    assert joined_split("cat test") == ("test", "cat")
    assert joined_split("golden_retriever") is None


def test_a_deep_tree_takes_little_time(tmp_path: Path) -> None:
    deep = "/".join(["d"] * 30)
    layout = layout_of(tmp_path, images(*(f"{deep}/{n}/{n}.jpg" for n in range(50))))
    assert len(layout.placements) == 50


def test_any_folders_can_be_said_to_be_splits(tmp_path: Path) -> None:
    paths = tree("apple", "pear", classes=("left", "right"))
    layout = layout_of(tmp_path, images(*paths), "splits")
    assert {placement.label for placement in layout.placements.values()} == {"left", "right"}
