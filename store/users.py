"""Users, API tokens and one-time sign-in links. The database holds only hashes of tokens and links.

`session` is the caller's transaction in every function: nothing here commits.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from store.clock import now, utc_now
from store.database import changed_one_row
from store.models import SignInLink, Token, User, new_id

LOCAL_ADMIN = "admin"
USE_RECORD_INTERVAL = timedelta(minutes=1)


def local_admin(session: Session) -> User:
    """Return the admin of a single machine; the first call creates the row."""
    user = session.scalar(select(User).where(User.name == LOCAL_ADMIN))
    if user is None:
        user = User(id=new_id(), name=LOCAL_ADMIN, role="admin")
        session.add(user)
        session.flush()
    return user


def create_token(session: Session, *, user_id: str, name: str) -> tuple[Token, str]:
    """Create an API token.

    Args:
        session: the caller's transaction.
        user_id: whom the token signs in.
        name: what the user calls it.

    Returns:
        The row, and the token itself. The token is not stored, so this is the only time that it can be shown.
    """
    plain = f"unt_{secrets.token_urlsafe(32)}"
    token = Token(id=new_id(), user_id=user_id, name=name, hash=_hash(plain), prefix=plain[:8])
    session.add(token)
    session.flush()
    return token, plain


@dataclass(frozen=True, slots=True)
class TokenUser:
    """Whom a token signs in.

    Attributes:
        user: the user.
        is_use_record_due: whether the recorded last use of the token is older than `USE_RECORD_INTERVAL`.
    """

    user: User
    is_use_record_due: bool


def find_token_user(session: Session, plain: str) -> TokenUser | None:
    """Return whom a token signs in; None for an unknown token. Every request with a token asks, so it is one query."""
    query = select(User, Token.last_used_at).join(Token, Token.user_id == User.id).where(Token.hash == _hash(plain))
    found = session.execute(query).one_or_none()
    if found is None:
        return None
    user, last_used_at = found
    return TokenUser(user, last_used_at is None or utc_now() - last_used_at > USE_RECORD_INTERVAL)


def find_token(session: Session, plain: str) -> Token | None:
    """Return the row of a token; None for an unknown token."""
    return session.scalar(select(Token).where(Token.hash == _hash(plain)))


def record_use(session: Session, plain: str) -> None:
    """Record that a token is used now."""
    session.execute(update(Token).where(Token.hash == _hash(plain)).values(last_used_at=now(session)))


def create_sign_in_key(session: Session, *, user_id: str, seconds: int) -> str:
    """Create the key of a link that signs a user in once.

    Args:
        session: the caller's transaction.
        user_id: whom the link signs in.
        seconds: how long the link works.
    """
    plain = secrets.token_urlsafe(32)
    session.add(
        SignInLink(
            id=new_id(), user_id=user_id, hash=_hash(plain), expires_at=now(session) + timedelta(seconds=seconds)
        )
    )
    session.flush()
    return plain


def use_sign_in_key(session: Session, plain: str) -> User | None:
    """Use up a sign-in key. Of several simultaneous attempts one succeeds.

    Returns:
        The user to sign in; None where the key is unknown, used or expired.
    """
    moment = now(session)
    valid = (SignInLink.hash == _hash(plain), SignInLink.used_at.is_(None), SignInLink.expires_at > moment)
    if not changed_one_row(session.execute(update(SignInLink).where(*valid).values(used_at=moment))):
        return None
    return session.scalar(
        select(User).join(SignInLink, SignInLink.user_id == User.id).where(SignInLink.hash == _hash(plain))
    )


def _hash(plain: str) -> str:
    """SHA-256 without salt is enough: the input is 256 random bits, not a password."""
    return hashlib.sha256(plain.encode()).hexdigest()
