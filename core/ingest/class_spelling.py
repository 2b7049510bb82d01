"""Classes that are written differently in several splits are one: in letter case, Unicode form, spaces, hyphens."""

import re
import unicodedata
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace

from core.ingest.class_layout import ImagePlacement
from core.portable_names import fold
from core.specs.protect import NO_LABEL

_ORDER = {"train": 0, None: 1, "test": 2}
_SEPARATORS = re.compile(r"[\s_-]+")


def unify_spellings(
    placed: Mapping[str, ImagePlacement], source_of: Callable[[str], Hashable]
) -> tuple[dict[str, ImagePlacement], dict[str, str]]:
    """Give images of one class one label: the spelling that comes first, of training images before others.

    Two spellings that differ in more than their Unicode form stay two classes where one source has both, as labels that
    are single letters in upper and lower case do.

    Args:
        placed: The class and the split by path.
        source_of: The place that an image's label is written in, by path: a folder of classes, or a split.

    Returns:
        The same with one spelling for each class, and the spelling that is used by each that is not.
    """
    spellings: dict[str, dict[str, set[Hashable]]] = {}  # folded -> spelling -> sources
    for path, placement in sorted(placed.items(), key=lambda item: (_ORDER[item[1].split], item[0])):
        if placement.label is not None and placement.label != NO_LABEL:
            of_class = spellings.setdefault(_folded(placement.label), {})
            of_class.setdefault(placement.label, set()).add(source_of(path))
    used: dict[str, str] = {}
    for of_class in spellings.values():
        if len(of_class) > 1:
            used |= _one_spelling(of_class)
    if not used:
        return dict(placed), {}
    return {
        path: replace(placement, label=used.get(placement.label or "", placement.label))
        for path, placement in placed.items()
    }, used


def _folded(label: str) -> str:
    folded = _SEPARATORS.sub(" ", fold(label)).strip()
    return folded or label


def _one_spelling(of_class: Mapping[str, set[Hashable]]) -> dict[str, str]:
    forms: dict[str, str] = {}
    for spelling in of_class:
        forms.setdefault(unicodedata.normalize("NFC", spelling), spelling)
    sources: dict[str, set[Hashable]] = {}
    for spelling, seen in of_class.items():
        sources.setdefault(unicodedata.normalize("NFC", spelling), set()).update(seen)
    apart = sum(map(len, sources.values())) == len(set().union(*sources.values()))
    first = next(iter(of_class))
    target = {spelling: first if apart else forms[unicodedata.normalize("NFC", spelling)] for spelling in of_class}
    return {spelling: used for spelling, used in target.items() if spelling != used}
