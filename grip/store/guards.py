"""The triggers that keep the append-only tables append-only, as `grip ledger verify` expects them.

The migrations make them; they reject and never compute. On SQLite, REPLACE deletes without firing
delete triggers unless `recursive_triggers` is on, which is a setting of each connection: the
insert trigger that refuses a key already there closes that way for connections not of grip's.
"""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store.tables import APPEND_ONLY

_SQLITE = ("no_update", "no_delete", "no_replace")
_POSTGRES = ("no_change", "no_truncate")

_SQLITE_TRIGGERS = sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
_POSTGRES_TRIGGERS = sa.text("SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A')")


async def missing(connection: AsyncConnection) -> list[str]:
    """Return the names of the guards that are not there, or are switched off."""
    is_sqlite = connection.dialect.name == "sqlite"
    kinds, query = (_SQLITE, _SQLITE_TRIGGERS) if is_sqlite else (_POSTGRES, _POSTGRES_TRIGGERS)
    present = set((await connection.execute(query)).scalars())
    expected = [f"{table}_{kind}" for table in APPEND_ONLY for kind in kinds]
    return [name for name in expected if name not in present]
