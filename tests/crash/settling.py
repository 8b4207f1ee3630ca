"""A load of admissions and settlements on SQLite's books, with a log of what was answered.

    python -m tests.crash.settling DATABASE LOG ROUNDS

Checkpoints come often and the log of writes begins anew often, as they would in hours. A line of
LOG is written, by one system call, after each settlement and each recharge that was answered.
"""

import asyncio
import os
import sys

from grip.clock import system_clock
from grip.money.amounts import NANO
from grip.money.entries import Settled
from grip.services import wallets
from grip.store.books import HotBooks, sqlite_checkpoints
from grip.store.engine import Database
from tests.books.conftest import Customer, House

_AT_ONCE = 6
_RECHARGE_EVERY = 8


async def settle(house: House, books: HotBooks, customer: Customer, log: int, number: int) -> None:
    """Hold and charge one call; of each five, one is let go instead."""
    entry = await house.asks(books, customer, 2)
    await books.submit(entry)
    if number % 5 == 0:
        await books.submit(house.releases(entry))
        return
    assert isinstance(await books.submit(house.settles(entry, NANO)), Settled)
    os.write(log, f"usage {entry.request_id}\n".encode())


async def recharge(house: House, customer: Customer, log: int) -> None:
    """Post credits, as a command does."""
    await wallets.credit(house.context, customer.wallet_id, 5, actor="test", reason="test")
    os.write(log, f"recharge {customer.wallet_id}\n".encode())


async def run(path: str, log: int, rounds: int) -> None:
    """Make the house, then settle; close everything at the end."""
    house = House(Database(f"sqlite:///{path}"), system_clock)
    await house.prepare()
    books = await house.open()
    customers = [await house.customer() for _ in range(3)]
    for number in range(rounds):
        calls = (
            settle(house, books, customers[index % 3], log, number + index)
            for index in range(_AT_ONCE)
        )
        await asyncio.gather(*calls)
        if number % _RECHARGE_EVERY == 0:
            await recharge(house, customers[0], log)
    await house.close()


def main() -> None:
    """Read the words of the command line."""
    path, log, rounds = sys.argv[1:]
    vars(sqlite_checkpoints).update(_EVERY_S=0.02, _RESTART_ABOVE_BYTES=200_000)
    asyncio.run(run(path, os.open(log, os.O_WRONLY | os.O_CREAT), int(rounds)))


if __name__ == "__main__":
    main()
