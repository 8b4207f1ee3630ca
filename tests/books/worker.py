"""A process with books of its own, as a worker of a node is: it is told what to ask of them.

Reads its orders as one line of JSON, says that it is ready, waits for another line, and prints
what each entry came to, one JSON array on each line.
"""

import asyncio
import json
import sys
from typing import Any

from grip import errors, logs
from grip.clock import system_clock
from grip.money.entries import Admit, Answer, Entry, Facts, Settle
from grip.money.states import TierLimits
from grip.settings import load
from grip.store.books import HotBooks
from grip.store.books.postgres import PostgresBooks
from grip.store.books.sqlite import SqliteBooks
from grip.store.engine import Database

TIERS = {"free": TierLimits()}


async def main(url: str) -> None:
    logs.configure(load(environ={}).log)
    orders = json.loads(sys.stdin.readline())
    database = Database(url)
    books: HotBooks = (
        SqliteBooks(database, TIERS, system_clock)
        if database.is_sqlite
        else PostgresBooks(database, TIERS)
    )
    await books.start()
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    await asyncio.gather(*(carry_out(books, **order) for order in orders))
    await books.stop()
    await database.close()


async def carry_out(
    books: HotBooks, *, entry: list[Any], settle: list[Any] | None, count: int, at_once: int
) -> None:
    """Admit `count` calls, some of them at once, and settle each where it is said how."""
    admit = Admit(*entry)
    charge = settle and _charge(*settle)

    async def some(start: int) -> None:
        for number in range(start, count, at_once):
            request_id = f"{admit.request_id}_{number:05}"
            if await told(books, admit._replace(request_id=request_id)) and charge:
                await told(books, charge._replace(request_id=request_id))

    await asyncio.gather(*map(some, range(at_once)))


def _charge(*settle: Any) -> Settle:
    """Return a settlement that keeps an answer, whether that is asked for or not."""
    bare = Settle(*settle)
    return bare._replace(
        facts=Facts(*bare.facts), answer=Answer(content_type="text/plain", body=b"x")
    )


async def told(books: HotBooks, entry: Entry) -> bool:
    """Submit and print what comes of it; return whether it was done."""
    outcome: Any
    try:
        outcome = await books.submit(entry)
    except errors.GripError as error:
        outcome = error
    print(json.dumps([entry.request_id, type(outcome).__name__]), flush=True)  # noqa: T201
    return not isinstance(outcome, errors.GripError)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
