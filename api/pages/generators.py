"""The trained generators: what each is, where it came from, and what was measured of it."""

import shlex
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.dependencies import CurrentUser, Db
from api.pages import generator_measurements, listing
from api.pages.forms.protect import WORDS
from api.pages.render import page
from core.generators.card import Card
from core.generators.compatibility import FIXED
from store import models as m

router = APIRouter()
_ON_CARD = ("preset", *FIXED, "seed")  # what of the spec that it was trained by stands on a generator's card


@router.get("/generators")
def show(user: CurrentUser, db: Db) -> Response:
    """All of them, newest first: who may see what is as at `GET /v1/generators`."""
    known = db.scalars(select(m.Generator).order_by(m.Generator.created_at.desc(), m.Generator.id))
    return page("generators.html", user=user, here="generators", generators=[_values(db, user, row) for row in known])


def _values(session: Session, user: m.User, row: m.Generator) -> dict[str, Any]:
    """What the page says of a generator."""
    card = Card.from_dict(row.card)
    job = session.get(m.Job, row.job_id) if row.job_id else None
    trained_here = row.job_id is not None or card.command == _job_command(row.id)
    return listing.values(
        row,
        about=card,
        trained_at=_moment(card.created_at),
        preset=WORDS["preset"][card.preset].label if card.preset in WORDS["preset"] else card.preset,
        method_words=WORDS["method"][card.method].label,
        trained_here=trained_here,
        own_job=job.id if job is not None and job.owner_id == user.id else None,
        command=_equal_command(card) if trained_here else card.command,
        measured=generator_measurements.read(card.measured),
    )


def _job_command(job_id: str) -> str:
    """What the card of a job's generator has in place of a command."""
    return f"train job {job_id}"


def _equal_command(card: Card) -> str:
    """The command that does what a job did."""
    options = [word for key in _ON_CARD for word in (f"--{key.replace('_', '-')}", str(getattr(card, key)))]
    options += ["--grey"] if card.grey_updates else []
    options += ["--evidence", "none"] if card.measured is None else []  # else a part was held out from the training
    return shlex.join(["unteachable", "train", card.data, "OUT.safetensors", "--name", card.name, *options])


def _moment(text: str) -> datetime | None:
    """The time on a card; None where it is written in another way than ours."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
