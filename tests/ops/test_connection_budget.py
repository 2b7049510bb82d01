"""The guide says how many connections each process opens to PostgreSQL at most."""

import re
from pathlib import Path

from sqlalchemy.pool import QueuePool

from api import capacity
from store.database import MAX_CONNECTIONS, open_database
from store.settings import Settings
from worker import context
from worker.context import open_worker_context

GUIDE = Path(__file__).parents[2] / "docs" / "operations.md"


def most(pool: object) -> int:
    assert isinstance(pool, QueuePool)
    return pool.size() + pool._max_overflow


def test_the_guide_has_the_limits_of_the_code(settings: Settings) -> None:
    rows = dict(re.findall(r"^\| ([^|]+) \| (\d+) \|", GUIDE.read_text(), re.MULTILINE))
    database, worker = open_database(settings), open_worker_context(settings).database
    assert (most(database.engine.pool), most(worker.engine.pool)) == (MAX_CONNECTIONS, context.CONNECTIONS)
    assert rows["an API"] == str(capacity.CONNECTIONS)
    assert rows["a worker, which is two processes"] == str(2 * context.CONNECTIONS)
    assert rows["`worker --once`"] == str(context.CONNECTIONS)
    assert rows["a command such as `migrate` or `doctor`"] == str(MAX_CONNECTIONS)
    database.dispose()
    worker.dispose()
