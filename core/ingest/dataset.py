"""A folder or archive as a dataset: its pictures with class and split, what passes through, what is left out."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import BadInput
from core.filenames import is_picture
from core.imaging.sandbox import DecoderSandbox, SandboxResult, SandboxTask
from core.imaging.sandbox_protocol import MODES
from core.ingest.class_layout import Layout, Split, find_layout
from core.ingest.inspection import DEFAULT, ONE_CLASS, check_content
from core.ingest.unpack import Unpacked, unpack
from core.limits import Limits, SkippedFile
from core.runtime.progress import Progress

IN_MEMORY = 1 << 30  # bytes of pixels; more lie in a file that is mapped


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """One picture that decodes: `file` is where its bytes lie; width and height are upright; sha256 is of the file."""

    path: str
    file: Path
    label: int
    split: Split | None
    width: int
    height: int
    mode: str
    format: str
    sha256: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassthroughFile:
    """A file that is no picture and passes through as it is."""

    path: str
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDataset:
    """What an upload holds that can be used, in the order of names; `root` is the folder the files lie below."""

    name: str
    root: Path
    classes: tuple[str, ...]
    pictures: tuple[ImageRecord, ...]
    others: tuple[PassthroughFile, ...]
    skipped: tuple[SkippedFile, ...]
    limits: Limits = DEFAULT

    @property
    def channels(self) -> int:
        """1 where all pictures are grey, else 3."""
        return 1 if all(picture.mode in ("L", "LA") for picture in self.pictures) else 3


def open_dataset(
    source: Path,
    scratch: Path,
    *,
    name: str | None = None,
    limits: Limits = DEFAULT,
    progress: Progress | None = None,
    sandbox: DecoderSandbox | None = None,
) -> ImageDataset:
    """Unpack a source below `scratch` (a folder is read where it is), decode every picture once, find the classes.

    Raises BadInput where it is wrong as a whole, or where fewer than two classes have a picture that decodes.
    """
    progress = progress or Progress()
    with sandbox_for(sandbox, limits) as sandbox:
        files, left_out = _unpacked(source, scratch, limits, progress)
        named = [file for file in files if is_picture(file.path)]
        check_content(len(files) + len(left_out), [file.path for file in named])
        layout = find_layout(file.path for file in named)
        pictures, skipped = _developed(named, layout, sandbox, progress)
    classes = tuple(sorted({label for label, _, _ in pictures}))
    _check_classes(classes, pictures, skipped)
    labels = {label: number for number, label in enumerate(classes)}
    splits = [layout.place(file.path).split for _, file, _ in pictures]
    if len(set(splits)) < 2:  # all training or all test is no split
        splits = [None] * len(splits)
    return ImageDataset(
        name=name or _title(source),
        root=source if source.is_dir() else scratch,
        classes=classes,
        pictures=tuple(
            _picture(file, labels[label], split, answer)
            for (label, file, answer), split in zip(pictures, splits, strict=True)
        ),
        others=tuple(PassthroughFile(path=file.path, file=file.file) for file in files if not is_picture(file.path)),
        skipped=tuple(sorted((*left_out, *skipped), key=lambda one: one.path)),
        limits=limits,
    )


def load_pixels(
    dataset: ImageDataset, size: int, *, progress: Progress | None = None, sandbox: DecoderSandbox | None = None
) -> NDArray[np.uint8]:
    """Every picture squashed to size x size: uint8 (n, c, size, size), c = 1 where all pictures are grey, else 3.

    Raises BadInput where a picture that decoded before no longer does.
    """
    progress = progress or Progress()
    channels = dataset.channels
    out = blank((len(dataset.pictures), channels, size, size))
    tasks = (SandboxTask(op="pixels", file=p.file, args={"size": size, "channels": channels}) for p in dataset.pictures)
    with sandbox_for(sandbox, dataset.limits) as sandbox:
        for number, (_, answer) in enumerate(sandbox.map(tasks, tick=progress.tick)):
            out[number] = read_pixels(answer, 0, out.shape[1:], dataset.pictures[number].path)
            progress.tick()
    return out


def thumbnails(
    dataset: ImageDataset, count: int, edge: int = 160, *, sandbox: DecoderSandbox | None = None
) -> list[tuple[str, bytes]]:
    """Up to `count` small pictures for a page, spread over the classes: (path, PNG or JPEG made in the sandbox)."""
    chosen = _spread(dataset, count)
    with sandbox_for(sandbox, dataset.limits) as sandbox:
        tasks = [SandboxTask(op="thumbnail", file=picture.file, args={"edge": edge}) for picture in chosen]
        answers = [answer for _, answer in sandbox.map(tasks)]
    return [(p.path, answer.blobs[0]) for p, answer in zip(chosen, answers, strict=True) if answer.refused is None]


def blank(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Room for pixels: in memory, or in a nameless file that goes with its last user where memory might not do."""
    if int(np.prod(shape)) <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.uint8, mode="w+", shape=shape)


