"""Lists in parts: newest first, from a cursor on."""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import Query
from sqlalchemy import Select, and_, or_
from sqlalchemy.orm import Session

from api.lookup import looks_like_id
from api.problems import field_problem
from store import models as m

Row = TypeVar("Row", m.Dataset, m.Generator, m.Job, m.Token)


class PageParams:
    """Which part of a list was asked for. Raises Problem 422 for a cursor that is none of ours."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=200, description="how many at most")] = 50,
        cursor: Annotated[str | None, Query(max_length=200, description="`next` of the part before")] = None,
    ) -> None:
        self.limit = limit
        self.after = None if cursor is None else _read(cursor)

    def cut(self, session: Session, query: Select[Any], row: type[Row]) -> tuple[list[Row], str | None]:
        """The rows of this part, and the cursor of the next."""
        if self.after is not None:
            at, id_ = self.after
            query = query.where(or_(row.created_at < at, and_(row.created_at == at, row.id < id_)))
        query = query.order_by(row.created_at.desc(), row.id.desc()).limit(self.limit + 1)
        rows: list[Row] = list(session.scalars(query))
        more = len(rows) > self.limit
        rows = rows[: self.limit]
        return rows, _write(rows[-1].created_at, rows[-1].id) if more else None


def _write(at: datetime, id_: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), id_]).encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, str]:
    try:
        at, id_ = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or not isinstance(id_, str) or not looks_like_id(id_):
            raise ValueError(cursor)
        moment = moment.astimezone(UTC)  # a year at the edge of what there is overflows here, not in the database
    except (ValueError, TypeError, OverflowError, binascii.Error):
        raise field_problem("cursor", "is no `next` that this list gave") from None
    return moment, id_
