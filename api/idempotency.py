"""`Idempotency-Key`: a request that is sent twice does its work once (draft-ietf-httpapi-idempotency-key-header).

A key is reserved before the work, and its response is stored in the transaction of the work. A reservation whose server
was killed lapses after `RESERVATION_TIMEOUT`; a stored response is deleted after `RESPONSE_LIFETIME`.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import anyio.to_thread
from fastapi.responses import JSONResponse, Response
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.context import AppContext
from api.problems import Problem
from store import models as m
from store.clock import now
from store.database import Database

RESERVATION_TIMEOUT = timedelta(seconds=60)
RENEWAL_SECONDS = 15.0  # between two renewals of a reservation
RESPONSE_LIFETIME = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponse:
    """The response to the first request with a key.

    Attributes:
        fingerprint: Identifies the request (see `fingerprint`).
        status: The status code.
        location: The `Location` header.
        body: The JSON body.
    """

    fingerprint: str
    status: int
    location: str | None
    body: dict[str, Any]

    def to_response(self, *, replayed: bool = False) -> Response:
        """The response to send; a replayed one has the header `Idempotency-Replayed`."""
        headers = {"Location": self.location or ""} | ({"Idempotency-Replayed": "true"} if replayed else {})
        return JSONResponse(self.body, status_code=self.status, headers=headers)


def fingerprint(operation: str, body: Any) -> str:
    """Identify a request, so that a key cannot be used for two different ones.

    Args:
        operation: The method and the path.
        body: The content of the body, as JSON data.

    Returns:
        A SHA-256 digest in hexadecimal.
    """
    return hashlib.sha256(json.dumps([operation, body], sort_keys=True).encode()).hexdigest()


def reserve(session: Session, *, owner_id: str, key: str) -> StoredResponse | None:
    """Reserve a key for the work that follows.

    Args:
        session: A transaction that is committed before the work, or with it.
        owner_id: The id of the user who sends the request.
        key: The key.

    Returns:
        The stored response if the key has one, else None: the key is reserved.

    Raises:
        Problem: 409 while another request holds the key.
    """
    moment = now(session)
    row = session.scalar(select(m.IdempotencyKey).where(*_is_key(owner_id, key)))
    if row is None:
        try:
            with session.begin_nested():
                session.add(m.IdempotencyKey(owner_id=owner_id, key=key, request=""))
        except IntegrityError:
            raise _in_use() from None
        return None
    if row.status is not None:
        return StoredResponse(fingerprint=row.request, status=row.status, location=row.location, body=row.body or {})
    lapsed = (m.IdempotencyKey.id == row.id, m.IdempotencyKey.created_at < moment - RESERVATION_TIMEOUT)
    take_over = update(m.IdempotencyKey).where(*lapsed).values(created_at=moment).returning(m.IdempotencyKey.id)
    if session.execute(take_over).scalar() is None:
        raise _in_use()
    return None


def store_response(session: Session, *, owner_id: str, key: str, response: StoredResponse) -> None:
    """Store the response of a reserved key.

    Args:
        session: The transaction of the work, so that both are committed or neither.
        owner_id: The id of the user who sends the request.
        key: The reserved key.
        response: The response to the request.
    """
    values = {
        "request": response.fingerprint,
        "status": response.status,
        "location": response.location,
        "body": response.body,
    }
    session.execute(update(m.IdempotencyKey).where(*_is_key(owner_id, key)).values(values))


def require_same_request(stored: StoredResponse, fingerprint: str) -> StoredResponse:
    """Check that a stored response belongs to this request.

    Args:
        stored: The stored response of the key.
        fingerprint: The fingerprint of this request.

    Returns:
        The stored response.

    Raises:
        Problem: 422 if the key was used for a different request.
    """
    if stored.fingerprint != fingerprint:
        detail = "This Idempotency-Key was used for a different request. Use a new key for each new request."
        raise Problem(422, detail, kind="idempotency-key-reused")
    return stored


@asynccontextmanager
async def reservation(context: AppContext, *, owner_id: str, key: str | None) -> AsyncIterator[StoredResponse | None]:
    """Hold the reservation of a key during long work, in transactions of its own.

    The reservation is renewed in the background. It ends without a response if the work raises.

    Args:
        context: The application context, for its database.
        owner_id: The id of the user who sends the request.
        key: The key; without one nothing is reserved.

    Yields:
        The stored response if the key has one, else None.

    Raises:
        Problem: 409 while another request holds the key.
    """
    if key is None:
        yield None
        return
    stored = await anyio.to_thread.run_sync(_reserve_and_commit, context.db, owner_id, key)
    if stored is not None:
        yield stored
        return
    renewal = asyncio.create_task(_renew_regularly(context.db, owner_id, key))
    try:
        yield None
    finally:
        renewal.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_end_reservation, context.db, owner_id, key)


def delete_expired(session: Session) -> None:
    """Delete the stored responses that are older than `RESPONSE_LIFETIME`."""
    session.execute(delete(m.IdempotencyKey).where(m.IdempotencyKey.created_at < now(session) - RESPONSE_LIFETIME))


def _reserve_and_commit(db: Database, owner_id: str, key: str) -> StoredResponse | None:
    with db.write.begin() as session:
        return reserve(session, owner_id=owner_id, key=key)


def _end_reservation(db: Database, owner_id: str, key: str) -> None:
    """Delete the key if it has no response yet."""
    with db.write.begin() as session:
        session.execute(delete(m.IdempotencyKey).where(*_is_key(owner_id, key), m.IdempotencyKey.status.is_(None)))


async def _renew_regularly(db: Database, owner_id: str, key: str) -> None:
    with suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(RENEWAL_SECONDS)
            await anyio.to_thread.run_sync(_renew, db, owner_id, key)


def _renew(db: Database, owner_id: str, key: str) -> None:
    reserved = (*_is_key(owner_id, key), m.IdempotencyKey.status.is_(None))
    with db.write.begin() as session:
        session.execute(update(m.IdempotencyKey).where(*reserved).values(created_at=now(session)))


def _is_key(owner_id: str, key: str) -> tuple[Any, Any]:
    return m.IdempotencyKey.owner_id == owner_id, m.IdempotencyKey.key == key


def _in_use() -> Problem:
    detail = "The first request with this Idempotency-Key is still in progress. Try again in a moment."
    return Problem(409, detail, kind="idempotency-key-in-use", headers={"Retry-After": "2"})
