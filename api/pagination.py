"""Cursor pagination: lists in pages, newest first."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

from fastapi import Query
from sqlalchemy import Select, and_, or_
from sqlalchemy.orm import Session

from api.problems import field_problem
from store import models as m

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CURSOR = r"[0-9]{1,16}\.[A-Za-z0-9_-]{1,32}"  # when the last item was created, in microseconds, and its id
DEFAULT_PAGE_LIMIT = 50
PageLimit = Annotated[int, Query(ge=1, le=200, description="The largest number of items.")]
PageCursor = Annotated[
    str | None, Query(description="`next` of the page before.", json_schema_extra={"pattern": f"^{CURSOR}$"})
]
Listed = TypeVar("Listed", m.Dataset, m.Generator, m.Job, m.Token)


class PageParams:
    """The page of a list that a request asks for.

    Args:
        limit: The largest number of items.
        cursor: The `next` of the page before; None for the first page.

    Raises:
        Problem: 422 for a cursor that this service did not make.
    """

    def __init__(self, limit: int, cursor: str | None) -> None:
        self.limit = limit
        self.after = None if cursor is None else _decode(cursor)

    def select(self, session: Session, query: Select[Any], model: type[Listed]) -> tuple[list[Listed], str | None]:
        """Read the rows of the page.

        Args:
            session: An open session.
            query: Selects the rows of the whole list, in any order.
            model: The model of the rows.

        Returns:
            The rows, newest first, and the cursor of the next page; None on the last page.
        """
        if self.after is not None:
            created_at, id_ = self.after
            is_older = or_(model.created_at < created_at, and_(model.created_at == created_at, model.id < id_))
            query = query.where(is_older)
        query = query.order_by(model.created_at.desc(), model.id.desc()).limit(self.limit + 1)
        rows: list[Listed] = list(session.scalars(query))
        has_more = len(rows) > self.limit
        rows = rows[: self.limit]
        return rows, _encode(rows[-1].created_at, rows[-1].id) if has_more else None


def _encode(created_at: datetime, id_: str) -> str:
    return f"{(created_at - EPOCH) // timedelta(microseconds=1)}.{id_}"


def _decode(cursor: str) -> tuple[datetime, str]:
    if not re.fullmatch(CURSOR, cursor):
        raise field_problem("cursor", "is not a `next` of this list")
    microseconds, id_ = cursor.split(".")
    return EPOCH + timedelta(microseconds=int(microseconds)), id_
