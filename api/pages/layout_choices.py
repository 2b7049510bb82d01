"""What the page of a dataset asks about the folders of its upload."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from api.pages.forms.fields import Option
from api.pages.labels import LAYOUT_NAMES
from store import models as m

LEAVE_OUT, KEEP = "leave_out", "keep"
LAYOUT_HINTS = {
    "classes": "Each folder is one class.",
    "splits": "The folders are for training, testing or parts; the classes are the folders inside.",
    "album": "The folders mean nothing; all images get noise of one kind.",
    "labels": "A file beside the images says their classes.",
}


@dataclass(frozen=True, slots=True)
class FolderChoice:
    """A folder that can be left out, and whether it is."""

    path: str
    is_left_out: bool


def layout_options(dataset: m.Dataset) -> list[Option]:
    """List the layouts that a person may choose, the understood one first; empty if nothing is in doubt.

    Args:
        dataset: A dataset.
    """
    for question in _questions(dataset):
        if question["understood"] not in (LEAVE_OUT, KEEP):
            counts = {choice["layout"]: choice["classes"] for choice in dataset.layout["choices"]}
            others = [option for option in question["options"] if option != question["understood"]]
            understood = _option("auto", question["understood"], counts)
            return [understood, *(_option(other, other, counts) for other in others)]
    return []


def _option(value: str, layout: str, counts: dict[str, int]) -> Option:
    name = LAYOUT_NAMES[layout]
    classes = "" if layout == "album" else f" ({counts[layout]:,} {'class' if counts[layout] == 1 else 'classes'})"
    label = f"As understood: {name}" if value == "auto" else f"{name[0].upper()}{name[1:]}"
    return Option(value, label + classes, LAYOUT_HINTS[layout])


def folder_choices(dataset: m.Dataset, requested: list[str] | None) -> list[FolderChoice]:
    """List the folders that can be left out.

    Args:
        dataset: A dataset.
        requested: The folders that were chosen in the form; None for those that are left out by default.
    """
    by_default = set(left_out_by_default(dataset))
    chosen = by_default if requested is None else set(requested)
    folders = dict.fromkeys(folder for question in _questions(dataset) for folder in question["folders"])
    return [FolderChoice(folder, folder in chosen) for folder in folders]


def left_out_by_default(dataset: m.Dataset) -> list[str]:
    """List the folders whose images are left out unless a person chooses otherwise.

    Args:
        dataset: A dataset.
    """
    return [
        folder
        for question in _questions(dataset)
        if question["understood"] == LEAVE_OUT
        for folder in question["folders"]
    ]


def _questions(dataset: m.Dataset) -> Iterator[dict[str, Any]]:
    yield from dataset.layout.get("questions", ())
