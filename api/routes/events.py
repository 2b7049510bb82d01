"""/v1/jobs/{id}/events: what happens to a job, as server-sent events."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.dependencies import Context, OwnJob
from api.problems import Problem
from store import models as m

router = APIRouter(tags=["jobs"])

_SEQ = re.compile(r"[0-9]{1,18}")
RETRY = 2000  # milliseconds after which a browser comes back

LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", description="the id of the last event that came")]


def _heard(job: OwnJob, last_event_id: LastEventId = None) -> int:
    """The last `seq` the listener knows. Raises Problem 204, at which browsers stop asking, where no more will come."""
    heard = int(last_event_id) if last_event_id and _SEQ.fullmatch(last_event_id) else 0
    heard = min(heard, job.seq)  # an id from nowhere must not keep the listener waiting
    if job.state in m.FINAL and heard == job.seq:
        raise Problem(204, "This job is over, and you know it.")
    return heard


@router.get(
    "/v1/jobs/{job_id}/events",
    response_class=EventSourceResponse,
    responses={204: {"description": "The job is over, and Last-Event-ID was its last event"}},
)
async def events(
    job: OwnJob, context: Context, heard: Annotated[int, Depends(_heard)]
) -> AsyncIterator[ServerSentEvent]:
    """`state` when the state changes, `progress` in between; each carries the job. Ends after the final state."""
    state: str | None = None
    async for news in context.job_event_broker.follow(job.id, after=heard):
        kind = "progress" if news.job.state == state else "state"
        state = news.job.state
        data: dict[str, Any] = news.job.model_dump(mode="json")
        yield ServerSentEvent(event=kind, id=str(news.seq), data=data, retry=RETRY)
