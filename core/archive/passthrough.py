"""Put the files that are no images into a protected archive."""

from core.archive.zip_writer import ZipWriter
from core.ingest.dataset import ImageDataset
from core.ingest.labels.image_index import ImageIndex
from core.ingest.labels.image_names import ImageNames, PathChange
from core.ingest.labels.rename import rename_images
from core.portable_names import ARCHIVE_FILES, fold, free_name
from core.runtime.progress import Progress


def copy_passthrough(dataset: ImageDataset, zip_writer: ZipWriter, progress: Progress) -> None:
    """Copy the files that are no images; one that has a reserved name gets another, and the manifest says so.

    Args:
        dataset: The files. Those that name images get the names of the delivered ones.
        zip_writer: The archive, with all images written.
        progress: May stop the work.
    """
    taken = {
        fold(name)
        for name in (
            *ARCHIVE_FILES,
            *(record["path"] for record in zip_writer.records),
            *(file.path for file in dataset.passthrough),
        )
    }
    reserved = {fold(name) for name in ARCHIVE_FILES}
    label_files = {file.path: file for file in dataset.label_files}
    new_paths = {record.get("was", record["path"]): record["path"] for record in zip_writer.records}
    changes = {
        image.path: PathChange(image.stored_path or image.path, new_paths[image.path])
        for image in dataset.images
        if new_paths.get(image.path, image.path) != (image.stored_path or image.path)
    }
    stored_paths = {image.path: image.stored_path for image in dataset.images if image.stored_path is not None}
    names = ImageNames(ImageIndex([image.path for image in dataset.images] if changes else (), stored_paths), changes)
    for file in dataset.passthrough:
        name = free_name(file.path, taken) if fold(file.path) in reserved else file.path
        taken.add(fold(name))
        labels = label_files.get(file.path)
        renamed = rename_images(file.path, file.disk_path, labels, names) if file.is_text else None
        if renamed is not None:
            progress.tick()
            zip_writer.add_label_file(name, renamed.content, upload_path=file.path, renamed=renamed.changed)
            continue
        zip_writer.copy(name, file.disk_path, upload_path=file.path, tick=progress.tick)
