"""The lists of images that the pages read: where each image lies, and its thumbnails. Workers write them.

A list is cut into chunks, one object each, so that a page of any dataset costs the same. Image `n` is the one with
the number `n` in the order of the dataset, from 0. It lies in chunk `n // CHUNK_IMAGES`.
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from store.object_keys import dataset_prefix
from store.object_store import ObjectStore
from store.store_errors import StoreError

CHUNK_IMAGES = 240
PIECE_BYTES = 1 << 18  # of a file that is inflated
SHOWN_BY_BROWSERS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")  # formats, as Pillow names them


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBytes:
    """Where the bytes of a file lie inside a stored object.

    Attributes:
        start: Their first byte in the object.
        packed: How many bytes they are there.
        size: How many bytes they are unpacked.
        deflated: Whether they are compressed by deflate.
    """

    start: int
    packed: int
    size: int
    deflated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedImage:
    """One image of a dataset.

    Attributes:
        path: Its path in the upload.
        class_name: Its class.
        width: In pixels, upright.
        height: In pixels, upright.
        format: As Pillow names it, such as JPEG.
        location: Where its file lies in the upload; None where the upload cannot be read in parts.
    """

    path: str
    class_name: str
    width: int
    height: int
    format: str
    location: StoredBytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredImage:
    """One image of a protected archive.

    Attributes:
        path: Its path in the archive.
        location: Where its file lies in the archive.
    """

    path: str
    location: StoredBytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Previews:
    """What a worker made of the images of one chunk, in one object.

    Attributes:
        thumbnails: Where the thumbnail of each image lies; None for one that could not be made.
        views: Where the form of each image lies that a browser can show; None where it is the image's own file.
    """

    thumbnails: tuple[StoredBytes | None, ...]
    views: tuple[StoredBytes | None, ...]


def index_prefix(dataset_id: str) -> str:
    """Return the prefix of the list of a dataset's images."""
    return f"{dataset_prefix(dataset_id)}/images"


def previews_key(dataset_id: str, chunk: int) -> str:
    """Return the key of the object that holds the previews of a chunk.

    Args:
        dataset_id: the dataset.
        chunk: the number of the chunk, from 0.
    """
    return f"{dataset_prefix(dataset_id)}/previews/{chunk:05d}"


def chunk_of(number: int) -> int:
    """Return the chunk that holds the image with this number."""
    return number // CHUNK_IMAGES


def write_images(files: ObjectStore, dataset_id: str, images: Sequence[IndexedImage]) -> None:
    """Store the list of a dataset's images.

    Args:
        files: the object store.
        dataset_id: the dataset.
        images: all of its images, in order.
    """
    _write(files, index_prefix(dataset_id), [asdict(image) for image in images])


def read_images(files: ObjectStore, dataset_id: str, chunk: int) -> list[IndexedImage]:
    """Return the images of one chunk. Raises FileNotFoundError where there is no such chunk.

    Args:
        files: the object store.
        dataset_id: the dataset.
        chunk: the number of the chunk, from 0.
    """
    records = json.loads(files.load(f"{index_prefix(dataset_id)}/{chunk:05d}.json"))
    return [IndexedImage(**record | {"location": _location(record["location"])}) for record in records]


def write_delivered(files: ObjectStore, prefix: str, images: Sequence[DeliveredImage | None]) -> None:
    """Store the list of the images of a protected archive.

    Args:
        files: the object store.
        prefix: the folder of the archive's results.
        images: one for each image of the dataset, in order; None for an image that was not delivered.
    """
    _write(files, f"{prefix}/images", [None if image is None else asdict(image) for image in images])


def read_delivered(files: ObjectStore, prefix: str, chunk: int) -> list[DeliveredImage | None]:
    """Return the delivered images of one chunk. Raises FileNotFoundError where there is no such chunk.

    Args:
        files: the object store.
        prefix: the folder of the archive's results.
        chunk: the number of the chunk, from 0.
    """
    records = json.loads(files.load(f"{prefix}/images/{chunk:05d}.json"))
    return [
        None if record is None else DeliveredImage(path=record["path"], location=StoredBytes(**record["location"]))
        for record in records
    ]


def write_previews(files: ObjectStore, dataset_id: str, chunk: int, packed: Path, previews: Previews) -> None:
    """Store the previews of a chunk. Their list is written last, so that it never names missing bytes.

    Args:
        files: the object store.
        dataset_id: the dataset.
        chunk: the number of the chunk, from 0.
        packed: a file with the bytes of all previews, which is moved.
        previews: where each of them lies in the file.
    """
    key = previews_key(dataset_id, chunk)
    files.move(key, packed)
    files.write(f"{key}.json", json.dumps(asdict(previews)).encode())


def read_previews(files: ObjectStore, dataset_id: str, chunk: int) -> Previews | None:
    """Return where the previews of a chunk lie; None where no worker has made them yet.

    Args:
        files: the object store.
        dataset_id: the dataset.
        chunk: the number of the chunk, from 0.
    """
    try:
        record = json.loads(files.load(f"{previews_key(dataset_id, chunk)}.json"))
    except FileNotFoundError:
        return None
    return Previews(**{name: tuple(map(_location, record[name])) for name in ("thumbnails", "views")})


def read_bytes(files: ObjectStore, key: str, location: StoredBytes) -> Iterator[bytes]:
    """Yield the unpacked bytes of a file inside a stored object, at most as many as its size.

    Args:
        files: the object store.
        key: the object.
        location: where the file lies in it.

    Raises:
        FileNotFoundError: The object was deleted.
        StoreError: The object cannot be read, or the file in it is damaged.
    """
    packed = files.read(key, location.start, location.start + location.packed)
    if not location.deflated:
        yield from packed
        return
    inflate, left = zlib.decompressobj(-zlib.MAX_WBITS), location.size
    try:
        for chunk in packed:
            while chunk and left > 0:
                piece = inflate.decompress(chunk, min(PIECE_BYTES, left))
                left -= len(piece)
                yield piece
                chunk = inflate.unconsumed_tail
    except zlib.error as error:
        raise StoreError(None, f"{key}: a compressed file in it is damaged") from error


def _write(files: ObjectStore, prefix: str, records: Sequence[Any]) -> None:
    for chunk in range(0, len(records), CHUNK_IMAGES):
        data = json.dumps(records[chunk : chunk + CHUNK_IMAGES], ensure_ascii=False).encode()
        files.write(f"{prefix}/{chunk_of(chunk):05d}.json", data)


def _location(record: dict[str, Any] | None) -> StoredBytes | None:
    return None if record is None else StoredBytes(**record)
