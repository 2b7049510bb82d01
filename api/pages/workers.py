"""Workers and queues, for admins."""

from fastapi import APIRouter, Response

from api.dependencies import Context, CurrentAdmin, Db
from api.pages.render import render_page
from store import workers
from store.queue_state import QueueState, queue_states
from store.workforce import read_workforce

router = APIRouter()

QUEUE_LABELS = {
    "check": "Checks of uploads",
    "short": "Short jobs",
    "cpu": "Jobs that need no GPU",
    "gpu": "Jobs that need a GPU",
}


@router.get("/workers")
def show(admin: CurrentAdmin, db: Db, context: Context) -> Response:
    """Show the workers and the queues.

    Raises:
        Problem: 403 if the user is not an admin.
    """
    workforce = read_workforce(db, context.settings)
    states = queue_states(db, workforce)
    return render_page(
        "workers.html",
        user=admin,
        current="workers",
        workers=workers.listed(db, lease_seconds=context.settings.lease_seconds),
        queues=[(QUEUE_LABELS[state.name], state) for state in states],
        unserved=[QUEUE_LABELS[state.name] for state in states if _is_unserved(state)],
        cpu_takes_gpu_jobs=workforce.cpu_takes_gpu_jobs,
    )


def _is_unserved(state: QueueState) -> bool:
    return state.waiting > 0 and state.workers == 0
