"""Folders give class and split, with and without wrapper folders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ingest.class_layout import ImagePlacement, class_names, find_layout


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


def test_a_single_class_keeps_its_name() -> None:
    assert class_names(["cat/1.png", "cat/2.png"]) == ("cat",)
    assert class_names(["train/cat/1.png", "train/dog/2.png"]) == ("cat", "dog")


part = st.sampled_from(["cat", "dog", "train", "test", "val", "a", "b"])
trees = st.lists(st.lists(part, max_size=4), max_size=12)


@given(trees)
def test_labels_are_always_folders_of_the_path(tree: list[list[str]]) -> None:
    paths = ["/".join([*folders, f"{i}.png"]) for i, folders in enumerate(tree)]
    layout = find_layout(paths)
    for path in paths:
        place = layout.place(path)
        assert place.label is None or place.label in path.split("/")[:-1]
        assert (place.split is None) or layout.splits


@given(
    st.dictionaries(st.sampled_from("cdefgh"), st.integers(1, 3), min_size=2),
    st.lists(st.sampled_from("wxyz"), max_size=3),
)
def test_plain_class_folders_are_always_the_classes(counts: dict[str, int], wrappers: list[str]) -> None:
    paths = ["/".join([*wrappers, name, f"{i}.png"]) for name, count in counts.items() for i in range(count)]
    assert class_names(paths) == tuple(sorted(counts))
