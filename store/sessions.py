"""Sessions: browsers that are signed in. A session is a row, so that it can be listed and ended at any time.

`session` is the caller's transaction in every function: nothing here commits.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from store.clock import now, utc_now
from store.models import BrowserSession, SignInLink, Token, User, new_id
from store.users import USE_RECORD_INTERVAL

MAX_SESSIONS = 100  # of one user; a further one ends the one that was not used for longest
MAX_BROWSER_CHARS = 300
MAX_ADDRESS_CHARS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Where a request comes from, as the list of sessions shows it.

    Attributes:
        address: the IP address of the sender.
        browser: the `User-Agent` of its browser.
    """

    address: str
    browser: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is signed in by a session.

    Attributes:
        user: the user.
        is_use_record_due: whether the recorded last use is older than `USE_RECORD_INTERVAL`.
    """

    user: User
    is_use_record_due: bool


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session of a user, for the list.

    Attributes:
        row: the session.
        token_name: the name of the API token that began it; None where a sign-in link did.
    """

    row: BrowserSession
    token_name: str | None


def begin(
    session: Session, *, user_id: str, visitor: Visitor, lifetime: timedelta, token_id: str | None = None
) -> BrowserSession:
    """Begin a session.

    Args:
        session: the caller's transaction.
        user_id: whom it signs in.
        visitor: where the user signs in from.
        lifetime: how long the session lasts.
        token_id: the API token that the user signed in with; revoking it ends the session.
    """
    moment = now(session)
    row = BrowserSession(
        id=new_id(),
        created_at=moment,
        user_id=user_id,
        token_id=token_id,
        last_seen_at=moment,
        expires_at=moment + lifetime,
        address=visitor.address[:MAX_ADDRESS_CHARS],
        browser=visitor.browser[:MAX_BROWSER_CHARS],
    )
    session.add(row)
    session.flush()
    _end_surplus(session, user_id)
    return row


def find(session: Session, session_id: str) -> SignedIn | None:
    """Return who is signed in by a session; None where it is unknown, ended or expired."""
    moment = utc_now()  # of this machine, because asking the database for its time would double the cost of a request
    query = select(User, BrowserSession.last_seen_at).join(BrowserSession, BrowserSession.user_id == User.id)
    found = session.execute(
        query.where(BrowserSession.id == session_id, BrowserSession.expires_at > moment)
    ).one_or_none()
    return None if found is None else SignedIn(found[0], moment - found[1] > USE_RECORD_INTERVAL)


def record_use(session: Session, session_id: str, visitor: Visitor) -> None:
    """Record that a session is used now, and where.

    Args:
        session: the caller's transaction.
        session_id: the session.
        visitor: where it is used.
    """
    values = {
        "last_seen_at": now(session),
        "address": visitor.address[:MAX_ADDRESS_CHARS],
        "browser": visitor.browser[:MAX_BROWSER_CHARS],
    }
    session.execute(update(BrowserSession).where(BrowserSession.id == session_id).values(values))


def of_user(session: Session, user_id: str) -> list[ListedSession]:
    """Return the sessions of a user that are not over, the last used first."""
    query = select(BrowserSession, Token.name).join(Token, Token.id == BrowserSession.token_id, isouter=True)
    query = query.where(BrowserSession.user_id == user_id, BrowserSession.expires_at > now(session))
    rows = session.execute(query.order_by(BrowserSession.last_seen_at.desc(), BrowserSession.id))
    return [ListedSession(row, token_name) for row, token_name in rows]


def end(session: Session, session_id: str) -> None:
    """End one session."""
    session.execute(delete(BrowserSession).where(BrowserSession.id == session_id))


def end_all(session: Session, *, user_id: str, but: str | None = None) -> None:
    """End every session of a user.

    Args:
        session: the caller's transaction.
        user_id: the user.
        but: a session that stays; None for no exception.
    """
    ended = delete(BrowserSession).where(BrowserSession.user_id == user_id)
    session.execute(ended if but is None else ended.where(BrowserSession.id != but))


def delete_expired(session: Session) -> None:
    """Delete the rows of sessions and of sign-in links that have expired."""
    moment = now(session)
    session.execute(delete(BrowserSession).where(BrowserSession.expires_at <= moment))
    session.execute(delete(SignInLink).where(SignInLink.expires_at <= moment))


def _end_surplus(session: Session, user_id: str) -> None:
    of_this_user = select(BrowserSession.id).where(BrowserSession.user_id == user_id)
    latest_first = of_this_user.order_by(BrowserSession.last_seen_at.desc(), BrowserSession.created_at.desc())
    surplus = list(session.scalars(latest_first.offset(MAX_SESSIONS)))
    if surplus:
        session.execute(delete(BrowserSession).where(BrowserSession.id.in_(surplus)))
