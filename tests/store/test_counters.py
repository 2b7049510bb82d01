"""Counters of the whole service: processes add to them at once, and lose nothing while the database is away."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from store.counters import COUNTERS, read_counters, write_tally
from store.database import Database
from store.store_errors import StoreError, StoreRefused, StoreUnavailable, store_errors
from store.tally import Key, Tally, tally


@pytest.fixture(autouse=True)
def empty_tally() -> Iterator[None]:
    """Other tests of this process count too."""
    tally.take()
    yield
    tally.take()


def counters_of(database: Database) -> dict[Key, float]:
    with database.read() as session:
        return read_counters(session)


def test_amounts_of_several_writings_add_up(each_database: Database) -> None:
    tally.add("attempts", "protect", "released")
    tally.add("attempts", "protect", "released")
    tally.add("upload_bytes", amount=5e9)
    tally.add("stage_units", "train", "noise", amount=0)
    write_tally(each_database)
    tally.add("attempts", "protect", "released")
    write_tally(each_database)
    write_tally(each_database)
    assert counters_of(each_database) == {("attempts", "protect", "released"): 3, ("upload_bytes",): 5e9}


def test_several_processes_write_the_same_counters_at_once(each_database: Database) -> None:
    def write() -> None:
        for number in range(20):
            tally.add("store_errors", "failed")
            tally.add("uploads", "stored" if number % 2 else "refused")
            write_tally(each_database)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found = counters_of(each_database)
    assert found == {("store_errors", "failed"): 80, ("uploads", "stored"): 40, ("uploads", "refused"): 40}


def test_what_cannot_be_written_is_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("INSERT", {}, Exception("the server is away"))

    tally.add("uploads", "stored")
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(database.write, "begin", away)
        write_tally(database)
    assert [event["event"] for event in logs] == ["counters.not_written"]
    tally.add("uploads", "stored")
    write_tally(database)
    assert counters_of(database) == {("uploads", "stored"): 2}


def test_a_suspended_process_holds_up_the_others_for_two_seconds_only(each_database: Database) -> None:
    if each_database.is_embedded:
        pytest.skip("SQLite has one writer, whatever it writes")
    tally.add("uploads", "stored")
    write_tally(each_database)
    with each_database.write.begin() as session:
        session.connection().exec_driver_sql("UPDATE counters SET value = value + 1")
        tally.add("uploads", "stored")
        with capture_logs() as logs:
            write_tally(each_database)
    assert [event["event"] for event in logs] == ["counters.not_written"]
    write_tally(each_database)
    assert counters_of(each_database) == {("uploads", "stored"): 3}


def test_errors_of_the_store_are_counted_by_what_they_mean() -> None:
    for error in (
        ConnectionError("status code 503"),
        ConnectionError("status code 400"),
        FileNotFoundError("NoSuchBucket"),
    ):
        with pytest.raises(StoreError), store_errors("key", is_remote=True):
            raise error
    with pytest.raises(StoreError), store_errors("key", is_remote=False):
        raise PermissionError(13, "no")
    with pytest.raises(FileNotFoundError), store_errors("key", is_remote=True):
        raise FileNotFoundError("no such object")
    expected = {("store_errors", "unavailable"): 1, ("store_errors", "refused"): 2, ("store_errors", "failed"): 1}
    assert tally.take() == expected
    assert issubclass(StoreUnavailable, StoreError)
    assert issubclass(StoreRefused, StoreError)


def test_a_tally_is_taken_once() -> None:
    own = Tally()
    own.add("uploads", "stored")
    assert own.take() == {("uploads", "stored"): 1}
    assert own.take() == {}


def test_no_two_counters_share_a_name() -> None:
    assert len({kind.name for kind in COUNTERS}) == len(COUNTERS)
