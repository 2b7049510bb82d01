"""API tokens: make, see, revoke."""

from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.dependencies import CurrentUser, Db, OwnToken
from api.pages.render import page
from api.routes import tokens as rest
from core.filenames import MAX_NAME_CHARS, is_valid_name
from store import users
from store.models import Token, User

router = APIRouter()


@router.get("/tokens")
def show(user: CurrentUser, db: Db) -> Response:
    """The tokens in use, and the form for another."""
    return _page(db, user)


@router.post("/tokens")
def make(user: CurrentUser, db: Db, name: Annotated[str, Form()] = "") -> Response:
    """A new token, shown on this one page and never again."""
    name = name.strip()
    if not is_valid_name(name):
        wrong = f"Give it a name of 1 to {MAX_NAME_CHARS} characters, none of them a control character."
        return _page(db, user, status=422, wrong=wrong, typed=name)
    _, plain = users.create_token(db, user_id=user.id, name=name)
    return _page(db, user, fresh=plain)


@router.post("/tokens/{token_id}/revoke")
def revoke(token: OwnToken, db: Db) -> Response:
    """Make a token useless. Raises Problem 404 where it does not exist or belongs to somebody else."""
    rest.delete_token(token, db)
    return RedirectResponse("/tokens", status_code=303)


def _page(
    db: Session,
    user: User,
    *,
    status: int = 200,
    fresh: str | None = None,
    wrong: str | None = None,
    typed: str = "",
) -> Response:
    mine = select(Token).where(Token.user_id == user.id).order_by(Token.created_at.desc())
    shown = {"tokens": list(db.scalars(mine)), "fresh": fresh, "wrong": wrong, "typed": typed}
    return page("tokens.html", user=user, here="tokens", status=status, **shown)
