"""An upload that is one image in place of an archive becomes a zip of one image."""

import shutil
import zipfile
from pathlib import Path

from api.uploads.multipart import ZIP_ENTRY_TIME
from core.filenames import name_of_single_image
from core.ingest.content import is_image_content

HEAD_BYTES = 512


def pack_single_image(path: Path, filename: str, packed: Path) -> bool:
    """Pack an upload into a zip if it is an image.

    Args:
        path: The received file, which stays as it is.
        filename: Its name on the sender's side, without folders.
        packed: The zip to write.

    Returns:
        Whether the upload is an image, so that the zip was written.

    Raises:
        OSError: The disk is full, or the file cannot be read.
    """
    with path.open("rb") as file:
        if not is_image_content(file.read(HEAD_BYTES)):
            return False
        file.seek(0)
        packed.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            entry = zipfile.ZipInfo(name_of_single_image(filename), ZIP_ENTRY_TIME)
            with archive.open(entry, "w", force_zip64=True) as target:
                shutil.copyfileobj(file, target)
    return True
