"""What all tables share: their metadata, how constraints are named, and the shapes of columns."""

from typing import Any, Final

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

NANO: Final = 1_000_000_000


def check(name: str, condition: str) -> sa.CheckConstraint:
    """Return a named condition that every row meets."""
    return sa.CheckConstraint(condition, name=name)


def table(name: str, *parts: sa.schema.SchemaItem, **options: Any) -> sa.Table:
    """Return a table of the schema; STRICT on SQLite."""
    return sa.Table(name, metadata, *parts, sqlite_strict=True, **options)


def key(name: str = "id") -> sa.Column[str]:
    """Return a primary key of text."""
    return sa.Column(name, sa.Text, primary_key=True)


def reference(name: str, target: str) -> sa.Column[str]:
    """Return a column that names a row of another table."""
    return sa.Column(name, sa.Text, sa.ForeignKey(target), nullable=False)
