"""Change the names of images inside a label file to those of the delivered images. The rest stays byte for byte."""

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.ingest.labels.csv_records import joined, records_of
from core.ingest.labels.label_file import LabelFile, ReferenceForm
from core.ingest.labels.text_file import encode_text, read_text
from core.portable_names import fold

_SEPARATOR = re.compile(r"([/\\])")
_JSON_STRING = r'"(?:[^"\\]|\\.)*"'


@dataclass(frozen=True, slots=True)
class RenamedLabels:
    """The new bytes of a label file, and how many names in it changed."""

    content: bytes
    changed: int


@dataclass(frozen=True, slots=True)
class PathChange:
    """The path of an image as the upload has it, and its path in the archive."""

    stored: str
    delivered: str


def rename_images(file: LabelFile, changes: Mapping[str, PathChange]) -> RenamedLabels | None:
    """The label file with the names of the delivered images.

    Args:
        file: The label file.
        changes: The paths of each image whose path changed, by its path in the dataset.

    Returns:
        None if no name in it changes.

    Raises:
        OSError: The file cannot be read from disk.
    """
    form = file.references
    renames = {
        reference: new
        for reference, image in form.images.items()
        if image in changes and (new := _renamed(reference, changes[image])) != reference
    }
    text = read_text(file.disk_path).text if renames else None
    if text is None:
        return None
    change = {"table": _in_table, "json": _in_json, "list": _in_list}[form.form]
    new_text, changed = change(text, form, renames)
    return RenamedLabels(encode_text(new_text, form.encoding), changed) if changed else None


def _renamed(reference: str, change: PathChange) -> str:
    """The reference with the new names of the image and of its folders. An id, which has no extension, gets none."""
    parts = _SEPARATOR.split(reference)  # names, with the separators between them
    names = [place for place in range(len(parts) - 1, -1, -2) if parts[place].strip()]
    old, new = change.stored.split("/")[::-1], change.delivered.split("/")[::-1]
    for number, place in enumerate(names[: len(old)]):
        name = parts[place].strip()
        if fold(name) == fold(old[number]):
            parts[place] = parts[place].replace(name, new[number])
        elif number == 0:
            parts[place] = parts[place].replace(name, new[0].rpartition(".")[0])
        else:
            break
    return "".join(parts)


def _in_table(text: str, form: ReferenceForm, renames: Mapping[str, str]) -> tuple[str, int]:
    parts, changed, done = [], 0, 0
    try:
        for record in records_of(text, form.delimiter):
            new = renames.get(record.cells[form.column]) if len(record.cells) > form.column else None
            done += len(record.text)
            if new is None:
                parts.append(record.text)
                continue
            cells = [*record.cells]
            cells[form.column] = new
            end = record.text[len(record.text.rstrip("\r\n")) :]
            parts.append(joined(cells, form.delimiter, line_end=end))
            changed += 1
    except csv.Error:
        pass  # what cannot be read stays as it is, and is listed as a problem of the file
    return "".join(parts) + text[done:], changed


def _in_json(text: str, form: ReferenceForm, renames: Mapping[str, str]) -> tuple[str, int]:
    changed = 0

    def replace(found: re.Match[str]) -> str:
        nonlocal changed
        try:
            new = renames.get(json.loads(found[2]))
        except ValueError:
            return found[0]
        if new is None:
            return found[0]
        changed += 1
        return found[1] + json.dumps(new, ensure_ascii=found[2].isascii())

    return re.sub(rf"({re.escape(json.dumps(form.key))}\s*:\s*)({_JSON_STRING})", replace, text), changed


def _in_list(text: str, form: ReferenceForm, renames: Mapping[str, str]) -> tuple[str, int]:
    lines, changed = text.split("\n"), 0
    for number, line in enumerate(lines):
        content = line.strip()
        reference = content if content in renames else (content.rsplit(None, 1) or [""])[0]
        if reference in renames:
            start = line.index(reference)
            lines[number] = line[:start] + renames[reference] + line[start + len(reference) :]
            changed += 1
    return "\n".join(lines), changed
