"""The one place where a command meets the books: settings, database, use case, and back.

Owns the assembly of a `Context` for one command. Refuses to work on a database whose schema is not
this version's, but for the commands that look after the schema itself.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from grip import settings
from grip.clock import system_clock
from grip.errors import DatabaseUnavailable
from grip.ids import IdSource
from grip.services.context import Context
from grip.settings import Settings
from grip.store import schema
from grip.store.engine import Database

P = ParamSpec("P")
T = TypeVar("T")

_THREAD_ENDS_WITHIN_S = 1


def run(
    config: Path | None,
    use_case: Callable[Concatenate[Context, P], Awaitable[T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Return what `use_case` answers; an empty database gets its schema first."""

    async def ready(context: Context) -> T:
        await schema.ensure(context.database)
        return await use_case(context, *args, **kwargs)

    return run_as_is(config, ready)


def run_as_is(
    config: Path | None,
    use_case: Callable[Concatenate[Context, P], Awaitable[T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Return what `use_case` answers, whatever the state of the schema is."""

    async def now(context: Context) -> T:
        return await use_case(context, *args, **kwargs)

    return asyncio.run(_run(settings.load(config), now))


async def _run(chosen: Settings, use_case: Callable[[Context], Awaitable[T]]) -> T:
    running = set(threading.enumerate())
    database = Database(chosen.database.url)
    try:
        return await use_case(
            Context(database=database, settings=chosen, clock=system_clock, ids=IdSource())
        )
    except DatabaseUnavailable:
        # aiosqlite leaves the thread of a connection that failed to itself; it ends with a
        # traceback of its own where the loop is gone by then.
        for thread in set(threading.enumerate()) - running:
            thread.join(_THREAD_ENDS_WITHIN_S)
        raise
    finally:
        await database.close()
