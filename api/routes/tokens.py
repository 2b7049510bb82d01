"""/v1/tokens: API tokens. The database holds only their hashes; a token is shown once, when it is made."""

from fastapi import APIRouter, Response
from sqlalchemy import select

from api.dependencies import CurrentUser, Db, OwnToken, Pagination
from api.schemas import NewTokenOut, Page, TokenIn, TokenOut
from store import models as m
from store import users

router = APIRouter(prefix="/v1/tokens", tags=["tokens"])


@router.get("", summary="List tokens")
def list_tokens(user: CurrentUser, db: Db, page: Pagination) -> Page[TokenOut]:
    """Your API tokens, newest first, without their secrets."""
    rows, cursor = page.select(db, select(m.Token).where(m.Token.user_id == user.id), m.Token)
    return Page(items=[TokenOut.model_validate(row) for row in rows], next=cursor)


@router.post("", summary="Make a token", status_code=201)
def create_token(requested: TokenIn, user: CurrentUser, db: Db) -> NewTokenOut:
    """Make an API token. Only this response contains the secret `token`."""
    row, secret = users.create_token(db, user_id=user.id, name=requested.name)
    return NewTokenOut(**TokenOut.model_validate(row).model_dump(), token=secret)


@router.delete("/{token_id}", summary="Revoke a token", status_code=204)
def delete_token(token: OwnToken, db: Db) -> Response:
    """Revoke a token: it stops working at once, and browsers that signed in with it are signed out."""
    db.delete(token)
    return Response(status_code=204)
