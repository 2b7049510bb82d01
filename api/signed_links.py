"""Download links that need no token until they expire. They are signed, so that nobody can forge or change one."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer

from api.context import AppContext
from api.problems import Problem, not_found
from store.clock import utc_now


@dataclass(frozen=True, slots=True)
class SignedLink:
    """The signed part of a link's address, and when the link expires."""

    signed: str
    expires_at: datetime


def create(context: AppContext, job_id: str, *, seconds: int | None) -> SignedLink:
    """Sign a link to the archive of a job.

    Args:
        context: The application context, for its keys and settings.
        job_id: The id of the job.
        seconds: How long the link works; None takes the service's setting.

    Returns:
        The link.
    """
    lifetime = timedelta(seconds=seconds or context.settings.link_seconds)
    expires_at = (utc_now() + lifetime).replace(microsecond=0)
    return SignedLink(_signer(context).dumps([job_id, int(expires_at.timestamp())]), expires_at)


def read(context: AppContext, signed: str) -> str:
    """Verify a link.

    Args:
        context: The application context, for its keys.
        signed: The signed part of the link's address.

    Returns:
        The id of the job.

    Raises:
        Problem: 404 if the signature is not valid, 410 if the link has expired.
    """
    try:
        job_id, expires = _signer(context).loads(signed)
    except BadSignature:
        raise not_found("link") from None
    if datetime.fromtimestamp(expires, UTC) < utc_now():
        raise Problem(410, "This link has expired; request a new one.", kind="expired")
    return str(job_id)


def _signer(context: AppContext) -> URLSafeSerializer:
    return URLSafeSerializer(list(reversed(context.keys)), salt="archive")  # the library signs with the last key
