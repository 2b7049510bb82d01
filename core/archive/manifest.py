"""What a protected archive says of itself: its MANIFEST.json, read back. No torch here."""

import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import BadInput, SpecError
from core.generators.card import Card
from core.generators.compatibility import may_have_learned
from core.ingest.archives.zip import DAMAGED
from core.limits import Limits
from core.specs.protect import ProtectSpec

NAME = "MANIFEST.json"
MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """How an archive was made, and where each picture of the upload is in it."""

    spec: ProtectSpec
    generator: Mapping[str, Any]  # what ran
    delivered: Mapping[str, str]  # path in the upload -> path in the archive
    clean: frozenset[str]  # paths in the upload of pictures that were left without noise
    sizes: tuple[int, ...]  # of every file but this one, in bytes

    @property
    def learned_from_all(self) -> bool:
        """Whether the noise was learned from every picture, none being held out to test on."""
        return self.spec.evidence == "none" and "card" not in self.generator

    def may_have_learned(self, *, name: str, classes: Sequence[str]) -> bool:
        """Whether the noise is by a generator that may have been trained on the pictures of this dataset."""
        if "card" not in self.generator:
            return False
        card = self._card
        return card is None or may_have_learned(card, name=name, classes=classes)  # None: it cannot be ruled out

    @property
    def uses_greyscale_surrogate(self) -> bool:
        """Whether the noise is by a generator that was trained against being turned grey, too."""
        return self._card is not None and self._card.grey_updates > 0

    @property
    def _card(self) -> Card | None:
        """That of the generator which made the noise; None where none did, or where it is of another release."""
        try:
            return Card.from_dict(self.generator.get("card"))
        except ValueError:
            return None

    def holds(self, limits: Limits) -> Limits:
        """What the archive may hold: more than `limits`, those of an upload, where its own noisy files take more."""
        return replace(
            limits,
            bytes=max(limits.bytes, sum(self.sizes)) + MOST_BYTES,
            files=max(limits.files, len(self.sizes)) + 1,
            file_bytes=max(limits.file_bytes, MOST_BYTES, *self.sizes),
        )


def read_manifest(archive: Path) -> Manifest:
    """The manifest of a protected zip, or of the folder it was unpacked to. Raises BadInput for anything else."""
    content = _content(archive)
    try:
        data = json.loads(content)
        pictures = {file.get("was", file["path"]): file for file in data["files"] if "protected" in file}
        delivered = {path: file["path"] for path, file in pictures.items()}
        clean = frozenset(path for path, file in pictures.items() if not file["protected"])
        if not all(isinstance(name, str) for pair in delivered.items() for name in pair):
            raise TypeError
        sizes = tuple(file["bytes"] for file in data["files"])
        if not all(type(size) is int and size >= 0 for size in sizes):
            raise TypeError
        spec, generator = ProtectSpec.parse(data["spec"]), dict(data["generator"])
        return Manifest(spec=spec, generator=generator, delivered=delivered, clean=clean, sizes=sizes)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error) if isinstance(error, SpecError) else "it does not have the form of one"
        raise BadInput(f"“{archive.name}” has a {NAME} that cannot be read: {reason}.") from None


def _content(archive: Path) -> bytes:
    try:
        if archive.is_dir():
            return (archive / NAME).read_bytes()
        with zipfile.ZipFile(archive) as packed:
            return _unpacked(packed, archive.name)
    except (FileNotFoundError, KeyError, zipfile.BadZipFile, NotImplementedError, UnicodeError, struct.error):
        raise BadInput(f"“{archive.name}” is no protected archive of this program: it has no {NAME}.") from None


def _unpacked(packed: zipfile.ZipFile, name: str) -> bytes:
    info = packed.getinfo(NAME)
    if info.file_size > MOST_BYTES or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise KeyError  # none of ours
    try:
        with packed.open(info) as file:
            return file.read(MOST_BYTES)
    except DAMAGED:
        raise BadInput(f"“{name}” is damaged or encrypted: its {NAME} cannot be unpacked.") from None
