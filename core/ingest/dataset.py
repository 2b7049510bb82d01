"""An archive or folder as a dataset: its images with class and split, the files that pass through, those skipped."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import BadInput
from core.filenames import is_image
from core.imaging.sandbox import DecoderSandbox, SandboxResult, SandboxTask, sandbox_or_new
from core.imaging.sandbox_protocol import MODES
from core.ingest.class_layout import ClassLayout, Split, find_layout
from core.ingest.inspection import NEED_TWO_CLASSES, check_content
from core.ingest.unpack import UnpackedFile, unpack
from core.limits import DEFAULT_LIMITS, Limits, SkippedFile
from core.runtime.progress import Progress

ARCHIVE_ENDINGS = (".zip", ".tar.gz", ".tar.xz", ".tgz", ".txz", ".tar")  # left out of a dataset's name


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """One image that can be decoded.

    Attributes:
        path: Its normalized path in the upload.
        disk_path: Where its bytes lie on disk.
        label: Index of its class in `ImageDataset.classes`.
        split: Its split; None if the upload has no test split.
        width: In pixels, after the EXIF orientation is applied.
        height: In pixels, after the EXIF orientation is applied.
        mode: L, RGB, LA or RGBA.
        format: Format of the file as Pillow names it, such as JPEG.
        sha256: Hash of the file, hexadecimal.
        note: What decoding changed, such as the depth of colour; None if nothing.
    """

    path: str
    disk_path: Path
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
    """A file that is no image. The protected archive holds an exact copy of it."""

    path: str
    disk_path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDataset:
    """What an upload holds.

    Attributes:
        name: Its display name.
        root: The folder that holds all files.
        classes: The class names in sorted order.
        images: The images that are used, in the order of their paths.
        passthrough: The files that are no images, in the order of their paths.
        skipped: The files that are not used as images, with the reason.
        limits: The limits that the upload was read with.
    """

    name: str
    root: Path
    classes: tuple[str, ...]
    images: tuple[ImageRecord, ...]
    passthrough: tuple[PassthroughFile, ...]
    skipped: tuple[SkippedFile, ...]
    limits: Limits = DEFAULT_LIMITS

    @property
    def channels(self) -> int:
        """1 if all images are greyscale, else 3."""
        return 1 if all(image.mode in ("L", "LA") for image in self.images) else 3


@dataclass(frozen=True, slots=True)
class _DecodedFile:
    file: UnpackedFile
    class_name: str
    split: Split | None
    result: SandboxResult


def open_dataset(
    source: Path,
    scratch: Path,
    *,
    name: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
    sandbox: DecoderSandbox | None = None,
) -> ImageDataset:
    """Unpack a source, decode every image once and find the classes.

    Args:
        source: A zip, tar, tar.gz, tar.xz or folder.
        scratch: The folder to unpack to. A source that is a folder is read in place.
        name: The dataset's name; default: the name of the source.
        limits: The maximum that the source may hold.
        progress: Reports the stages "unpacking" and "decoding", and may stop the work.
        sandbox: Decodes the images; default: a new one for this call.

    Raises:
        BadInput: The upload cannot be used as a whole, or fewer than two classes have an image that can be decoded.
    """
    progress = progress or Progress()
    with sandbox_or_new(sandbox, limits) as sandbox:
        files, skipped_by_name = _unpack(source, scratch, limits, progress)
        candidates = [file for file in files if is_image(file.path)]
        check_content(len(files) + len(skipped_by_name), [file.path for file in candidates])
        layout = find_layout(file.path for file in candidates)
        decoded, undecodable = _decode(candidates, layout, sandbox, progress)
    classes = tuple(sorted({image.class_name for image in decoded}))
    _check_classes(classes, decoded, undecodable)
    labels = {class_name: label for label, class_name in enumerate(classes)}
    has_split = len({image.split for image in decoded}) > 1
    return ImageDataset(
        name=name or _name_of(source),
        root=source if source.is_dir() else scratch,
        classes=classes,
        images=tuple(_record(image, labels[image.class_name], has_split=has_split) for image in decoded),
        passthrough=tuple(
            PassthroughFile(path=file.path, disk_path=file.disk_path) for file in files if not is_image(file.path)
        ),
        skipped=tuple(sorted((*skipped_by_name, *undecodable), key=lambda skipped: skipped.path)),
        limits=limits,
    )


def _unpack(
    source: Path, scratch: Path, limits: Limits, progress: Progress
) -> tuple[list[UnpackedFile], tuple[SkippedFile, ...]]:
    progress.start("unpacking", 0)
    files, skipped = unpack(source, scratch, limits, progress.advance)
    progress.finish()
    return sorted(files, key=lambda file: file.path), skipped


def _decode(
    files: list[UnpackedFile], layout: ClassLayout, sandbox: DecoderSandbox, progress: Progress
) -> tuple[list[_DecodedFile], list[SkippedFile]]:
    """Decode the images that lie in a class folder; returns those that can be decoded, and the rest as skipped."""
    skipped: list[SkippedFile] = []
    placed: list[tuple[UnpackedFile, str, Split | None]] = []
    for file in files:
        placement = layout.place(file.path)
        if placement.label is None:
            skipped.append(SkippedFile(file.path, "it lies in no class folder"))
        else:
            placed.append((file, placement.label, placement.split))
    progress.start("decoding", len(placed))
    decoded: list[_DecodedFile] = []
    results = sandbox.map((SandboxTask(op="probe", file=file.disk_path) for file, _, _ in placed), tick=progress.tick)
    for (file, class_name, split), (_, result) in zip(placed, results, strict=True):
        reason = result.refused or _invalid_probe(result)
        if reason:
            skipped.append(SkippedFile(file.path, reason))
        else:
            decoded.append(_DecodedFile(file, class_name, split, result))
        progress.advance()
    progress.finish()
    return decoded, skipped


def _invalid_probe(result: SandboxResult) -> str | None:
    """The reason to skip an image whose result has an invalid form: a hijacked decoder may send anything."""
    values = result.values
    valid = (
        all(type(values.get(edge)) is int and values[edge] > 0 for edge in ("width", "height"))
        and values.get("mode") in MODES
        and isinstance(values.get("format"), str)
        and isinstance(values.get("note"), str | None)
    )
    return None if valid else "it crashed the decoder"


def _check_classes(classes: tuple[str, ...], decoded: list[_DecodedFile], undecodable: list[SkippedFile]) -> None:
    if len(classes) >= 2:
        return
    first = f" The first: “{undecodable[0].path}”: {undecodable[0].reason}." if undecodable else ""
    if not decoded:
        raise BadInput(f"None of the {len(undecodable):,} images can be used.{first}")
    raise BadInput(f"Only the class “{classes[0]}” has images that can be used: {NEED_TWO_CLASSES}{first}")


def _record(image: _DecodedFile, label: int, *, has_split: bool) -> ImageRecord:
    values = {key: image.result.values[key] for key in ("width", "height", "mode", "format", "note")}
    return ImageRecord(
        path=image.file.path,
        disk_path=image.file.disk_path,
        label=label,
        split=image.split if has_split else None,
        sha256=image.result.sha256,
        **values,
    )


def _name_of(source: Path) -> str:
    name = source.resolve().name
    for ending in ARCHIVE_ENDINGS:
        name = name[: -len(ending)] if name.lower().endswith(ending) else name
    return name or "dataset"
