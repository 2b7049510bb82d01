"""Folders give class and split, with and without wrapper folders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ingest.class_layout import ImagePlacement, album_reason, find_layout


@pytest.mark.parametrize("wrapper", ["", "data/", "my/data/"])
@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ({"cat/1.png", "dog/1.png"}, {"cat/1.png": ("cat", None), "dog/1.png": ("dog", None)}),
        ({"cat/a/1.png", "dog/b/c/1.png"}, {"cat/a/1.png": ("cat", None), "dog/b/c/1.png": ("dog", None)}),
        (
            {"train/cat/1.png", "train/dog/1.png", "val/cat/2.png"},
            {"train/cat/1.png": ("cat", "train"), "val/cat/2.png": ("cat", "test")},
        ),
        (
            {"Train/cat/1.png", "TEST/dog/x/1.png"},
            {"Train/cat/1.png": ("cat", "train"), "TEST/dog/x/1.png": ("dog", "test")},
        ),
        ({"train/1.png", "bus/1.png"}, {"train/1.png": ("train", None), "bus/1.png": ("bus", None)}),
        ({"train/1.png", "test/1.png"}, {"train/1.png": ("train", None), "test/1.png": ("test", None)}),
        ({"cat/1.png", "dog/1.png", "stray.png"}, {"stray.png": (None, None), "cat/1.png": ("cat", None)}),
        (
            {"train/cat/1.png", "test/cat/1.png", "samples/1.png"},
            {"train/cat/1.png": ("cat", "train"), "samples/1.png": (None, None)},
        ),
    ],
)
def test_class_and_split_of_a_folder_tree(
    paths: set[str], expected: dict[str, tuple[str | None, str | None]], wrapper: str
) -> None:
    layout = find_layout(wrapper + path for path in paths)
    assert {path: layout.place(wrapper + path) for path in expected} == {
        p: ImagePlacement(*place) for p, place in expected.items()
    }  # type: ignore[arg-type]


def class_names(paths: list[str]) -> list[str | None]:
    layout = find_layout(paths)
    return sorted({layout.place(path).label for path in paths} - {None})


def test_a_single_class_keeps_its_name() -> None:
    assert class_names(["cat/1.png", "cat/2.png"]) == ["cat"]
    assert class_names(["train/cat/1.png", "train/dog/2.png"]) == ["cat", "dog"]


def test_a_loose_image_beside_the_wrapper_does_not_hide_the_classes() -> None:
    assert class_names(["preview.png", "data/cat/1.png", "data/dog/1.png"]) == ["cat", "dog"]


ALBUMS = {
    "no folders": ["a.jpg", "b.jpg", "c.jpg"],
    "one folder": ["holiday/a.jpg", "holiday/b.jpg"],
    "mostly loose": ["a.jpg", "b.jpg", "c.jpg", "edited/a.jpg"],
    "days": [f"2024/2024-05-{day}/{n}.jpg" for day in (12, 13) for n in range(3)],
    "years": [f"{year}/{n}.jpg" for year in (2021, 2022, 2023) for n in range(3)],
    "days with words": [f"2024-05-{day} Lisbon/{n}.jpg" for day in (12, 13) for n in range(3)],
    "a camera's card": [f"DCIM/{folder}/{n}.jpg" for folder in ("100APPLE", "101APPLE") for n in range(3)],
    "a phone": [
        f"Internal storage/{folder}/{n}.jpg"
        for folder in ("DCIM/Camera", "WhatsApp/Media/WhatsApp Images", "Pictures/Screenshots", "Grandma")
        for n in range(3)
    ],
    "two phones": [f"{who}/DCIM/100APPLE/{n}.jpg" for who in ("Ann", "Bob") for n in range(3)],
    "splits without classes": [f"{split}/{n}.jpg" for split in ("train", "test") for n in range(3)],
    "numbered parts": [f"part{part}/{n}.jpg" for part in (1, 2) for n in range(3)],
    "single images": [f"{name}/1.jpg" for name in ("lake", "house", "dog")],
}
CLASSES = {
    "plain": [f"{name}/{n}.jpg" for name in ("cat", "dog") for n in range(2)],
    "digits": [f"{digit}/{n}.png" for digit in range(10) for n in range(2)],
    "one date among names": [f"{name}/{n}.jpg" for name in ("cat", "dog", "2024-05-12") for n in range(2)],
    "a camera among things": [f"{name}/{n}.jpg" for name in ("anchor", "camera", "chair", "lamp") for n in range(2)],
    "days inside the classes": [f"{name}/2024-05-1{n}/a.jpg" for name in ("cat", "dog") for n in range(2)],
    "few loose images": ["a.jpg", *[f"{name}/{n}.jpg" for name in ("cat", "dog") for n in range(2)]],
    "splits": [f"{split}/{name}/{n}.jpg" for split in ("train", "test") for name in ("cat", "dog") for n in range(2)],
}


@pytest.mark.parametrize("paths", ALBUMS.values(), ids=ALBUMS)
def test_folders_that_name_no_classes_are_an_album_with_a_reason(paths: list[str]) -> None:
    reason = album_reason(paths, find_layout(paths))
    assert reason is not None
    assert reason.endswith(".")


@pytest.mark.parametrize("paths", CLASSES.values(), ids=CLASSES)
def test_folders_that_name_classes_are_no_album(paths: list[str]) -> None:
    assert album_reason(paths, find_layout(paths)) is None


part = st.sampled_from(["cat", "dog", "train", "test", "val", "a", "b"])
trees = st.lists(st.lists(part, max_size=4), max_size=12)


@given(trees)
def test_labels_are_always_folders_of_the_path(tree: list[list[str]]) -> None:
    paths = ["/".join([*folders, f"{i}.png"]) for i, folders in enumerate(tree)]
    layout = find_layout(paths)
    for path in paths:
        place = layout.place(path)
        assert place.label is None or place.label in path.split("/")[:-1]
        assert (place.split is None) or layout.groups or layout.inner_splits or layout.joined_splits


@given(
    st.dictionaries(st.sampled_from("cdefgh"), st.integers(2, 3), min_size=2),
    st.lists(st.sampled_from("wxyz"), max_size=3),
)
def test_plain_class_folders_are_always_the_classes(counts: dict[str, int], wrappers: list[str]) -> None:
    paths = ["/".join([*wrappers, name, f"{i}.png"]) for name, count in counts.items() for i in range(count)]
    assert class_names(paths) == sorted(counts)
    assert album_reason(paths, find_layout(paths)) is None
