"""A connection to a silent server fails within seconds, not minutes."""

import socket
import time

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from store.database import CONNECT_SECONDS, CONNECTION_TIMEOUTS, connect


def test_a_server_that_accepts_and_stays_silent_fails_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = connect(f"postgresql+psycopg://someone@127.0.0.1:{silent.getsockname()[1]}/db")
        began = time.monotonic()
        with pytest.raises(OperationalError), database.read() as session:
            session.execute(text("SELECT 1"))
        assert time.monotonic() - began < 3 * CONNECT_SECONDS
        database.dispose()


def test_parameters_of_the_url_take_precedence(postgres: str) -> None:
    database = connect(make_url(postgres).update_query_dict({"keepalives_idle": "77"}).render_as_string(False))
    with database.read() as session:
        connection = session.connection().connection.driver_connection
        assert isinstance(connection, psycopg.Connection)
        parameters = connection.info.get_parameters()
    database.dispose()
    assert {name: int(parameters[name]) for name in CONNECTION_TIMEOUTS} == CONNECTION_TIMEOUTS | {
        "keepalives_idle": 77
    }