def read_pixels(answer: SandboxResult, blob: int, shape: tuple[int, ...], path: str) -> NDArray[np.uint8]:
    """Pixels of an answer in the shape that was asked for. Raises BadInput where the sandbox had none to give."""
    if answer.refused is not None:
        raise BadInput(f"“{path}” decoded once and does not any more: {answer.refused}.", path)
    if len(answer.blobs) <= blob or len(answer.blobs[blob]) != int(np.prod(shape)):
        raise BadInput(f"“{path}” came out of the decoder in the wrong size; leave it out.", path)
    return np.frombuffer(answer.blobs[blob], np.uint8).reshape(shape)


@contextmanager
def sandbox_for(given: DecoderSandbox | None, limits: Limits) -> Iterator[DecoderSandbox]:
    """The sandbox that is given, left open at the end; or one of our own, closed."""
    with ExitStack() as stack:
        yield stack.enter_context(nullcontext(given) if given is not None else DecoderSandbox(limits=limits))


def _unpacked(
    source: Path, scratch: Path, limits: Limits, progress: Progress
) -> tuple[list[Unpacked], tuple[SkippedFile, ...]]:
    progress.start("unpacking", 0)
    advance: Callable[[int], None] = progress.advance
    files, skipped = unpack(source, scratch, limits, advance)
    progress.finish()
    return sorted(files, key=lambda file: file.path), skipped


def _developed(
    files: list[Unpacked], layout: Layout, sandbox: DecoderSandbox, progress: Progress
) -> tuple[list[tuple[str, Unpacked, SandboxResult]], list[SkippedFile]]:
    """The pictures that lie in a class folder and decode, with their class; and the rest, with the reason."""
    skipped: list[SkippedFile] = []
    placed: list[tuple[str, Unpacked]] = []
    for file in files:
        label = layout.place(file.path).label
        if label is None:
            skipped.append(SkippedFile(file.path, "it lies in no class folder"))
        else:
            placed.append((label, file))
    progress.start("decoding", len(placed))
    pictures: list[tuple[str, Unpacked, SandboxResult]] = []
    answers = sandbox.map((SandboxTask(op="probe", file=file.file) for _, file in placed), tick=progress.tick)
    for (label, file), (_, answer) in zip(placed, answers, strict=True):
        reason = answer.refused or _nonsense(answer)
        if reason:
            skipped.append(SkippedFile(file.path, reason))
        else:
            pictures.append((label, file, answer))
        progress.advance()
    progress.finish()
    return pictures, skipped


def _nonsense(answer: SandboxResult) -> str | None:
    """The sandbox is not believed blindly: a decoder that was taken over might say anything."""
    values = answer.values
    sound = (
        all(type(values.get(edge)) is int and values[edge] > 0 for edge in ("width", "height"))
        and values.get("mode") in MODES
        and isinstance(values.get("format"), str)
        and isinstance(values.get("note"), str | None)
    )
    return None if sound else "it crashed the decoder"


def _check_classes(
    classes: tuple[str, ...], pictures: list[tuple[str, Unpacked, SandboxResult]], skipped: list[SkippedFile]
) -> None:
    if len(classes) >= 2:
        return
    first = f" The first: “{skipped[0].path}” {skipped[0].reason}." if skipped else ""
    if not pictures:
        raise BadInput(f"Not one of its {len(skipped):,} pictures can be used.{first}")
    raise BadInput(f"Only the class “{classes[0]}” has pictures that can be used: {ONE_CLASS}{first}")


def _picture(file: Unpacked, label: int, split: Split | None, answer: SandboxResult) -> ImageRecord:
    known = {key: answer.values[key] for key in ("width", "height", "mode", "format", "note")}
    return ImageRecord(path=file.path, file=file.file, label=label, split=split, sha256=answer.sha256, **known)


def _spread(dataset: ImageDataset, count: int) -> list[ImageRecord]:
    """Pictures taken in turn from each class, the classes themselves spread where there are more than `count`."""
    by_class: list[list[ImageRecord]] = [[] for _ in dataset.classes]
    for picture in dataset.pictures:
        by_class[picture.label].append(picture)
    rounds = max(map(len, by_class), default=0)
    turns = [pictures[turn] for turn in range(min(rounds, count)) for pictures in by_class if turn < len(pictures)]
    if len(by_class) > count:
        turns = [by_class[number * len(by_class) // count][0] for number in range(count)]
    return turns[:count]


def _title(source: Path) -> str:
    name = source.resolve().name
    for ending in (".zip", ".tar.gz", ".tar.xz", ".tgz", ".txz", ".tar"):
        name = name[: -len(ending)] if name.lower().endswith(ending) else name
    return name or "dataset"
