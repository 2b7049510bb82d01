"""Change the names of images inside a label file to those of the delivered images. The rest stays byte for byte."""

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.filenames import fold
from core.ingest.labels.csv_records import joined, records_of
from core.ingest.labels.label_file import LabelFile, ReferenceForm
from core.ingest.labels.text_file import encode_text, read_text

_JSON_STRING = r'"(?:[^"\\]|\\.)*"'


@dataclass(frozen=True, slots=True)
class RenamedLabels:
    """The new bytes of a label file, and how many names in it changed."""

    content: bytes
    changed: int


def rename_images(file: LabelFile, delivered: Mapping[str, str]) -> RenamedLabels | None:
    """The label file with the names of the delivered images.

    Args:
        file: The label file.
        delivered: Path in the archive by path in the upload, for each image whose path changed.

    Returns:
        None if no name in it changes.

    Raises:
        OSError: The file cannot be read from disk.
    """
    form = file.references
    renames = {
        reference: new
        for reference, image in form.images.items()
        if image in delivered and (new := _renamed(reference, image, delivered[image])) != reference
    }
    text = read_text(file.disk_path).text if renames else None
    if text is None:
        return None
    change = {"table": _in_table, "json": _in_json, "list": _in_list}[form.form]
    new_text, changed = change(text, form, renames)
    return RenamedLabels(encode_text(new_text, form.encoding), changed) if changed else None


def _renamed(reference: str, image: str, delivered: str) -> str:
    """The reference with the new name of the image. An id, which has no extension, gets none."""
    old, new = image.rpartition("/")[2], delivered.rpartition("/")[2]
    start = max(reference.rfind("/"), reference.rfind("\\")) + 1
    name = reference[start:].rstrip()
    space = reference[start + len(name) :]
    is_id = fold(name.strip()) != fold(old)
    lead = name[: len(name) - len(name.lstrip())]
    return reference[:start] + lead + (new.rpartition(".")[0] if is_id else new) + space


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
