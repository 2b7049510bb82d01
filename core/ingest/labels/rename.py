"""Change the names of images inside a text to those of the delivered images. The rest stays byte for byte."""

import csv
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.ingest.labels.column_names import IMAGE_NAMES, normalized
from core.ingest.labels.csv_records import Record, records_of, with_cells
from core.ingest.labels.image_names import ImageNames
from core.ingest.labels.label_file import LabelFile, ReferenceForm
from core.ingest.labels.text_file import encode_text, read_text

_JSON_STRING = r'"(?:[^"\\]|\\.)*"'
_JSON_VALUES = re.compile(
    rf"({_JSON_STRING})(\s*:\s*)({_JSON_STRING}|\[\s*{_JSON_STRING}(?:\s*,\s*{_JSON_STRING})*\s*\])"
)
_ENDINGS = ("filename", "filenames", "file", "files", "path", "paths", "image", "images", "img", "mask", "masks", "src")
"""How the names of columns and keys end that name images, such as `mask_file_name` of Hugging Face."""

Renamer = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class RenamedText:
    """The new bytes of a text, and how many names in it changed."""

    content: bytes
    changed: int


def rename_images(path: str, file: Path, label_file: LabelFile | None, names: ImageNames) -> RenamedText | None:
    """A text with the names of the delivered images.

    Args:
        path: Its path in the upload.
        file: Where its bytes lie.
        label_file: What it says of images; None for a text that is no file of labels, in which words are compared.
        names: The names of the images.

    Returns:
        None if no name in it changes, or if it is too large or no text.

    Raises:
        OSError: The file cannot be read from disk.
    """
    text = read_text(file) if names.changes else None
    if text is None or text.text is None:
        return None
    form = ReferenceForm() if label_file is None else label_file.references

    def known(reference: str) -> str | None:
        image = form.images.get(reference)
        return None if image is None else names.by_image(reference, image)

    def by_name(reference: str) -> str | None:
        return names.by_name(reference, path)

    def names_image(reference: str) -> bool:
        return names.image_of(reference, path) is not None

    if form.form == "table":
        new_text, changed = _in_table(text.text, form, known, by_name, names_image)
    elif form.form == "json":
        new_text, changed = _in_json(text.text, form, known, by_name, names_image)
    elif form.form == "list":
        new_text, changed = _in_list(text.text, known, names, path)
    elif label_file is None:
        new_text, changed = names.in_words(text.text, path)
    else:
        return None
    return RenamedText(encode_text(new_text, text.encoding), changed) if changed else None


def _in_table(
    text: str, form: ReferenceForm, known: Renamer, by_name: Renamer, names_image: Callable[[str], bool]
) -> tuple[str, int]:
    records: list[Record] = []
    with suppress(csv.Error):  # what cannot be read stays as it is, and is listed as a problem of the file
        records.extend(records_of(text, form.delimiter))
    others = _other_columns([record.cells for record in records], form, names_image)
    parts, changed, done = [], 0, 0
    for record in records:
        done += len(record.text)
        new: dict[int, str] = {}
        for column, renamer in ((form.column, known), *((other, by_name) for other in others)):
            name = renamer(record.cells[column]) if column < len(record.cells) else None
            if name is not None:
                new[column] = name
        changed += len(new)
        parts.append(with_cells(record, new, form.delimiter) if new else record.text)
    return "".join(parts) + text[done:], changed


def _other_columns(rows: Sequence[Sequence[str]], form: ReferenceForm, names_image: Callable[[str], bool]) -> list[int]:
    """The further columns that name images in most of their cells, such as masks."""
    header = rows[0] if rows else ()
    has_header = not any(names_image(cell) for cell in header)
    found = []
    for column in range(max(map(len, rows), default=0)):
        cells = [row[column] for row in rows[has_header:] if column < len(row) and row[column].strip()]
        titled = not has_header or (column < len(header) and _is_name_of_images(header[column]))
        if column != form.column and titled and 2 * sum(map(names_image, cells)) > len(cells):
            found.append(column)
    return found


def _is_name_of_images(title: str) -> bool:
    return normalized(title) in IMAGE_NAMES or normalized(title).endswith(_ENDINGS)


def _in_json(
    text: str, form: ReferenceForm, known: Renamer, by_name: Renamer, names_image: Callable[[str], bool]
) -> tuple[str, int]:
    counts: dict[str, tuple[int, int]] = {}  # (strings, those that name an image) by key
    for match in _JSON_VALUES.finditer(text):
        if _is_name_of_images(match[1]):
            values = [_loaded(string) for string in re.findall(_JSON_STRING, match[3])]
            total, named = counts.get(match[1], (0, 0))
            counts[match[1]] = (total + len(values), named + sum(map(names_image, values)))
    others = {key for key, (total, named) in counts.items() if 2 * named > total}
    changed = 0

    def replace_value(match: re.Match[str]) -> str:
        is_known = _loaded(match[1]) == form.key
        if not is_known and match[1] not in others:
            return match[0]

        def replace(string: re.Match[str]) -> str:
            nonlocal changed
            new = (known if is_known else by_name)(_loaded(string[0]))
            changed += new is not None
            return string[0] if new is None else json.dumps(new, ensure_ascii=string[0].isascii())

        return match[1] + match[2] + re.sub(_JSON_STRING, replace, match[3])

    return _JSON_VALUES.sub(replace_value, text), changed


def _loaded(string: str) -> str:
    """The text of a JSON string; empty if it is none."""
    try:
        return str(json.loads(string))
    except ValueError:
        return ""


def _in_list(text: str, known: Renamer, names: ImageNames, path: str) -> tuple[str, int]:
    lines, changed = text.split("\n"), 0
    for number, line in enumerate(lines):
        content = line.strip()
        reference = content if known(content) is not None else (content.rsplit(None, 1) or [""])[0]
        new = known(reference)
        if new is None:
            lines[number], words = names.in_words(line, path)
            changed += words
            continue
        start = line.index(reference)
        rest, words = names.in_words(line[start + len(reference) :], path)
        lines[number] = line[:start] + new + rest
        changed += 1 + words
    return "\n".join(lines), changed
