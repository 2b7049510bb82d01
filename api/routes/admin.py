"""/v1/admin: what the service does now, for admins."""

from fastapi import APIRouter

from api.dependencies import Context, CurrentAdmin, Db
from api.openapi import problem_responses
from api.schemas import Page
from api.schemas_admin import QueueStateOut, WorkerOut
from store import workers
from store.queue_state import queue_states
from store.workforce import read_workforce

router = APIRouter(prefix="/v1/admin", tags=["admin"], responses=problem_responses({403: "The user is no admin."}))


@router.get("/workers", summary="List the workers")
def list_workers(_admin: CurrentAdmin, db: Db, context: Context) -> Page[WorkerOut]:
    """Every worker, by machine, with the job that it runs. There is one page."""
    found = workers.listed(db, lease_seconds=context.settings.lease_seconds)
    return Page(items=[WorkerOut.of(worker) for worker in found], next=None)


@router.get("/queues", summary="List the queues")
def list_queues(_admin: CurrentAdmin, db: Db, context: Context) -> Page[QueueStateOut]:
    """Every queue of jobs, with its length, its age and its workers. There is one page."""
    states = queue_states(db, read_workforce(db, context.settings))
    return Page(items=[QueueStateOut.model_validate(state) for state in states], next=None)
