"""What a schema of any time has, as the database tells it."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

Values = dict[str, Any]
_TYPES = {int: sa.BigInteger, str: sa.Text, bytes: sa.LargeBinary}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a column takes; one that `may_be_left_out` need not be named by who inserts."""

    type: str
    is_null: bool
    may_be_left_out: bool


Tables = dict[str, dict[str, About]]


def tables_of(connection: sa.Connection) -> Tables:
    """Return the tables of a database and their columns."""
    there = sa.inspect(connection)
    return {
        name: {
            column["name"]: About(
                type=str(column["type"]),
                is_null=column["nullable"],
                may_be_left_out=column["nullable"]
                or column.get("default") is not None
                or column.get("identity") is not None,
            )
            for column in there.get_columns(name)
        }
        for name in there.get_table_names()
    }


async def count(connection: AsyncConnection, name: str, values: Values) -> int:
    """Return how many rows of a table have these values."""
    table = table_of(name, values)
    same = [table.c[column] == value for column, value in values.items()]
    query = sa.select(sa.func.count()).select_from(table).where(*same)
    return int((await connection.execute(query)).scalar_one())


def table_of(name: str, values: Values) -> sa.TableClause:
    """Return a table of just these columns."""
    columns = [sa.column(column, _TYPES[type(value)]()) for column, value in values.items()]
    return sa.table(name, *columns)
