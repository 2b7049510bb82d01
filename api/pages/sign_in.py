"""Coming in and going out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api import auth
from api.dependencies import Context, CurrentUser
from api.pages.render import page
from api.problems import Problem
from store import users
from store.models import User

router = APIRouter()

USED = "This sign-in link was used already, or its time is over. Start the service again for another, or use a token."
UNKNOWN = "This token is not known. Has it been revoked?"


@router.get("/sign-in")
def show(context: Context, key: str | None = None) -> Response:
    """The one-time link: signs in and goes on; without a key, or with a used one, says how to get in."""
    if key is None:
        return page("sign_in.html", user=None, wrong=None)
    with context.db.write.begin() as session:
        user = users.use_sign_in_key(session, key)
    if user is None:
        return page("sign_in.html", user=None, status=403, wrong=USED)
    return _welcome(context, user)


@router.post("/sign-in")
def by_token(request: Request, context: Context, token: Annotated[str, Form(max_length=500)] = "") -> Response:
    """Sign in by an API token. Raises Problem 403 for a form on another site's page."""
    if not auth.same_origin(request):
        raise Problem(403, "This form was not sent from the service's own page.", kind="cross-origin")
    with context.db.read() as session:
        row = users.find_token(session, token.strip())
        user = None if row is None else session.get(User, row.user_id)
    if row is None or user is None:
        return page("sign_in.html", user=None, status=403, wrong=UNKNOWN)
    return _welcome(context, user, token_id=row.id)


@router.post("/sign-out")
def leave(user: CurrentUser, context: Context) -> Response:
    """Take this browser's session away."""
    response = RedirectResponse("/sign-in", status_code=303)
    auth.sign_out(response, context)
    return response


def _welcome(context: Context, user: User, *, token_id: str | None = None) -> Response:
    response = RedirectResponse("/", status_code=303)
    auth.sign_in(response, context, user, token_id=token_id)
    return response
