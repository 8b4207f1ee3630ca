"""Where streams are cut by clients that hang up, and what is to be seen of them afterwards."""

import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from grip.money.amounts import NANO
from grip.money.estimates import text_tokens
from grip.services.context import Context
from grip.store.records import UsageRow
from grip.store.tables import wallet as wallets
from tests.e2e.house import HELLO, Customer, Good, House
from tests.e2e.leaver import Leaver
from tests.e2e.scripts import DONE, LAST_PART, STREAM_HEAD, TEXT, USAGE_EVENT, part

COMMENT = b": wait\n\n"
STOPS = {"drains": False}
SILENT = [*TEXT, DONE]
REPORTING = [*TEXT, USAGE_EVENT, DONE]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Where a stream is cut: so many of its events have come, of which the client saw `seen`."""

    name: str
    head: bytes = STREAM_HEAD
    events: int
    seen: bytes | None

    def begun(self, events: list[bytes]) -> bytes:
        """Return what the upstream has sent by then; a comment after it is seen as well."""
        more = [COMMENT] if self.seen == COMMENT else []
        return self.head + b"".join(map(part, [*events[: self.events], *more]))

    def rest(self, events: list[bytes]) -> bytes:
        """Return what it sends after."""
        head = b"" if self.head else STREAM_HEAD
        return head + b"".join(map(part, events[self.events :])) + LAST_PART


BEFORE_HEADERS = Cut(name="before headers", head=b"", events=0, seen=None)
AFTER_HEADERS = Cut(
    name="after headers", head=STREAM_HEAD + part(b": ping\n\n"), events=0, seen=None
)
AFTER_CHUNK_1 = Cut(name="after chunk 1", events=1, seen=TEXT[0])
MID = Cut(name="mid", events=2, seen=TEXT[1])
AFTER_THE_TEXT = Cut(name="after the text", events=4, seen=TEXT[3])
AFTER_USAGE = Cut(name="after the usage frame", events=5, seen=COMMENT)

UNSEEN = [BEFORE_HEADERS, AFTER_HEADERS]
FLOWING = [AFTER_CHUNK_1, MID, AFTER_THE_TEXT]


def name_of(cut: Cut) -> str:
    """Return what tests call it."""
    return cut.name


def hang_up(
    house: House,
    customer: Customer,
    good: Good,
    cut: Cut,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> None:
    """Read as far as the cut lets see, then leave."""
    body = {"model": good.name, "messages": HELLO, "stream": True, **more}
    leaver = Leaver(house, customer, body, headers=headers)
    good.doors[0].next()
    if cut.seen is not None:
        leaver.read_until(cut.seen)
    leaver.leave()


def resolve(house: House, customer: Customer) -> None:
    """Wait until nothing is held."""
    for _ in range(3_000):
        if not house.holds(customer):
            return
        threading.Event().wait(0.01)
    raise AssertionError("the hold stays")


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


@asynccontextmanager
async def busy(context: Context, wallet_id: str) -> AsyncIterator[None]:
    """Keep the books from admitting to this wallet, and from charging it."""
    async with context.database.write() as connection:
        wanted = sa.select(wallets.c.id).where(wallets.c.id == wallet_id).with_for_update()
        await connection.execute(wanted)
        yield
