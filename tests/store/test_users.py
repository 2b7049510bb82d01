"""Tokens and sign-in links: only their hashes are stored, and a link works once."""

import threading

from sqlalchemy import update

from store import users
from store.clock import now
from store.database import Database
from store.models import SignInLink, Token


def test_there_is_one_local_admin(each_database: Database) -> None:
    with each_database.write.begin() as session:
        first = users.local_admin(session).id
    with each_database.write.begin() as session:
        admin = users.local_admin(session)
    assert (admin.id, admin.role) == (first, "admin")


def test_a_token_is_known_by_its_hash(each_database: Database) -> None:
    with each_database.write.begin() as session:
        admin = users.local_admin(session)
        token, plain = users.create_token(session, user_id=admin.id, name="laptop")
    assert plain.startswith(token.prefix)
    with each_database.read() as session:
        row = session.get_one(Token, token.id)
        assert plain not in (row.hash, row.name, row.prefix)
        found = users.find_token_user(session, plain)
        assert found is not None
        assert found.user.id == admin.id
        assert users.find_token_user(session, plain + "x") is None
        assert users.find_token_user(session, row.hash) is None


def test_a_sign_in_link_works_once(each_database: Database) -> None:
    with each_database.write.begin() as session:
        admin = users.local_admin(session)
        key = users.create_sign_in_key(session, user_id=admin.id, seconds=60)
    signed_in: list[str] = []
    start = threading.Barrier(5)

    def use() -> None:
        start.wait()
        with each_database.write.begin() as session:
            if user := users.use_sign_in_key(session, key):
                signed_in.append(user.id)

    threads = [threading.Thread(target=use) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert signed_in == [admin.id]


def test_a_sign_in_link_expires(each_database: Database) -> None:
    with each_database.write.begin() as session:
        key = users.create_sign_in_key(session, user_id=users.local_admin(session).id, seconds=60)
        session.execute(update(SignInLink).values(expires_at=now(session)))
    with each_database.write.begin() as session:
        assert users.use_sign_in_key(session, key) is None
        assert users.use_sign_in_key(session, "never made") is None
