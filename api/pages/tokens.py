"""API tokens: make, list, revoke."""

from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.dependencies import CurrentUser, Db, OwnToken
from api.pages.render import render_page
from api.routes import tokens as rest
from core.filenames import MAX_NAME_CHARS, is_valid_name
from store import users
from store.models import Token, User

router = APIRouter()


@router.get("/tokens")
def show(user: CurrentUser, db: Db) -> Response:
    """Show the user's tokens and the form that makes one."""
    return _page(db, user)


@router.post("/tokens")
def make(user: CurrentUser, db: Db, name: Annotated[str, Form()] = "") -> Response:
    """Make a token and show it; no later page shows it again.

    Args:
        user: The user who is signed in.
        db: The request's transaction.
        name: What the token is for.
    """
    name = name.strip()
    if not is_valid_name(name):
        error = f"Enter a name of 1 to {MAX_NAME_CHARS} characters, without control characters."
        return _page(db, user, status=422, error=error, name=name)
    _, plain = users.create_token(db, user_id=user.id, name=name)
    return _page(db, user, new_token=plain)


@router.post("/tokens/{token_id}/revoke")
def revoke(token: OwnToken, db: Db) -> Response:
    """Revoke a token.

    Raises:
        Problem: 404 if the token does not exist or belongs to another user.
    """
    rest.delete_token(token, db)
    return RedirectResponse("/tokens", status_code=303)


def _page(
    db: Session,
    user: User,
    *,
    status: int = 200,
    new_token: str | None = None,
    error: str | None = None,
    name: str = "",
) -> Response:
    tokens = db.scalars(select(Token).where(Token.user_id == user.id).order_by(Token.created_at.desc()))
    return render_page(
        "tokens.html",
        user=user,
        current="tokens",
        status=status,
        tokens=list(tokens),
        new_token=new_token,
        error=error,
        name=name,
    )
