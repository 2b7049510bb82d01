"""The maintenance mode: one holder, ended by itself, and what it holds back."""

import pytest

from store import maintenance_mode
from store.database import Database
from store.maintenance_mode import AlreadyInMaintenance, MaintenanceLost, MaintenanceMode
from tests.support.rows import claim, new_job
from tests.support.waiting import wait_until


def held(database: Database) -> maintenance_mode.MaintenanceState | None:
    with database.read() as session:
        return maintenance_mode.current(session)


def test_one_command_holds_it(each_database: Database) -> None:
    with MaintenanceMode(each_database, reason="a backup", refuses_writes=False) as mode:
        state = held(each_database)
        assert state is not None
        assert (state.reason, state.refuses_writes) == ("a backup", False)
        mode.check()
        with (
            pytest.raises(AlreadyInMaintenance, match="a backup"),
            MaintenanceMode(each_database, reason="another", refuses_writes=True),
        ):
            pytest.fail("two commands hold it")
    assert held(each_database) is None
    assert not maintenance_mode.keeps_files(each_database)
    with MaintenanceMode(each_database, reason="the next", refuses_writes=False):
        assert maintenance_mode.keeps_files(each_database)


def test_it_is_renewed_and_ends_by_itself(each_database: Database) -> None:
    """The thread that renews it dies with its process."""
    dead = MaintenanceMode(each_database, reason="a backup", refuses_writes=True, lease_seconds=1.5)
    dead.__enter__()
    first = held(each_database)
    assert first is not None
    wait_until(lambda: (state := held(each_database)) and state.until > first.until, what="it is renewed")
    dead._ended.set()
    wait_until(lambda: held(each_database) is None, what="it ends by itself")
    with pytest.raises(MaintenanceLost):
        dead.check()
    dead.__exit__(None, None, None)


def test_claims_are_refused_on_demand(each_database: Database) -> None:
    job_id = new_job(each_database)
    with MaintenanceMode(each_database, reason="a backup", refuses_writes=True):
        assert claim(each_database, job_id) is None
    with MaintenanceMode(each_database, reason="a backup", refuses_writes=False):
        assert claim(each_database, job_id) is not None
