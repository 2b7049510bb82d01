"""/v1/tokens: API tokens. Only their hashes are kept; a token is shown once, when it is made."""

from fastapi import APIRouter, Response
from sqlalchemy import select

from api.auth import CurrentUser, looks_like_id
from api.context import Db
from api.pagination import Part
from api.problems import not_found
from api.schemas import NewTokenOut, Page, TokenIn, TokenOut
from store import models as m
from store import users

router = APIRouter(prefix="/v1/tokens", tags=["tokens"])


@router.get("")
def index(user: CurrentUser, db: Db, part: Part) -> Page[TokenOut]:
    """One's tokens, newest first, without their secrets."""
    rows, cursor = part.cut(db, select(m.Token).where(m.Token.user_id == user.id), m.Token)
    return Page(items=[TokenOut.model_validate(row) for row in rows], next=cursor)


@router.post("", status_code=201)
def create(wanted: TokenIn, user: CurrentUser, db: Db) -> NewTokenOut:
    """A new token; its secret is in this answer and nowhere else."""
    row, plain = users.new_token(db, user_id=user.id, name=wanted.name)
    return NewTokenOut(**TokenOut.model_validate(row).model_dump(), token=plain)


@router.delete("/{token_id}", status_code=204)
def delete(token_id: str, user: CurrentUser, db: Db) -> Response:
    """Make a token worthless, at once."""
    token = db.get(m.Token, token_id) if looks_like_id(token_id) else None
    if token is None or token.user_id != user.id:
        raise not_found("token")
    db.delete(token)
    return Response(status_code=204)
