"""Signing in and out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api import auth
from api.context import AppContext
from api.dependencies import Context, CurrentUser, Db
from api.origins import require_same_origin
from api.pages.render import render_page
from store import sessions, users
from store.models import User

router = APIRouter()

_KEY_USED = "This sign-in link was used already or has expired. Run `unteachable link` for another one, or use a token."
_TOKEN_UNKNOWN = "This token is not known. Perhaps it was revoked."


@router.get("/sign-in")
def show(request: Request, context: Context, key: str | None = None) -> Response:
    """Sign in by the one-time link; without a key, or with a used one, show how to sign in.

    Args:
        request: The request; the session remembers where it comes from.
        context: The app's context.
        key: The key of the link.
    """
    if key is None:
        return render_page("sign_in.html", user=None, error=None)
    with context.db.write.begin() as session:
        user = users.use_sign_in_key(session, key)
        session_id = None if user is None else auth.begin_session(session, request, context, user=user)
    if session_id is None:
        return render_page("sign_in.html", user=None, status=403, error=_KEY_USED)
    return _signed_in(context, session_id)


@router.post("/sign-in")
def sign_in_by_token(request: Request, context: Context, token: Annotated[str, Form(max_length=500)] = "") -> Response:
    """Sign in by an API token.

    Args:
        request: The request, whose origin is checked.
        context: The app's context.
        token: The token.

    Raises:
        Problem: 403 if the form is on a page of another site.
    """
    require_same_origin(request, context.settings)
    with context.db.read() as session:
        known = users.find_token(session, token.strip()) is not None
    if not known:  # wrong tokens do not take the write lock
        return render_page("sign_in.html", user=None, status=403, error=_TOKEN_UNKNOWN)
    with context.db.write.begin() as session:
        row = users.find_token(session, token.strip())
        user = None if row is None else session.get(User, row.user_id)
        if row is None or user is None:
            return render_page("sign_in.html", user=None, status=403, error=_TOKEN_UNKNOWN)
        session_id = auth.begin_session(session, request, context, user=user, token_id=row.id)
    return _signed_in(context, session_id)


@router.post("/sign-out")
def sign_out(user: CurrentUser, request: Request, context: Context, db: Db) -> Response:
    """End the session of this browser.

    Args:
        user: The user who is signed in.
        request: The request, with the cookie of the session.
        context: The app's context.
        db: The request's transaction.
    """
    session_id = auth.session_id_of(request, context)
    if session_id is not None:
        sessions.end(db, session_id)
    return signed_out(context)


def signed_out(context: AppContext) -> Response:
    """The sign-in page, for a browser whose session has ended; its cookie is deleted."""
    response = RedirectResponse("/sign-in", status_code=303)
    auth.delete_cookie(response, context)
    return response


def _signed_in(context: AppContext, session_id: str) -> Response:
    response = RedirectResponse("/", status_code=303)
    auth.set_cookie(response, context, session_id)
    return response
