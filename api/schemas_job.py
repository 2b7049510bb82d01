"""The JSON bodies of requests for jobs, and of jobs."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, WithJsonSchema

from core.specs.protect import ProtectSpec
from core.specs.train import TrainSpec
from core.specs.verify import VerifySpec
from store import models as m
from store.queue_places import QueuePlace

State = Literal["queued", "running", "succeeded", "failed", "canceled"]

_DATASET_ID = "GAnYi2cRMA5mvN3wSO2P7Q"
_JOB_ID = "hfrX2tq0Q7eW0a1KkJm3Zg"
_SPEC_SCHEMA = {
    "anyOf": [{"title": spec.__name__} | spec.json_schema() for spec in (ProtectSpec, VerifySpec, TrainSpec)],
    "description": "The settings of the job. Every key is optional; `GET /v1/spec` has the schema of each kind.",
}


class ProgressOut(BaseModel):
    """The progress of a job: `done` of `total` units of work in a stage."""

    stage: str | None
    done: int
    total: int
    eta_seconds: float | None


class QueueOut(BaseModel):
    """The place of a waiting job."""

    model_config = ConfigDict(from_attributes=True)

    position: int = Field(description="1 for the job that starts next.")
    starts_in_seconds: float | None = Field(
        description="How long until it starts, as estimated now; null where a job before it has no estimate, or where "
        "no worker runs that takes it."
    )
    name: str = Field(
        validation_alias=AliasChoices("queue", "name"),
        description="check, short, cpu or gpu; a job with the preset paper waits in gpu.",
    )
    workers: int = Field(description="How many workers take jobs of this queue now.")
    notice: str | None = Field(description="Why no worker takes the job now; null where one does.")


class EstimateOut(BaseModel):
    """How long a protection takes, in seconds."""

    archive: float = Field(description="Until the archive can be downloaded.")
    evidence: float = Field(description="From then on, until the evidence is measured.")


class JobOut(BaseModel):
    """A job that protects, trains or verifies, with its state and its progress."""

    id: str
    kind: str
    state: State
    attempt: int
    dataset_id: str | None
    target_job_id: str | None = Field(description="The protect job whose archive this job verifies.")
    spec: dict[str, Any] = Field(description="The settings of the job, with every default filled in.")
    progress: ProgressOut
    queue: QueueOut | None = Field(description="Where a queued job waits; null for other jobs.")
    estimate: EstimateOut | None = Field(
        description="How long a protection was expected to take; null while its dataset is checked."
    )
    measured: EstimateOut | None = Field(description="How long a protection took; null until it has succeeded.")
    cancel_requested: bool
    error: str | None = Field(description="Why the job failed.")
    archive_bytes: int | None
    archive_ready_at: datetime | None = Field(
        description="Since when there is an archive to download. A protection has one before its evidence is measured; "
        "it stays if the measurement fails or is canceled."
    )
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(
        description="When the job is deleted with its archive and its report; null for never, and while it is not over."
    )

    @classmethod
    def of(cls, row: m.Job, place: QueuePlace | None = None) -> Self:
        """The JSON form of a job's row.

        Args:
            row: The row.
            place: Where it waits, if it does.
        """
        made = {
            "progress": {name: getattr(row, name) for name in ProgressOut.model_fields},
            "queue": None if place is None else QueueOut.model_validate(place),
        }
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields if name not in made} | made)


class JobIn(BaseModel):
    """A request for a job: what to do, with which dataset or, for a verify job, with the archive of which job."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "required": ["kind"],
            "examples": [
                {"kind": "protect", "dataset_id": _DATASET_ID, "spec": {"preset": "quick", "radius_u": 8}},
                {"kind": "train", "dataset_id": _DATASET_ID, "spec": {"name": "My generator"}},
                {"kind": "verify", "target_job_id": _JOB_ID, "spec": {"countermeasures": ["none", "jpeg-75"]}},
            ],
        },
    )

    kind: Literal["protect", "verify", "train"]
    dataset_id: str | None = Field(None, description="The dataset to protect, to train on, or to verify as it is.")
    target_job_id: str | None = Field(None, description="The protect job whose archive a verify job measures.")
    spec: Annotated[dict[str, Any], WithJsonSchema(_SPEC_SCHEMA)] = Field(default_factory=dict)
