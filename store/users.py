"""Who may come in: users, API tokens and one-time sign-in links. Only hashes are kept. Never commits."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from store.clock import now
from store.models import SignInLink, Token, User, new_id

LOCAL_ADMIN = "admin"
USE_NOTED_EVERY = timedelta(minutes=1)


def local_admin(session: Session) -> User:
    """The admin of a single machine; made when first asked for."""
    user = session.scalar(select(User).where(User.name == LOCAL_ADMIN))
    if user is None:
        user = User(id=new_id(), name=LOCAL_ADMIN, role="admin")
        session.add(user)
        session.flush()
    return user


def new_token(session: Session, *, user_id: str, name: str) -> tuple[Token, str]:
    """An API token's row, and the token itself, which is shown once and kept nowhere."""
    plain = f"unt_{secrets.token_urlsafe(32)}"
    token = Token(id=new_id(), user_id=user_id, name=name, hash=_hash(plain), prefix=plain[:8])
    session.add(token)
    session.flush()
    return token, plain


def user_of_token(session: Session, plain: str) -> User | None:
    """Whose token this is; None for one that is not known."""
    token = token_of(session, plain)
    return None if token is None else session.get(User, token.user_id)


def token_of(session: Session, plain: str) -> Token | None:
    """The row of a token; None for one that is not known."""
    return session.scalar(select(Token).where(Token.hash == _hash(plain)))


def user_of_token_id(session: Session, token_id: str) -> User | None:
    """Whose token this row is; None where it was revoked."""
    return session.scalar(select(User).join(Token, Token.user_id == User.id).where(Token.id == token_id))


def use_is_due(session: Session, plain: str) -> bool:
    """Whether the last use that was noted of this token is too long ago."""
    token = token_of(session, plain)
    return token is not None and (token.last_used_at is None or now(session) - token.last_used_at > USE_NOTED_EVERY)


def note_use(session: Session, plain: str) -> None:
    """This token is being used now."""
    session.execute(update(Token).where(Token.hash == _hash(plain)).values(last_used_at=now(session)))


def new_sign_in_key(session: Session, *, user_id: str, seconds: int) -> str:
    """The key of a link that signs this user in once, within `seconds`."""
    plain = secrets.token_urlsafe(32)
    session.add(
        SignInLink(
            id=new_id(), user_id=user_id, hash=_hash(plain), expires_at=now(session) + timedelta(seconds=seconds)
        )
    )
    session.flush()
    return plain


def use_sign_in_key(session: Session, plain: str) -> User | None:
    """Who is signed in by this key; None where it is unknown, used or too old. Of two who try, one succeeds."""
    moment = now(session)
    valid = (SignInLink.hash == _hash(plain), SignInLink.used_at.is_(None), SignInLink.expires_at > moment)
    used = session.execute(update(SignInLink).where(*valid).values(used_at=moment))
    if cast("CursorResult[Any]", used).rowcount != 1:
        return None
    return session.scalar(
        select(User).join(SignInLink, SignInLink.user_id == User.id).where(SignInLink.hash == _hash(plain))
    )


def _hash(plain: str) -> str:
    """SHA-256 is enough: what is hashed is 256 random bits, not a password."""
    return hashlib.sha256(plain.encode()).hexdigest()
