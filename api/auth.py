"""Authentication: who sends a request, by bearer token or session cookie, and the session cookie itself."""

from datetime import timedelta

import structlog
from fastapi import Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.orm import Session

from api.context import AppContext
from api.origins import require_same_origin
from api.problems import Problem
from api.visitor import visitor_of
from store import models as m
from store import sessions, users

COOKIE = "unteachable_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, section 9.2.1


def authenticate(request: Request, context: AppContext) -> m.User:
    """Find the user who sends a request, by its bearer token, else by its session cookie.

    The reads use short transactions of their own, so that an upload holds no database connection while it arrives.

    Args:
        request: The request. Its state receives the user's id, for the log, and the id of the session, if it has one.
        context: The application context.

    Returns:
        The user.

    Raises:
        Problem: 401 without a valid token or session; 403 for a changing request that another site's page sent with
            the session cookie.
    """
    header = request.headers.get("authorization")
    if header is not None:
        user = _user_of_header(context, header)
    else:
        user = _user_of_cookie(request, context)
        if user is not None and request.method not in SAFE_METHODS:
            require_same_origin(request, context.settings)
    if user is None:
        detail = "Open the sign-in link, or send a valid token: `Authorization: Bearer TOKEN`."
        raise Problem(401, detail, kind="not-signed-in", headers={"WWW-Authenticate": "Bearer"})
    request.state.user_id = user.id
    structlog.contextvars.bind_contextvars(user=user.id)
    return user


def _user_of_header(context: AppContext, header: str) -> m.User | None:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return None
    token = token.strip()
    with context.db.read() as session:
        found = users.find_token_user(session, token)
    if found is None:
        return None
    if found.is_use_record_due:
        context.use_recorder.record(token, lambda: _record_token_use(context, token))
    return found.user


def _record_token_use(context: AppContext, token: str) -> None:
    with context.db.write.begin() as session:
        users.record_use(session, token)


def _user_of_cookie(request: Request, context: AppContext) -> m.User | None:
    session_id = session_id_of(request, context)
    if session_id is None:
        return None
    with context.db.read() as session:
        signed_in = sessions.find(session, session_id)
    if signed_in is None:
        return None
    if signed_in.is_use_record_due:
        visitor = visitor_of(request, context.settings)
        context.use_recorder.record(session_id, lambda: _record_session_use(context, session_id, visitor))
    request.state.session_id = session_id
    return signed_in.user


def _record_session_use(context: AppContext, session_id: str, visitor: sessions.Visitor) -> None:
    with context.db.write.begin() as session:
        sessions.record_use(session, session_id, visitor)


def session_id_of(request: Request, context: AppContext) -> str | None:
    """The id of the session whose cookie a request has; None without a cookie that this service signed."""
    cookie = request.cookies.get(COOKIE, "")
    try:
        content = _signer(context).loads(cookie, max_age=context.settings.session_days * 86400)
    except BadSignature:
        return None
    session_id = content.get("session") if isinstance(content, dict) else None
    return session_id if isinstance(session_id, str) else None


def begin_session(
    session: Session, request: Request, context: AppContext, *, user: m.User, token_id: str | None = None
) -> str:
    """Begin a session for the browser that sends a request, in place of any session that it has.

    Args:
        session: The open transaction.
        request: The request that signs in.
        context: The application context, for its settings.
        user: The user who signs in.
        token_id: The id of the API token that the user signed in with; the session ends when the token is revoked.

    Returns:
        The id of the session, for `set_cookie`.
    """
    earlier = session_id_of(request, context)
    if earlier is not None:
        sessions.end(session, earlier)
    row = sessions.begin(
        session,
        user_id=user.id,
        visitor=visitor_of(request, context.settings),
        lifetime=timedelta(days=context.settings.session_days),
        token_id=token_id,
    )
    return row.id


def set_cookie(response: Response, context: AppContext, session_id: str) -> None:
    """Set the cookie of a session."""
    response.set_cookie(
        COOKIE,
        _signer(context).dumps({"session": session_id}),
        max_age=context.settings.session_days * 86400,
        httponly=True,
        samesite="lax",
        secure=context.settings.secure_cookies,
        path=_cookie_path(context),
    )


def _cookie_path(context: AppContext) -> str:
    public = context.settings.service_address.public
    return "/" if public is None else public.path or "/"


def delete_cookie(response: Response, context: AppContext) -> None:
    """Delete the session cookie. The session itself ends when its row is deleted."""
    secure, path = context.settings.secure_cookies, _cookie_path(context)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=secure, path=path)


def _signer(context: AppContext) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(list(reversed(context.keys)), salt="session")  # the library signs with the last key
