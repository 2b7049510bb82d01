"""/v1/jobs/{id}/events: the changes of a job as server-sent events (HTML standard, section 9.2)."""

import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.dependencies import Context, OwnJob
from api.problems import Problem
from store import models as m

router = APIRouter(tags=["jobs"])

_SEQ = re.compile(r"[0-9]{1,18}")
RETRY_MILLISECONDS = 2000  # after which a browser reconnects

LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="The id of the last event that arrived, to continue after it."),
]


async def _last_seen_seq(job: OwnJob, last_event_id: LastEventId = None) -> int:
    """The last `seq` that the client has. Raises Problem 204, at which browsers stop, if no event can follow."""
    seen = int(last_event_id) if last_event_id and _SEQ.fullmatch(last_event_id) else 0
    seen = min(seen, job.seq)  # with an invented id the client would wait forever
    if job.state in m.FINAL and seen == job.seq:
        raise Problem(204, "This job is over, and you have its last event.")
    return seen


@router.get(
    "/v1/jobs/{job_id}/events",
    summary="Follow a job",
    response_class=EventSourceResponse,
    responses={204: {"description": "The job is over, and Last-Event-ID was its last event."}},
)
async def follow_job(
    job: OwnJob, context: Context, seen: Annotated[int, Depends(_last_seen_seq)]
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: `state` when the state changes, `progress` in between.

    Each event contains the whole job. The stream ends after the final state.
    """
    state: str | None = None
    async for event in context.job_followers.follow(job.id, after=seen):
        name = "progress" if event.job.state == state else "state"
        state = event.job.state
        yield ServerSentEvent(event=name, id=str(event.seq), raw_data=event.json, retry=RETRY_MILLISECONDS)
