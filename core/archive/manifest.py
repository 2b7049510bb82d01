"""Read the MANIFEST.json of a protected archive, which says how it was made. Imports no torch."""

import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import BadInput, SpecError
from core.generators.card import Card
from core.generators.compatibility import may_have_trained_on
from core.ingest.archives.zip import ZIP_ERRORS
from core.limits import Limits
from core.specs.protect import TEXTURE, ProtectSpec

MANIFEST_NAME = "MANIFEST.json"
MAX_MANIFEST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """How an archive was made, and where each image of the upload is in it.

    Attributes:
        spec: What was requested.
        generator: How the noise was made; holds a `card` if a trained generator made it.
        delivered: Path in the archive by path in the upload, for each image.
        unprotected: Paths in the upload of images without noise.
        sizes: Size in bytes of every file but the manifest.
    """

    spec: ProtectSpec
    generator: Mapping[str, Any]
    delivered: Mapping[str, str]
    unprotected: frozenset[str]
    sizes: tuple[int, ...]

    @property
    def trained_on_all_images(self) -> bool:
        """Whether the noise was optimized on every image, because none was kept for testing."""
        is_optimized = "card" not in self.generator and self.generator.get("method") != TEXTURE
        return self.spec.evidence == "none" and is_optimized

    def may_have_trained_on(self, *, name: str, classes: Sequence[str]) -> bool:
        """Whether the noise comes from a generator that may have been trained on the images of a dataset.

        Args:
            name: The dataset's name.
            classes: Its class names.

        Returns:
            True also if the generator's card cannot be read, because then it cannot be excluded.
        """
        if "card" not in self.generator:
            return False
        card = self._card
        return card is None or may_have_trained_on(card, name=name, classes=classes)

    @property
    def uses_greyscale_surrogate(self) -> bool:
        """Whether the noise comes from a generator that was trained against conversion to greyscale as well."""
        return self._card is not None and self._card.grey_updates > 0

    @property
    def _card(self) -> Card | None:
        """The card of the generator that made the noise; None without a generator, or if another release wrote it."""
        try:
            return Card.from_dict(self.generator.get("card"))
        except ValueError:
            return None

    def reading_limits(self, limits: Limits) -> Limits:
        """The limits for reading the archive, raised where its own files, which noise has made larger, need more.

        Args:
            limits: Those for an upload.
        """
        return replace(
            limits,
            bytes=max(limits.bytes, sum(self.sizes)) + MAX_MANIFEST_BYTES,
            files=max(limits.files, len(self.sizes)) + 1,
            file_bytes=max(limits.file_bytes, MAX_MANIFEST_BYTES, *self.sizes),
        )


def read_manifest(archive: Path) -> Manifest:
    """Read the manifest of a protected archive.

    Args:
        archive: The zip, or the folder that it was unpacked to.

    Raises:
        BadInput: It is no protected archive, or its manifest is damaged.
    """
    content = _content(archive)
    try:
        data = json.loads(content)
        images = {file.get("was", file["path"]): file for file in data["files"] if "protected" in file}
        delivered = {path: file["path"] for path, file in images.items()}
        if not all(isinstance(name, str) for pair in delivered.items() for name in pair):
            raise TypeError
        sizes = tuple(file["bytes"] for file in data["files"])
        if not all(type(size) is int and size >= 0 for size in sizes):
            raise TypeError
        return Manifest(
            spec=ProtectSpec.parse(data["spec"]),
            generator=dict(data["generator"]),
            delivered=delivered,
            unprotected=frozenset(path for path, file in images.items() if not file["protected"]),
            sizes=sizes,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error) if isinstance(error, SpecError) else "it does not have the form of a manifest"
        raise BadInput(f"The {MANIFEST_NAME} of “{archive.name}” cannot be read: {reason}.") from None


def _content(archive: Path) -> bytes:
    try:
        if archive.is_dir():
            return (archive / MANIFEST_NAME).read_bytes()
        with zipfile.ZipFile(archive) as opened:
            return _unpack(opened, archive.name)
    except (FileNotFoundError, KeyError, zipfile.BadZipFile, NotImplementedError, UnicodeError, struct.error):
        raise BadInput(
            f"“{archive.name}” is not a protected archive of this program: it has no {MANIFEST_NAME}."
        ) from None


def _unpack(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(MANIFEST_NAME)
    if info.file_size > MAX_MANIFEST_BYTES or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise KeyError  # this program writes no such manifest
    try:
        with archive.open(info) as file:
            return file.read(MAX_MANIFEST_BYTES)
    except ZIP_ERRORS:
        raise BadInput(f"“{name}” is damaged or encrypted: its {MANIFEST_NAME} cannot be unpacked.") from None
