"""Trained generators: rows for users to choose from, and files in the object store.

`session` is the caller's transaction: only `register_shipped` commits.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import BadInput, FieldError, SpecError
from core.generators.card import Card, read_card
from core.generators.compatibility import apply_generator_constraints, incompatibilities
from core.generators.shipped import (
    WEIGHTS_FOLDER,
    resolve_generator_constraints,
    select_shipped_generator,
    shipped_generators,
)
from core.specs.protect import INSTANT, PAPER, TEXTURE, ProtectSpec
from core.specs.visibility import too_small_for_textures
from store import datasets
from store import models as m
from store.database import Database
from store.object_store import ObjectStore

CARD_COLUMNS = ("name", "method", "architecture", "channels", "size", "classes", "radius_u", "radius_a")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGenerator:
    """A generator's file in the object store: its key, size in bytes, hash and card."""

    key: str
    bytes: int
    sha256: str
    card: Card


def store_file(files: ObjectStore, generator_id: str, path: Path) -> StoredGenerator:
    """Put a generator's file into the object store. The key contains the hash, so no other content replaces it.

    Args:
        files: the object store.
        generator_id: the id of its row.
        path: a safetensors file with a card.

    Raises:
        BadInput: the file is not a generator.
    """
    card, content = read_card(path), path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    key = f"generators/{generator_id}/{digest}.safetensors"
    if not files.exists(key):
        files.write(key, content)
    return StoredGenerator(key=key, bytes=len(content), sha256=digest, card=card)


def upsert(session: Session, generator_id: str, stored: StoredGenerator, *, job_id: str | None = None) -> m.Generator:
    """Insert or update the row of a generator.

    Args:
        session: the caller's transaction.
        generator_id: the id of the row.
        stored: its file.
        job_id: the train job that made it; None for a generator that ships.
    """
    row = session.get(m.Generator, generator_id) or m.Generator(id=generator_id)
    for name in CARD_COLUMNS:
        setattr(row, name, getattr(stored.card, name))
    row.file_key, row.sha256, row.bytes, row.job_id = stored.key, stored.sha256, stored.bytes, job_id
    row.card = stored.card.to_dict()
    session.add(row)
    session.flush()
    return row


def register_shipped(database: Database, files: ObjectStore, folder: Path = WEIGHTS_FOLDER) -> list[str]:
    """Store the files of the generators that ship with this release, and upsert their rows. Idempotent.

    The id of a row is the stem of its file, so scripts can rely on it. Rows of earlier releases stay.

    Args:
        database: where the rows go.
        files: where the files go.
        folder: where the release has its `*.safetensors`.

    Returns:
        The ids of the rows that are new or changed.

    Raises:
        BadInput: a file is not a generator.
        StoreError: the object store cannot be written.
    """
    changed = []
    for path in sorted(folder.glob("*.safetensors")):
        stored = store_file(files, path.stem, path)
        with database.read() as session:
            row = session.get(m.Generator, path.stem)
        if row is None or (row.sha256, row.file_key) != (stored.sha256, stored.key):
            with suppress(IntegrityError), database.write.begin() as session:  # another machine may insert it as well
                upsert(session, path.stem, stored)
            changed.append(path.stem)
    return changed


def compatible_generators(session: Session, dataset: m.Dataset) -> list[m.Generator]:
    """Return the generators that fit a dataset, by name; all of them while the dataset is being checked."""
    rows = session.scalars(select(m.Generator).order_by(m.Generator.name, m.Generator.id))
    return [row for row in rows if dataset.state != m.READY or len(dataset.classes) <= row.classes]


def parse_spec(session: Session, fields: Mapping[str, Any]) -> ProtectSpec:
    """Validate the spec of a protect job. A generator's method and radii fill in the fields that are missing.

    Args:
        session: the caller's transaction.
        fields: the requested fields, as JSON values.

    Raises:
        SpecError: a field is invalid, the generator is unknown, or it was trained for other radii.
    """
    generator_id = fields.get("generator_id")
    if generator_id is None:
        return ProtectSpec.parse(resolve_generator_constraints(fields, None))
    ProtectSpec.parse({"generator_id": generator_id})  # refuses a malformed id before it reaches the database
    row = session.get(m.Generator, generator_id)
    if row is None:
        raise SpecError([FieldError("generator_id", "there is no such generator")])
    return ProtectSpec.parse(apply_generator_constraints(fields, Card.from_dict(row.card)))


def check_compatibility(session: Session, spec: ProtectSpec, dataset: m.Dataset) -> None:
    """Check that the generator of a spec fits a dataset. Does nothing while the dataset is being checked.

    Args:
        session: the caller's transaction.
        spec: the validated request.
        dataset: the dataset to protect.

    Raises:
        SpecError: the generator or the layout does not fit.
    """
    if dataset.state != m.READY:
        return
    classes = datasets.classes_by(dataset, spec.layout)
    if spec.generator_id:
        row = session.get(m.Generator, spec.generator_id)
        if row is not None and (reason := incompatibilities(Card.from_dict(row.card), classes=classes)):
            raise SpecError([FieldError("generator_id", reason)])
    elif spec.method == TEXTURE:
        if datasets.are_small(dataset):
            raise SpecError([FieldError("method", too_small_for_textures())])
    elif spec.method is None and spec.preset != PAPER and not datasets.are_small(dataset):
        return  # photographs get textures, and the sizes of other images are not known yet
    elif classes == 1:  # nothing can be trained on one class, so the preset instant replaces the others
        why = "these images are one class, from which nothing can be trained, so a generator that ships makes the noise"
        _check_shipped(spec, classes, why=f"; {why}")
    elif spec.preset == INSTANT:
        _check_shipped(spec, classes, why="")


def _check_shipped(spec: ProtectSpec, classes: int, *, why: str) -> None:
    """Check that a generator that ships makes the noise of this spec; `why` follows the message of a wrong field."""
    try:
        apply_generator_constraints(spec.to_dict(), shipped_generators()[0].card)
        select_shipped_generator(classes=classes)
    except SpecError as error:
        raise SpecError([FieldError(one.field, f"{one.message}{why}") for one in error.errors]) from None
    except BadInput as error:
        raise SpecError([FieldError("preset", str(error))]) from None
