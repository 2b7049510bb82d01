"""Uploads with label files for the tests of core.ingest."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.filenames import is_image
from core.ingest.layout import read_layout
from core.ingest.layout_reading import Layout
from core.ingest.unpack import unpack
from core.limits import Limits
from tests.support.uploads import write_folder


def layout_of(
    root: Path, files: Mapping[str, bytes | str], requested: str = "auto", leave_out: Sequence[str] | None = None
) -> Layout:
    """The layout of an upload with these files; an image may have any content, because none is decoded."""
    write_folder(root, {name: data.encode() if isinstance(data, str) else data for name, data in files.items()})
    unpacked = unpack(root, root, Limits()).files
    images = [file.path for file in unpacked if is_image(file.path)]
    others = [file for file in unpacked if not is_image(file.path)]
    return read_layout(images, others, requested=requested, name="things", leave_out=leave_out)


def labels_of(layout: Layout) -> dict[str, str | None]:
    """The class of each image."""
    return {path: placement.label for path, placement in layout.placements.items()}


def problems_of(layout: Layout) -> list[tuple[str, int | None, str]]:
    """The file, the line and the text of each problem."""
    return [(problem.path, problem.line, problem.problem) for problem in layout.reading.problems]


def images(*names: str) -> dict[str, bytes]:
    """Files with these names and no content."""
    return dict.fromkeys(names, b"")
