"""Where streams are cut by clients that hang up, and what is to be seen of them afterwards."""

import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from grip.money.amounts import NANO
from grip.money.estimates import text_tokens
from grip.money.pricing import cost_nano
from grip.services.context import Context
from grip.store.records import UsageRow
from grip.store.tables import wallet as wallets
from tests.e2e.flows import CHAT, Asked, Flow
from tests.e2e.house import Customer, Good, House
from tests.e2e.leaver import Leaver
from tests.e2e.scripts import DONE, LAST_PART, STREAM_HEAD, TEXT, USAGE_EVENT, part
from tests.e2e.upstream import Script

STOPS = {"drains": False}
SILENT = [*TEXT, DONE]
REPORTING = [*TEXT, USAGE_EVENT, DONE]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Where a stream is cut: so many of its events have come, of which the client saw `seen`.

    Of its words so many; and it is `counted` where the usage is among the events.
    """

    name: str
    head: bytes = STREAM_HEAD
    events: int = 0
    seen: bytes | None = None
    words: int = 0
    counted: bool = False

    def begun(self, events: list[bytes]) -> bytes:
        """Return what the upstream has sent by then: one piece, of which all is seen or nothing."""
        come = b"".join(events[: self.events])
        return self.head + (part(come) if come else b"")

    def rest(self, events: list[bytes]) -> bytes:
        """Return what it sends after."""
        head = b"" if self.head else STREAM_HEAD
        return head + b"".join(map(part, events[self.events :])) + LAST_PART


def cuts_of(flow: Flow) -> list[Cut]:
    """Return the six points, the earliest first."""
    begun, said = len(flow.begins), len(flow.begins) + len(flow.words) + len(flow.ends)
    first, second, third = flow.sees
    return [
        Cut(name="before headers", head=b""),
        Cut(name="after headers", head=STREAM_HEAD + part(b": ping\n\n")),
        Cut(name="after chunk 1", events=begun + 1, seen=first, words=1),
        Cut(name="mid", events=begun + 2, seen=second, words=2),
        Cut(name="after the text", events=said, seen=third, words=3),
        Cut(name="after the usage frame", events=said + 1, seen=third, words=3, counted=True),
    ]


BEFORE_HEADERS, AFTER_HEADERS, AFTER_CHUNK_1, MID, AFTER_THE_TEXT, AFTER_USAGE = cuts_of(CHAT)
UNSEEN = [BEFORE_HEADERS, AFTER_HEADERS]
FLOWING = [AFTER_CHUNK_1, MID, AFTER_THE_TEXT]


def name_of(cut: Cut) -> str:
    """Return what tests call it."""
    return cut.name


def offer(house: House, asked: Asked, *scripts: Script, drains: bool = True) -> Good:
    """Sell what is asked for; the first channel speaks its wire."""
    channel = {**asked.channel, "drains": drains}
    return house.sell(*scripts, sell=asked.sell, kind=asked.kind, channel=channel)


def hang_up(
    house: House,
    customer: Customer,
    good: Good,
    cut: Cut,
    headers: Mapping[str, str] | None = None,
    *,
    flow: Flow = CHAT,
    **more: Any,
) -> None:
    """Read as far as the cut lets see, then leave."""
    body = {"model": good.name, **flow.body, "stream": True, **more}
    leaver = Leaver(house, customer, body, path=flow.path, files=flow.files, headers=headers)
    good.doors[0].next()
    if cut.seen is not None:
        leaver.read_until(cut.seen)
    leaver.leave()


def until(happened: Callable[[], bool], otherwise: str) -> None:
    """Wait for what only a look can tell."""
    for _ in range(3_000):
        if happened():
            return
        threading.Event().wait(0.01)
    raise AssertionError(otherwise)


def resolve(house: House, customer: Customer) -> None:
    """Wait until nothing is held."""
    until(lambda: not house.holds(customer), "the hold stays")


def charged(house: House, customer: Customer) -> UsageRow:
    """Return the only charge, once it is there; the wallet bears it out."""
    resolve(house, customer)
    (row,) = house.usage(customer)
    wallet = house.wallet(customer)

    assert (wallet.held, wallet.debt) == (0, 0)
    assert (1_000_000 - wallet.balance) * NANO + wallet.carry_nano == row.cost_nano
    return row


def assert_estimated(row: UsageRow, text: str) -> None:
    """It is charged for the prompt and for this text, by estimate, and within its hold."""
    assert row.status == "cut"
    assert row.estimated
    assert row.input_tokens > 0
    assert row.output_tokens == text_tokens(text)
    assert row.cost_nano == row.input_tokens * NANO // 10 + row.output_tokens * NANO
    assert row.cost_nano <= row.hold_credits * NANO


def assert_owed(row: UsageRow, flow: Flow, words: int) -> None:
    """It is charged for its input and for so many words, by estimate, and within its hold."""
    owed = flow.owed(words)._replace(input_tokens=row.input_tokens)
    counts = (row.output_tokens, row.images, row.seconds, row.characters)

    assert (row.status, row.estimated) == ("cut", not flow.exact)
    assert counts == (owed.output_tokens, owed.images, owed.seconds, owed.characters)
    assert (row.input_tokens > 0) == (flow.sell.input_nano is not None)
    assert 0 < row.cost_nano == cost_nano(flow.sell, owed) <= row.hold_credits * NANO


@asynccontextmanager
async def busy(context: Context, wallet_id: str) -> AsyncIterator[None]:
    """Keep the books from admitting to this wallet, and from charging it."""
    async with context.database.write() as connection:
        wanted = sa.select(wallets.c.id).where(wallets.c.id == wallet_id).with_for_update()
        await connection.execute(wanted)
        yield
