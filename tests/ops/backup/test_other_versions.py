"""Backups of an earlier version are migrated; those of a newer version or another database are refused."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from alembic import command

from ops.backup import make_backup
from ops.backup_file import BackupRefused, new_backup
from ops.backup_reader import BackupReader
from ops.restore import restore_backup
from store import migrate
from store.database import Database, connect, open_database
from store.settings import Settings
from worker.context import WorkerContext


def rewritten(path: Path, target: Path, *, database_file: Path | None = None, **changes: Any) -> Path:
    """A whole backup whose manifest says something else, with another database on demand."""
    with BackupReader(path) as reader, new_backup(target) as writer:
        for number, member in enumerate(reader.manifest.members):
            part = writer.folder / str(number)
            reader.extract(member.name, part)
            source = database_file if database_file and member.name.startswith("database/") else part
            writer.add(member.name, source, disposition=member.disposition)
        members = [asdict(member) for member in writer.members]
        content = json.loads(reader.load("manifest.json")) | changes | {"members": members}
        manifest = type(reader.manifest).from_json(json.dumps(content).encode())
        writer.finish(manifest)
    return target


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"revision": "9999"}, "newer than this one"),
        ({"version": "99.0.0"}, "newer than this one"),
        ({"format": 2}, "made by a newer version"),
        ({"database": "postgresql"}, "holds a database of postgresql"),
    ],
)
def test_a_backup_that_does_not_fit_is_refused(
    filled: WorkerContext, backup: Path, tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    make_backup(filled.settings, backup)
    other = rewritten(backup, backup.with_name("other.tar"), **changes)
    with pytest.raises(BackupRefused, match=expected):
        restore_backup(Settings(_env_file=None, data_dir=tmp_path / "empty"), other)
    same = rewritten(backup, backup.with_name("same.tar"))
    restore_backup(Settings(_env_file=None, data_dir=tmp_path / "empty"), same)


def test_a_database_of_another_revision_is_not_backed_up(settings: Settings, database: Database, backup: Path) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0016'")
    with pytest.raises(BackupRefused, match="0016"):
        make_backup(settings, backup)


def test_an_earlier_revision_is_migrated(filled: WorkerContext, backup: Path, tmp_path: Path) -> None:
    """As in a backup of an earlier version: its schema has no table of the maintenance mode."""
    make_backup(filled.settings, backup)
    with BackupReader(backup) as reader:
        reader.extract("database/unteachable.db", tmp_path / "old.db")
    old = connect(f"sqlite+pysqlite:///{tmp_path / 'old.db'}")
    command.downgrade(migrate.alembic_config(old), "0016")
    old.dispose()
    earlier = rewritten(backup, backup.with_name("earlier.tar"), database_file=tmp_path / "old.db", revision="0016")
    settings = Settings(_env_file=None, data_dir=tmp_path / "other")
    assert restore_backup(settings, earlier).revision == migrate.head_revision()
    restored = open_database(settings)
    assert migrate.current_revision(restored) == migrate.head_revision()
    restored.dispose()
