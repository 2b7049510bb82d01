"""The JSON body of `/status`: what an operator sees of one API process."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from api.schemas_admin import QueueStateOut, WorkerOut


class PartOut(BaseModel):
    """A part that the service uses."""

    ok: bool
    needed: bool = Field(description="Whether this API is not ready without it.")
    detail: str | None = Field(description="What is wrong with it.")


class SchemaOut(BaseModel):
    """The revision of the database."""

    current: str | None = Field(description="Null where the database cannot be read, or has no tables.")
    expected: str = Field(description="The revision that this version needs, or a later one.")


class JobCountOut(BaseModel):
    """How many jobs of a kind have a state."""

    kind: str
    state: str
    jobs: int


class CleanupOut(BaseModel):
    """Whether stored files without a use are removed."""

    on: bool
    deployment_id: str | None
    reason: str | None = Field(description="Why they are not.")


class MaintenanceOut(BaseModel):
    """A command that holds the maintenance mode, such as a backup."""

    reason: str
    refuses_writes: bool = Field(description="Whether writes are refused, and workers begin no job.")
    until: datetime = Field(description="When it ends, unless the command goes on.")


class StatusOut(BaseModel):
    """One API process and what it uses."""

    status: Literal["ready", "not ready"]
    role: Literal["api"]
    version: str
    host: str = Field(description="The name of the machine that answers.")
    database_schema: SchemaOut
    parts: dict[str, PartOut]
    jobs: list[JobCountOut]
    queues: list[QueueStateOut] = Field(description="Empty where the database cannot be read.")
    workers: list[WorkerOut] = Field(description="Empty where the database cannot be read.")
    cleanup: CleanupOut
    maintenance: MaintenanceOut | None = Field(description="Null for none, and where the database cannot be read.")
    open_deletions: int | None = Field(
        description="Deletions whose files may not be gone yet; a worker tries again. Null without a database."
    )
