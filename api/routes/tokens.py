"""/v1/tokens: API tokens. Only their hashes are kept; a token is shown once, when it is made."""

from fastapi import APIRouter, Response
from sqlalchemy import select

from api.dependencies import CurrentUser, Db, OwnToken, Pagination
from api.schemas import NewTokenOut, Page, TokenIn, TokenOut
from store import models as m
from store import users

router = APIRouter(prefix="/v1/tokens", tags=["tokens"])


@router.get("")
def index(user: CurrentUser, db: Db, page: Pagination) -> Page[TokenOut]:
    """One's tokens, newest first, without their secrets."""
    rows, cursor = page.cut(db, select(m.Token).where(m.Token.user_id == user.id), m.Token)
    return Page(items=[TokenOut.model_validate(row) for row in rows], next=cursor)


@router.post("", status_code=201)
def create(wanted: TokenIn, user: CurrentUser, db: Db) -> NewTokenOut:
    """A new token; its secret is in this answer and nowhere else."""
    row, plain = users.create_token(db, user_id=user.id, name=wanted.name)
    return NewTokenOut(**TokenOut.model_validate(row).model_dump(), token=plain)


@router.delete("/{token_id}", status_code=204)
def delete(token: OwnToken, db: Db) -> Response:
    """Revoke a token: it stops working at once."""
    db.delete(token)
    return Response(status_code=204)
