"""The list of the images in a protected archive, which the pages read to show each image before and after."""

from dataclasses import asdict
from itertools import count
from pathlib import Path

from core.archive.manifest import read_manifest
from core.ingest.archives.zip_locations import locate_files
from store import image_index
from store.image_index import DeliveredImage, StoredBytes
from store.object_store import ObjectStore


def write_delivered_images(files: ObjectStore, dataset_id: str, prefix: str, archive: Path) -> None:
    """Store where each image of a dataset lies in a protected archive. A dataset without a list of images gets none.

    Args:
        files: the object store.
        dataset_id: the dataset.
        prefix: the folder of the archive's results.
        archive: the finished archive.
    """
    delivered, locations = read_manifest(archive).delivered, locate_files(archive)
    found: list[DeliveredImage | None] = []
    for chunk in count():
        try:
            images = image_index.read_images(files, dataset_id, chunk)
        except FileNotFoundError:
            break
        for image in images:
            path = delivered.get(image.path, "")
            location = locations.get(path)
            found.append(
                None if location is None else DeliveredImage(path=path, location=StoredBytes(**asdict(location)))
            )
    image_index.write_delivered(files, prefix, found)
