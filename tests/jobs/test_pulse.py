"""The pulse of a worker, through books that are open: on each engine in turn."""

import asyncio
from collections.abc import Callable

from grip.jobs import pulse
from grip.systemd import Overseer
from tests.books.conftest import House


def _signs(count: int) -> tuple[Callable[[], None], asyncio.Event]:
    """Return who takes signs of life, and what is set once there are so many of them."""
    enough = asyncio.Event()
    taken: list[None] = []

    def take() -> None:
        taken.append(None)
        if len(taken) == count:
            enough.set()

    return take, enough


async def test_books_answer_a_pulse_and_change_nothing(house: House):
    """Three times; it lets go of a hold that nobody has."""
    books = await house.open()
    ana = await house.customer()
    await books.submit(await house.asks(books, ana, 1))
    take, enough = _signs(3)
    async with pulse.felt(books, Overseer(alive=take, alive_every_s=0)):
        await asyncio.wait_for(enough.wait(), 30)

    assert len(await house.rows("holds")) == 1
    await house.verify()


async def test_books_that_have_stopped_answer_too(house: House):
    """A process that ends is alive until it has ended."""
    books = await house.open()
    await books.stop()
    take, enough = _signs(1)
    async with pulse.felt(books, Overseer(alive=take, alive_every_s=0)):
        await asyncio.wait_for(enough.wait(), 30)
