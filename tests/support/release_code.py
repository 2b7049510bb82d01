"""The code of one release as far as a database sees it: it reads and writes the tables and columns that it knows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    ForeignKeyConstraint,
    MetaData,
    Table,
    and_,
    insert,
    inspect,
    select,
    update,
)

LARGE = 1 << 40
FIRST_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)

Row = dict[str, Any]
Unique = tuple[str, frozenset[str]]


class ReleaseCode:
    """Writes and reads rows of a schema as code does that knows nothing of any other.

    Args:
        engine: a database with the schema of this code.
        without: columns that the code does not use any more, as "table.column"; a later migration drops them.
    """

    def __init__(self, engine: Engine, *, without: tuple[str, ...] = ()) -> None:
        metadata = MetaData()
        metadata.reflect(engine)
        self._columns: dict[Table, list[Column[Any]]] = {}
        for table in metadata.sorted_tables:
            used = [column for column in table.columns if f"{table.name}.{column.name}" not in without]
            if table.name != "alembic_version" and table.name not in without:
                self._columns[table] = used
        self._written = 0

    def knows(self, table: str, columns: set[str]) -> bool:
        """Whether the code uses all of these columns of a table."""
        return any(t.name == table and columns <= {c.name for c in used} for t, used in self._columns.items())

    def write(self, engine: Engine) -> dict[str, Row]:
        """Insert a row into every table, each with all columns that the code knows; returns them by table."""
        rows: dict[str, Row] = {}
        with engine.begin() as connection:
            for table, columns in self._columns.items():
                rows[table.name] = self._insert(connection, table, columns, rows)
        return rows

    def check(self, engine: Engine, rows: dict[str, Row]) -> None:
        """Read rows that were written, and change them. Fails where one is not as it was."""
        with engine.begin() as connection:
            for table, columns in self._columns.items():
                key = and_(*(column == rows[table.name][column.name] for column in table.primary_key.columns))
                found = connection.execute(select(*columns).where(key)).mappings().one()
                assert dict(found) == rows[table.name], table.name
                changed = connection.execute(update(table).where(key).values(rows[table.name]))
                assert changed.rowcount == 1, table.name

    def delete(self, engine: Engine, rows: dict[str, Row]) -> None:
        """Delete rows that were written, those first that others refer to, so that the database deletes these."""
        with engine.begin() as connection:
            for table in self._columns:
                key = and_(*(column == rows[table.name][column.name] for column in table.primary_key.columns))
                connection.execute(table.delete().where(key))
                assert connection.execute(select(table.primary_key.columns).where(key)).first() is None, table.name

    def _insert(self, connection: Connection, table: Table, columns: list[Column[Any]], rows: dict[str, Row]) -> Row:
        self._written += 1
        row = {column.name: _value(column, self._written) for column in columns}
        for constraint in table.foreign_key_constraints:
            row |= {name: value for name, value in _references(constraint, rows).items() if name in row}
        connection.execute(insert(table).values(row))
        return row


def uniques_of(engine: Engine) -> set[Unique]:
    """The columns of every table in which no two rows may be the same, besides primary keys."""
    inspector, found = inspect(engine), set()
    for table in inspector.get_table_names():
        indexes = [index for index in inspector.get_indexes(table) if index["unique"]]
        for entry in (*indexes, *inspector.get_unique_constraints(table)):
            found.add((table, frozenset(name for name in entry["column_names"] if name)))
    return found


def names_of(engine: Engine) -> set[str]:
    """Every table, and every column as "table.column"."""
    inspector, found = inspect(engine), set()
    for table in inspector.get_table_names():
        found |= {table, *(f"{table}.{column['name']}" for column in inspector.get_columns(table))}
    return found


def _references(constraint: ForeignKeyConstraint, rows: dict[str, Row]) -> Row:
    """The values of a foreign key: of the row that was written to the other table, or none for one to itself."""
    other = rows.get(constraint.referred_table.name)
    pairs = [(element.parent.name, element.column.name) for element in constraint.elements]
    return {own: other and other[theirs] for own, theirs in pairs}


def _value(column: Column[Any], number: int) -> Any:
    """A value that no other row has, where the type has that many."""
    kind = column.type.python_type
    if kind is str:
        length = getattr(column.type, "length", None) or 64
        return f"{column.name}-{number}".rjust(length, "x")[-length:]
    if kind is datetime:
        moment = FIRST_MOMENT + timedelta(seconds=number)
        return moment if getattr(column.type, "timezone", False) else moment.replace(tzinfo=None)
    if kind is int and isinstance(column.type, BigInteger):
        return LARGE + number
    if kind in (bool, int, float):
        return kind(number)
    return {"number": number}  # JSON
