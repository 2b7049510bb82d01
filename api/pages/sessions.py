"""Sessions: the browsers that a user is signed in with; each can be ended, and all of them."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api import auth
from api.dependencies import Context, CurrentUser, Db, OwnSession
from api.pages.browser_names import browser_name
from api.pages.render import render_page
from api.pages.sign_in import signed_out
from store import sessions

router = APIRouter()


@router.get("/sessions")
def show(user: CurrentUser, request: Request, context: Context, db: Db) -> Response:
    """Show where the user is signed in.

    Args:
        user: The user who is signed in.
        request: The request, whose session is marked.
        context: The app's context.
        db: The request's transaction.
    """
    listed = [(entry, browser_name(entry.row.browser)) for entry in sessions.of_user(db, user.id)]
    current_id = auth.session_id_of(request, context)
    return render_page("sessions.html", user=user, current="sessions", sessions=listed, current_id=current_id)


@router.post("/sessions/{session_id}/end")
def end(ended: OwnSession, request: Request, context: Context, db: Db) -> Response:
    """End one session.

    Raises:
        Problem: 404 if the session is over already or belongs to another user.
    """
    sessions.end(db, ended.id)
    if ended.id == auth.session_id_of(request, context):
        return signed_out(context)
    return RedirectResponse("/sessions", status_code=303)


@router.post("/sessions/end")
def end_all(
    user: CurrentUser, request: Request, context: Context, db: Db, others: Annotated[bool, Form()] = False
) -> Response:
    """End all sessions of the user.

    Args:
        user: The user who is signed in.
        request: The request, with the cookie of its own session.
        context: The app's context.
        db: The request's transaction.
        others: Whether the session of this browser stays.
    """
    own_id = auth.session_id_of(request, context)
    if others and own_id is not None:
        sessions.end_all(db, user_id=user.id, but=own_id)
        return RedirectResponse("/sessions", status_code=303)
    sessions.end_all(db, user_id=user.id)
    return signed_out(context)
