"""Trained generators: rows of what one can choose, files in the store. Never commits, but for `offer_shipped`."""

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
from core.generators.shipped import FOLDER, best_fit, settled
from core.specs.protect import INSTANT, ProtectSpec
from store import models as m
from store.database import Database
from store.object_store import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A generator's file in the store: where, how large (bytes), its hash and its card."""

    key: str
    bytes: int
    sha256: str
    card: Card


def store_file(files: ObjectStore, generator_id: str, path: Path) -> Stored:
    """Put a generator's file into the store, under a key that no other content has. Raises BadInput for other files."""
    card, content = read_card(path), path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    key = f"generators/{generator_id}/{digest}.safetensors"
    if not files.exists(key):
        files.write(key, content)
    return Stored(key=key, bytes=len(content), sha256=digest, card=card)


def put(session: Session, generator_id: str, stored: Stored, *, job_id: str | None = None) -> m.Generator:
    """The row of this id, new or as it now is."""
    card = stored.card
    row = session.get(m.Generator, generator_id) or m.Generator(id=generator_id)
    same = ("name", "method", "architecture", "channels", "size", "classes", "radius_u", "radius_a")
    for name in same:
        setattr(row, name, getattr(card, name))
    row.file_key, row.sha256, row.bytes, row.job_id = stored.key, stored.sha256, stored.bytes, job_id
    row.card = card.to_dict()
    session.add(row)
    session.flush()
    return row


def offer_shipped(database: Database, files: ObjectStore, folder: Path = FOLDER) -> list[str]:
    """Rows and stored files for the generators that ship with this release; ids of those that were new or changed.

    Idempotent. A file's stem is its row's id, so that scripts may rely on it; one that ships no more stays. Raises
    BadInput for a file that is no generator, StoreError where the store cannot be written.
    """
    changed = []
    for path in sorted(folder.glob("*.safetensors")):
        stored = store_file(files, path.stem, path)
        with database.read() as session:
            row = session.get(m.Generator, path.stem)
        if row is None or (row.sha256, row.file_key) != (stored.sha256, stored.key):
            with suppress(IntegrityError), database.write.begin() as session:  # another machine may be doing the same
                put(session, path.stem, stored)
            changed.append(path.stem)
    return changed


def choosable(session: Session, dataset: m.Dataset) -> list[m.Generator]:
    """The generators that fit a dataset, as far as it is known yet, by name."""
    rows = session.scalars(select(m.Generator).order_by(m.Generator.name, m.Generator.id))
    return [row for row in rows if dataset.state != m.READY or len(dataset.classes) <= row.classes]


def parse_spec(session: Session, asked: Mapping[str, Any]) -> ProtectSpec:
    """The spec of a protect job: its generator's method and radii, if it has one, fill what was not asked for.

    Raises SpecError, also for a generator that is unknown, or was trained for other radii.
    """
    wanted = asked.get("generator_id")
    if wanted is None:
        return ProtectSpec.parse(settled(asked, None))
    ProtectSpec.parse({"generator_id": wanted})  # what cannot be an id never reaches the database
    row = session.get(m.Generator, wanted)
    if row is None:
        raise SpecError([FieldError("generator_id", "there is no such generator")])
    return ProtectSpec.parse(apply_generator_constraints(asked, Card.from_dict(row.card)))


def check_fit(session: Session, spec: ProtectSpec, dataset: m.Dataset) -> None:
    """Raises SpecError where the generator of a spec does not fit what is known of a dataset."""
    if dataset.state != m.READY:
        return
    if spec.generator_id:
        row = session.get(m.Generator, spec.generator_id)
        if row is not None and (wrong := incompatibilities(Card.from_dict(row.card), classes=len(dataset.classes))):
            raise SpecError([FieldError("generator_id", wrong)])
    elif spec.preset == INSTANT:
        try:
            best_fit(classes=len(dataset.classes))
        except BadInput as error:
            raise SpecError([FieldError("preset", str(error))]) from None
