"""Quarantine: objects that no row names are set aside for some days before they are deleted.

So a database that was restored, or an error of this service, does not cost an archive at once. Objects that a user
deletes, or that expire, are not set aside: they go.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta

import structlog

from store.clock import utc_now
from store.object_store import ObjectStore

PREFIX = "quarantine"

log = structlog.get_logger()


def quarantined(key: str) -> str:
    """Return where an object, or a prefix, lies while it is in quarantine."""
    return f"{PREFIX}/{key}"


def set_aside(files: ObjectStore, keys: Iterable[str], *, days: int) -> list[str]:
    """Move objects into quarantine. What cannot be moved stays, with a line in the log.

    Args:
        files: the object store.
        keys: the objects.
        days: how long they will stay; 0 deletes them at once.

    Returns:
        The keys of those that were moved or deleted.
    """

    if not days:
        return _delete(files, list(keys))
    return _each(keys, lambda key: files.rename(key, quarantined(key)))


def delete_expired(files: ObjectStore, *, days: int) -> list[str]:
    """Delete what has been in quarantine for some days; return the former keys.

    Args:
        files: the object store.
        days: how long objects stay.
    """
    before = utc_now() - timedelta(days=days)
    old = [key for key, time in files.modified_times(PREFIX).items() if time <= before]
    return [key.removeprefix(f"{PREFIX}/") for key in _delete(files, old)]


def restore(files: ObjectStore, is_named: Callable[[str], bool]) -> list[str]:
    """Move the objects back that a row names; return their keys.

    Args:
        files: the object store.
        is_named: whether a row names the object of this key.
    """
    keys = [key.removeprefix(f"{PREFIX}/") for key in files.list(PREFIX)]
    return _each((key for key in keys if is_named(key)), lambda key: files.rename(quarantined(key), key))


def _delete(files: ObjectStore, keys: list[str]) -> list[str]:
    """Delete objects together; one by one where that fails, so that one error costs one object."""
    try:
        files.delete_all(keys)
    except OSError:
        return _each(keys, files.delete)
    return keys


def _each(keys: Iterable[str], change: Callable[[str], None]) -> list[str]:
    done = []
    for key in keys:
        try:
            change(key)
        except OSError as error:
            log.warning("garbage.delete_failed", key=key, error=str(error))
        else:
            done.append(key)
    return done
