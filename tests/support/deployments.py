"""Deployments that own their object store, and objects of some age."""

import os
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from store import deployment, users
from store import models as m
from store.clock import utc_now
from store.settings import Settings
from worker.context import WorkerContext, open_worker_context

DAY = 86400


def opened(settings: Settings, *, is_new: bool = True) -> WorkerContext:
    """A worker context; of a new deployment whose first user is ten days old."""
    context = open_worker_context(settings)
    if is_new:
        with context.database.write.begin() as session:
            users.local_admin(session)
            session.execute(update(m.User).values(created_at=utc_now() - timedelta(days=10)))
        deployment.adopt_if_new(settings, context.database, context.files)
    return context


def aged(context: WorkerContext, key: str, *, days: float) -> str:
    """Store an object that is some days old."""
    context.files.write(key, b"data")
    then = time.time() - days * DAY
    os.utime(Path(context.settings.store) / key, (then, then))
    return key
