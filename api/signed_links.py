"""Addresses that work without a token for a while: signed, so that nobody can make or change one."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer

from api.context import AppContext
from api.problems import Problem
from store.clock import utc_now


@dataclass(frozen=True, slots=True)
class Link:
    """A signed word, and when it stops working."""

    signed: str
    expires_at: datetime


def make(context: AppContext, job_id: str, *, seconds: int | None) -> Link:
    """A link to a job's archive."""
    expires = (utc_now() + timedelta(seconds=seconds or context.settings.link_seconds)).replace(microsecond=0)
    return Link(_signer(context).dumps([job_id, int(expires.timestamp())]), expires)


def read(context: AppContext, signed: str) -> str:
    """The job that a link leads to. Raises Problem 404 for one that is not ours, 410 for one whose time is over."""
    try:
        job_id, expires = _signer(context).loads(signed)
    except BadSignature:
        raise Problem(404, "There is no such link.", kind="not-found") from None
    if datetime.fromtimestamp(expires, UTC) < utc_now():
        raise Problem(410, "The time of this link is over; ask for a new one.", kind="expired")
    return str(job_id)


def _signer(context: AppContext) -> URLSafeSerializer:
    return URLSafeSerializer(list(reversed(context.keys)), salt="archive")  # the library signs with the last key
