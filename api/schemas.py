"""What goes in and out as JSON."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from core.filenames import FORBIDDEN_NAME_CHARS, MAX_NAME_CHARS
from core.specs.protect import ProtectSpec
from core.specs.train import TrainSpec
from core.specs.verify import VerifySpec
from store import models as m

T = TypeVar("T")

State = Literal["queued", "running", "succeeded", "failed", "canceled"]
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=MAX_NAME_CHARS, pattern=f"^[^{FORBIDDEN_NAME_CHARS}]*$"
    ),
]


class FieldErrorOut(BaseModel):
    """One thing wrong with one field."""

    field: str
    message: str


class ProblemOut(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldErrorOut] | None = None
    request_id: str | None = None


class Page(BaseModel, Generic[T]):
    """A part of a list; `next` is the cursor of the part after it."""

    items: list[T]
    next: str | None


class ClassOut(BaseModel):
    """A class and how many images it has."""

    name: str
    images: int


class SkippedOut(BaseModel):
    """A file that is left out, and why."""

    path: str
    reason: str


class ThumbnailOut(BaseModel):
    """A small picture of one of the images."""

    path: str
    url: str


class DatasetOut(BaseModel):
    """A dataset."""

    id: str
    name: str
    state: Literal["uploading", "checking", "ready", "rejected"]
    bytes: int
    images: int
    classes: list[ClassOut]
    skipped: list[SkippedOut]
    thumbnails: list[ThumbnailOut]
    error: str | None
    created_at: datetime
    expires_at: datetime | None

    @classmethod
    def of(cls, row: m.Dataset) -> Self:
        """The row as others see it."""
        thumbnails = [
            {"path": t.get("path", ""), "url": f"/v1/datasets/{row.id}/thumbnails/{n}"}
            for n, t in enumerate(row.thumbs)
        ]
        return cls.model_validate(
            {name: getattr(row, name) for name in cls.model_fields if name != "thumbnails"} | {"thumbnails": thumbnails}
        )


class ProgressOut(BaseModel):
    """Where a job is: `done` of `total` units of a stage."""

    stage: str | None
    done: int
    total: int
    eta_seconds: float | None


class JobOut(BaseModel):
    """A job."""

    id: str
    kind: str
    state: State
    attempt: int
    dataset_id: str | None
    target_job_id: str | None
    spec: dict[str, Any]
    progress: ProgressOut
    cancel_requested: bool
    error: str | None
    archive_bytes: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, row: m.Job) -> Self:
        """The row as others see it."""
        progress = {name: getattr(row, name) for name in ProgressOut.model_fields}
        return cls.model_validate(
            {name: getattr(row, name) for name in cls.model_fields if name != "progress"} | {"progress": progress}
        )


_ANY_SPEC = {"anyOf": [spec.json_schema() for spec in (ProtectSpec, VerifySpec, TrainSpec)]}


class JobIn(BaseModel):
    """What to do with a dataset; or, for verify jobs, with the archive of another job."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"required": ["kind"]})

    kind: Literal["protect", "verify", "train"]
    dataset_id: str | None = None
    target_job_id: str | None = None
    spec: Annotated[dict[str, Any], WithJsonSchema(_ANY_SPEC)] = Field(default_factory=dict)


class LinkIn(BaseModel):
    """For how long a link should work."""

    model_config = ConfigDict(extra="forbid", strict=True)

    seconds: int | None = Field(None, ge=60, le=7 * 86400, description="default: the service's own")


class LinkOut(BaseModel):
    """An address that needs no token."""

    url: str
    expires_at: datetime


class TokenIn(BaseModel):
    """A new API token's name."""

    model_config = ConfigDict(extra="forbid")

    name: Name


class TokenOut(BaseModel):
    """An API token without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    prefix: str
    created_at: datetime
    last_used_at: datetime | None


class NewTokenOut(TokenOut):
    """An API token, and the secret, which is shown this once."""

    token: str


class GeneratorOut(BaseModel):
    """A trained generator: what it was trained for, and on its card how, on what, and what was measured of it."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    method: str
    architecture: str
    radius_u: int
    radius_a: int
    channels: int
    size: int
    classes: int
    bytes: int
    sha256: str
    card: dict[str, Any]
    job_id: str | None
    created_at: datetime


class PresetOut(BaseModel):
    """A preset in words."""

    name: str
    title: str
    description: str


class SpecOut(BaseModel):
    """What a protect job can be asked for, and an admin's verify and train jobs."""

    model_config = ConfigDict(populate_by_name=True)

    json_schema_: dict[str, Any] = Field(alias="schema")
    verify_schema: dict[str, Any]
    train_schema: dict[str, Any]
    presets: list[PresetOut]
    limits: list[str]
