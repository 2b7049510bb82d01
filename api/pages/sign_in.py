"""Signing in and out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api import auth
from api.dependencies import Context, CurrentUser
from api.pages.render import render_page
from api.problems import Problem
from store import users
from store.models import User

router = APIRouter()

_KEY_USED = "This sign-in link was used already or has expired. Run `unteachable link` for another one, or use a token."
_TOKEN_UNKNOWN = "This token is not known. Perhaps it was revoked."


@router.get("/sign-in")
def show(context: Context, key: str | None = None) -> Response:
    """Sign in by the one-time link; without a key, or with a used one, show how to sign in.

    Args:
        key: The key of the link.
    """
    if key is None:
        return render_page("sign_in.html", user=None, error=None)
    with context.db.write.begin() as session:
        user = users.use_sign_in_key(session, key)
    if user is None:
        return render_page("sign_in.html", user=None, status=403, error=_KEY_USED)
    return _signed_in(context, user)


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
    if not auth.same_origin(request):
        raise Problem(403, "This form was not sent from the service's own page.", kind="cross-origin")
    with context.db.read() as session:
        row = users.find_token(session, token.strip())
        user = None if row is None else session.get(User, row.user_id)
    if row is None or user is None:
        return render_page("sign_in.html", user=None, status=403, error=_TOKEN_UNKNOWN)
    return _signed_in(context, user, token_id=row.id)


@router.post("/sign-out")
def sign_out(user: CurrentUser, context: Context) -> Response:
    """End the session of this browser."""
    response = RedirectResponse("/sign-in", status_code=303)
    auth.sign_out(response, context)
    return response


def _signed_in(context: Context, user: User, *, token_id: str | None = None) -> Response:
    response = RedirectResponse("/", status_code=303)
    auth.sign_in(response, context, user, token_id=token_id)
    return response
