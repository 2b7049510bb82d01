"""The same request sent twice does its work once: `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).

A key is taken before the work and given its answer in the work's own transaction. A key whose holder went away (its
server was killed) is free again after `STALE`; an answer is kept for a day.
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

STALE = timedelta(seconds=60)
SIGN_OF_LIFE = 15.0  # seconds
KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponse:
    """What was answered the first time, and to which request."""

    request: str
    status: int
    location: str | None
    body: dict[str, Any]

    def response(self, **notes: str) -> Response:
        """The answer as it is sent; notes become headers, such as Idempotency-Replayed."""
        headers = {"Location": self.location or ""} | {f"Idempotency-{k.capitalize()}": v for k, v in notes.items()}
        return JSONResponse(self.body, status_code=self.status, headers=headers)


def fingerprint(request: str, body: Any) -> str:
    """What makes two requests the same: method and address, and the body's meaning."""
    return hashlib.sha256(json.dumps([request, body], sort_keys=True).encode()).hexdigest()


def take(session: Session, *, owner_id: str, key: str) -> StoredResponse | None:
    """Take a key for the work that follows; or the answer it has already. Raises Problem 409 while somebody else works.

    Commit at once: others must see it.
    """
    moment = now(session)
    row = session.scalar(select(m.IdempotencyKey).where(*_is(owner_id, key)))
    if row is None:
        try:
            with session.begin_nested():
                session.add(m.IdempotencyKey(owner_id=owner_id, key=key, request=""))
        except IntegrityError:
            raise _busy() from None
        return None
    if row.status is not None:
        return StoredResponse(request=row.request, status=row.status, location=row.location, body=row.body or {})
    stale = update(m.IdempotencyKey).where(m.IdempotencyKey.id == row.id, m.IdempotencyKey.created_at < moment - STALE)
    if session.execute(stale.values(created_at=moment).returning(m.IdempotencyKey.id)).scalar() is None:
        raise _busy()
    return None


def settle(session: Session, *, owner_id: str, key: str, answer: StoredResponse) -> None:
    """Give a key its answer, in the transaction of the work."""
    values = {"request": answer.request, "status": answer.status, "location": answer.location, "body": answer.body}
    session.execute(update(m.IdempotencyKey).where(*_is(owner_id, key)).values(values))


def same(answer: StoredResponse, request: str) -> StoredResponse:
    """The answer, where the request is the one it was for. Raises Problem 422 for another."""
    if answer.request != request:
        detail = "This Idempotency-Key was used for a different request. Use a new key for each new request."
        raise Problem(422, detail, kind="idempotency-key-reused")
    return answer


@asynccontextmanager
async def held(context: AppContext, *, owner_id: str, key: str | None) -> AsyncIterator[StoredResponse | None]:
    """Holds a key over long work, with signs of life; it is free again where the work raises or is not settled."""
    if key is None:
        yield None
        return
    answer = await anyio.to_thread.run_sync(_take_now, context.db, owner_id, key)
    if answer is not None:
        yield answer
        return
    alive = asyncio.create_task(_keep_alive(context.db, owner_id, key))
    try:
        yield None
    finally:
        alive.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_let_go, context.db, owner_id, key)


def purge(session: Session) -> None:
    """Forget answers whose time is over."""
    session.execute(delete(m.IdempotencyKey).where(m.IdempotencyKey.created_at < now(session) - KEPT))


def _take_now(db: Database, owner_id: str, key: str) -> StoredResponse | None:
    with db.write.begin() as session:
        return take(session, owner_id=owner_id, key=key)


def _let_go(db: Database, owner_id: str, key: str) -> None:
    with db.write.begin() as session:
        session.execute(delete(m.IdempotencyKey).where(*_is(owner_id, key), m.IdempotencyKey.status.is_(None)))


async def _keep_alive(db: Database, owner_id: str, key: str) -> None:
    def sign() -> None:
        with db.write.begin() as session:
            session.execute(
                update(m.IdempotencyKey)
                .where(*_is(owner_id, key), m.IdempotencyKey.status.is_(None))
                .values(created_at=now(session))
            )

    with suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(SIGN_OF_LIFE)
            await anyio.to_thread.run_sync(sign)


def _is(owner_id: str, key: str) -> tuple[Any, Any]:
    return m.IdempotencyKey.owner_id == owner_id, m.IdempotencyKey.key == key


def _busy() -> Problem:
    detail = "The first request with this Idempotency-Key is still being worked on. Try again in a moment."
    return Problem(409, detail, kind="idempotency-key-in-use", headers={"Retry-After": "2"})
