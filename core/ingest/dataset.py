"""An archive or folder as a dataset: its images with class and split, the files that pass through, those skipped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import BadInput
from core.filenames import strip_forbidden_chars
from core.imaging.sandbox import DecoderSandbox, sandbox_or_new
from core.ingest.decode_files import DecodedFile, decode_files
from core.ingest.decoding_notes import decoding_notes
from core.ingest.folder_names import Split
from core.ingest.inspection import check_content
from core.ingest.labels.label_file import LabelFile
from core.ingest.layout import read_layout
from core.ingest.layout_reading import LayoutReading
from core.ingest.passthrough import PassthroughFile, select_passthrough, sort_by_content
from core.ingest.unpack import UnpackedUpload, unpack
from core.limits import DEFAULT_LIMITS, Limits, RenamedFile, SkippedFile
from core.runtime.progress import Progress
from core.specs.protect import NO_LABEL

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
        stored_path: Its path as the upload has it; None if it is the same.
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
    stored_path: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How an upload is read.

    Attributes:
        layout: What says the class of an image, one of `core.specs.protect.LAYOUTS`.
        pass_through: Which files that are no images are delivered, one of `core.specs.protect.PASS_THROUGH`.
        leave_out: The folders whose images are left out; None for those that look like thumbnails, caches or trash.
    """

    layout: str = "auto"
    pass_through: str = "labels"
    leave_out: tuple[str, ...] | None = None


DEFAULT_OPTIONS = ReadOptions()
BY_FOLDER = LayoutReading()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDataset:
    """What an upload holds.

    Attributes:
        name: Its display name.
        root: The folder that holds all files.
        classes: The class names in sorted order; that of the images without a label, if there are any, is the last.
        images: The images that are used, in the order of their paths.
        passthrough: The files that are no images and are delivered, in the order of their paths.
        skipped: The files that are neither used as images nor delivered, with the reason.
        renamed: The files and folders that have another path here than in the upload.
        layout: How the images were sorted into classes.
        label_files: The files that label or list images; those that are delivered are among `passthrough` too.
        limits: The limits that the upload was read with.
    """

    name: str
    root: Path
    classes: tuple[str, ...]
    images: tuple[ImageRecord, ...]
    passthrough: tuple[PassthroughFile, ...]
    skipped: tuple[SkippedFile, ...]
    renamed: tuple[RenamedFile, ...] = ()
    layout: LayoutReading = BY_FOLDER
    label_files: tuple[LabelFile, ...] = ()
    limits: Limits = DEFAULT_LIMITS

    @property
    def named_classes(self) -> tuple[str, ...]:
        """The classes without that of the images without a label, which takes no part in evidence."""
        return self.classes[:-1] if len(self.classes) > 1 and self.classes[-1] == NO_LABEL else self.classes

    def with_named_classes(self) -> "ImageDataset":
        """The dataset without the images that have no label: nothing can be learned from them or tested on them."""
        named = len(self.named_classes)
        if named == len(self.classes):
            return self
        return replace(self, classes=self.named_classes, images=tuple(i for i in self.images if i.label < named))

    @property
    def channels(self) -> int:
        """1 if all images are greyscale, else 3."""
        return 1 if all(image.mode in ("L", "LA") for image in self.images) else 3


def open_dataset(
    source: Path,
    scratch: Path,
    *,
    name: str | None = None,
    options: ReadOptions = DEFAULT_OPTIONS,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
    sandbox: DecoderSandbox | None = None,
) -> ImageDataset:
    """Unpack a source, sort its images into classes and decode every image once.

    Args:
        source: A zip, tar, tar.gz, tar.xz or folder.
        scratch: The folder to unpack to. A source that is a folder is read in place.
        name: The dataset's name; default: the name of the source.
        options: What says the classes, and which files that are no images are delivered.
        limits: The maximum that the source may hold.
        progress: Reports the stages "unpacking" and "decoding", and may stop the work.
        sandbox: Decodes the images; default: a new one for this call.

    Raises:
        BadInput: The upload cannot be used as a whole, the layout does not fit it, or no image can be decoded.
    """
    progress, name = progress or Progress(), name or _name_of(source)
    with sandbox_or_new(sandbox, limits) as sandbox:
        unpacked = _unpack(source, scratch, limits, progress)
        found = sort_by_content(unpacked.files, progress.tick)
        candidates, others = found.images, [other.file for other in found.others]
        check_content(len(unpacked.files), len(candidates), unpacked.skipped)
        paths = [file.path for file in candidates]
        stored = {file.path: file.stored_path for file in candidates if file.stored_path is not None}
        layout = read_layout(
            paths,
            others,
            requested=options.layout,
            name=name,
            stored_paths=stored,
            leave_out=options.leave_out,
            tick=progress.tick,
        )
        used = [file for file in candidates if file.path not in layout.left_out]
        decoded, undecodable = decode_files(used, layout, sandbox, progress)
    if not decoded:
        raise BadInput(_nothing_decoded(undecodable))
    notes = decoding_notes({image.file.path: image.result.values["note"] for image in decoded})
    passthrough, left_out = select_passthrough(found.others, layout.label_files, options.pass_through)
    not_asked_for = [SkippedFile(path, reason) for path, reason in layout.left_out.items()]
    classes = tuple(sorted({image.class_name for image in decoded}, key=lambda one: (one == NO_LABEL, one)))
    labels = {class_name: label for label, class_name in enumerate(classes)}
    has_split = {"train", "test"} <= {image.split for image in decoded if image.class_name != NO_LABEL}
    return ImageDataset(
        name=name,
        root=source if source.is_dir() else scratch,
        classes=classes,
        images=tuple(_record(image, labels[image.class_name], has_split=has_split) for image in decoded),
        passthrough=passthrough,
        skipped=tuple(
            sorted(
                (*unpacked.skipped, *found.unsupported, *undecodable, *left_out, *not_asked_for),
                key=lambda skipped: skipped.path,
            )
        ),
        renamed=unpacked.renamed,
        layout=replace(layout.reading, notes=(*layout.reading.notes, *unpacked.notes, *notes)),
        label_files=layout.label_files,
        limits=limits,
    )


def _unpack(source: Path, scratch: Path, limits: Limits, progress: Progress) -> UnpackedUpload:
    progress.start("unpacking", 0)
    unpacked = unpack(source, scratch, limits, progress.advance)
    progress.finish()
    return replace(unpacked, files=tuple(sorted(unpacked.files, key=lambda file: file.path)))


def _nothing_decoded(undecodable: Sequence[SkippedFile]) -> str:
    first, count = undecodable[0], len(undecodable)
    all_of_them = "The image cannot be used" if count == 1 else f"None of the {count:,} images can be used"
    return f"{all_of_them}: “{first.path}”: {first.reason}."


def _record(image: DecodedFile, label: int, *, has_split: bool) -> ImageRecord:
    values = {key: image.result.values[key] for key in ("width", "height", "mode", "format", "note")}
    return ImageRecord(
        path=image.file.path,
        disk_path=image.file.disk_path,
        label=label,
        split=image.split if has_split else None,
        sha256=image.result.sha256,
        stored_path=image.file.stored_path,
        **values,
    )


def _name_of(source: Path) -> str:
    name = source.resolve().name
    for ending in ARCHIVE_ENDINGS:
        name = name[: -len(ending)] if name.lower().endswith(ending) else name
    return strip_forbidden_chars(name) or "dataset"
