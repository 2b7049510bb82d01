"""The page of the trained generators: what each is, where it comes from, and what was measured."""

import shlex
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.dependencies import CurrentUser, Db
from api.pages.forms.fields import OPTION_LABELS
from api.pages.generator_advice import GeneratorAdvice, advice_for
from api.pages.generator_measurements import Measurements, parse_measurements
from api.pages.render import render_page
from core.generators.card import Card
from core.generators.compatibility import FIXED_BY_GENERATOR
from store import models as m

router = APIRouter()
_COMMAND_OPTIONS = ("preset", *FIXED_BY_GENERATOR, "seed")  # the options of `unteachable train` that a card holds


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorView:
    """A generator as the page shows it.

    Attributes:
        row: The row of the generator.
        card: Its card.
        trained_at: When it was trained; None if the card has another time format than ours.
        preset: The label of its preset.
        method: The label of its method.
        trained_here: Whether a job of this service trained it.
        own_job: The id of this job, if it belongs to the user.
        command: The command that trains the same generator.
        measurements: What was measured.
        advice: When to take it.
    """

    row: m.Generator
    card: Card
    trained_at: datetime | None
    preset: str
    method: str
    trained_here: bool
    own_job: str | None
    command: str
    measurements: Measurements
    advice: GeneratorAdvice


@router.get("/generators")
def show(user: CurrentUser, db: Db) -> Response:
    """Show all generators, the recommended ones first. Every user may see all, as at `GET /v1/generators`."""
    rows = db.scalars(select(m.Generator).order_by(m.Generator.created_at.desc(), m.Generator.id))
    views = [_generator_view(db, user, row) for row in rows]
    views.sort(key=lambda view: not view.advice.recommended)
    return render_page("generators.html", user=user, current="generators", generators=views)


def _generator_view(session: Session, user: m.User, row: m.Generator) -> GeneratorView:
    card = Card.from_dict(row.card)
    job = session.get(m.Job, row.job_id) if row.job_id else None
    trained_here = row.job_id is not None or card.command == _job_command(row.id)
    presets = OPTION_LABELS["preset"]
    return GeneratorView(
        row=row,
        card=card,
        trained_at=_parse_time(card.created_at),
        preset=presets[card.preset].label if card.preset in presets else card.preset,
        method=OPTION_LABELS["method"][card.method].label,
        trained_here=trained_here,
        own_job=job.id if job is not None and job.owner_id == user.id else None,
        command=_equivalent_command(card) if trained_here else card.command,
        measurements=parse_measurements(card.measured),
        advice=advice_for(row, card),
    )


def _job_command(job_id: str) -> str:
    """Return what the card of a job's generator has in place of a command."""
    return f"train job {job_id}"


def _equivalent_command(card: Card) -> str:
    options = [word for key in _COMMAND_OPTIONS for word in (f"--{key.replace('_', '-')}", str(getattr(card, key)))]
    options += ["--grey"] if card.grey_updates else []
    options += ["--evidence", "none"] if card.measured is None else []  # else a part is held out from the training
    return shlex.join(["unteachable", "train", card.data, "OUT.safetensors", "--name", card.name, *options])


def _parse_time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
