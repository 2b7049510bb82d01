"""Authentication: who sends a request, by bearer token or session cookie, and the session cookie itself."""

import structlog
from fastapi import Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.exc import SQLAlchemyError

from api.context import AppContext
from api.problems import Problem
from store import models as m
from store import users

log = structlog.get_logger(__name__)

COOKIE = "unteachable_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, section 9.2.1


def authenticate(request: Request, context: AppContext) -> m.User:
    """Find the user who sends a request, by its bearer token, else by its session cookie.

    The reads use short transactions of their own, so that an upload holds no database connection while it arrives.

    Args:
        request: The request. Its state receives the user's id, for the log.
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
        user = _user_of_cookie(context, request.cookies.get(COOKIE, ""))
        if user is not None and request.method not in SAFE_METHODS and not same_origin(request):
            raise Problem(403, "This request does not come from a page of this service.", kind="cross-origin")
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
        user = users.user_of_token(session, token)
        use_record_is_due = users.is_use_record_due(session, token)
    if use_record_is_due:
        _record_token_use(context, token)
    return user


def _record_token_use(context: AppContext, token: str) -> None:
    """Record when the token was last used. A failure is logged only: it must not fail the request."""
    try:
        with context.db.write.begin() as session:
            users.record_use(session, token)
    except SQLAlchemyError as error:
        log.warning("token.use_not_recorded", error=str(error).splitlines()[0])


def _user_of_cookie(context: AppContext, cookie: str) -> m.User | None:
    if not cookie:
        return None
    try:
        content: str | dict[str, str] = _signer(context).loads(cookie, max_age=context.settings.session_days * 86400)
    except BadSignature:
        return None
    with context.db.read() as session:
        if isinstance(content, str):
            return session.get(m.User, content)
        return users.user_of_token_id(session, content["token"])


def same_origin(request: Request) -> bool:
    """Whether the browser states that a page of this service sent the request (Sec-Fetch-Site, else Origin)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    _, separator, host = request.headers.get("origin", "").partition("://")
    return bool(separator) and host == request.headers.get("host")


def sign_in(response: Response, context: AppContext, user: m.User, *, token_id: str | None = None) -> None:
    """Set the session cookie.

    Args:
        response: The response that sets the cookie.
        context: The application context, for its keys and settings.
        user: The user who signs in.
        token_id: The id of the API token that the user signed in with; the session ends when the token is revoked.
    """
    response.set_cookie(
        COOKIE,
        _signer(context).dumps(user.id if token_id is None else {"token": token_id}),
        max_age=context.settings.session_days * 86400,
        httponly=True,
        samesite="lax",
        secure=context.settings.secure_cookies,
    )


def sign_out(response: Response, context: AppContext) -> None:
    """Delete the session cookie."""
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=context.settings.secure_cookies)


def _signer(context: AppContext) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(list(reversed(context.keys)), salt="session")  # the library signs with the last key
