"""Column types that mean the same on both engines.

SQLite tables are STRICT, which knows INTEGER, TEXT and BLOB only; PostgreSQL keeps BIGINT. Times
are unix microseconds, flags are 0 or 1, lists and mappings are JSON text.
"""

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
Text = sa.Text()
Bytes = sa.LargeBinary().with_variant(sa.BLOB(), "sqlite")


class Json(TypeDecorator[Any]):
    """A small list or mapping, kept as JSON text: both engines store and compare it alike."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        """Return the text of `value`."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:  # noqa: ARG002
        """Return the value of the text."""
        return None if value is None else msgspec.json.decode(value)


def integer(name: str, *, default: int | None = None, null: bool = False) -> sa.Column[int]:
    """Return a column of whole numbers."""
    server_default = None if default is None else sa.text(str(default))
    return sa.Column(name, Int, nullable=null, server_default=server_default)


def text(name: str, *, null: bool = False) -> sa.Column[str]:
    """Return a column of text."""
    return sa.Column(name, Text, nullable=null)


def sequence(name: str = "seq") -> sa.Column[int]:
    """Return a primary key that counts up in the order of insertion and is never used twice."""
    return sa.Column(name, Int, sa.Identity(always=True), primary_key=True)
