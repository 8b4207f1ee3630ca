"""A house on a real database: customers with credits, and any number of books open on it."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from grip.clock import Clock
from grip.ids import IdSource, key_hash
from grip.money.amounts import NANO, ceil_credits
from grip.money.entries import Admit, Entry, Facts, Outcome, Release, Settle
from grip.money.pricing import Rates
from grip.money.states import TierLimits
from grip.services import accounts, channels, keys, ledger, models, wallets
from grip.services.context import Context
from grip.settings import load
from grip.store.books import HotBooks
from grip.store.books.postgres import PostgresBooks
from grip.store.books.sqlite import SqliteBooks
from grip.store.engine import Database
from grip.store.records import Wallet
from grip.store.tables import metadata

UNLIMITED = {name: TierLimits() for name in ("free", "plus", "pro")}


@dataclass(frozen=True, kw_only=True)
class Customer:
    """A wallet with one key, held by its owner."""

    email: str
    wallet_id: str
    key_id: str
    hash: str


@dataclass
class House:
    """The database with a model that costs a nano-credit per input token."""

    database: Database
    clock: Clock
    price_id: str = ""
    opened: list[HotBooks] = field(default_factory=list)
    numbers: int = 0

    def __post_init__(self) -> None:
        self.context = Context(
            database=self.database, settings=load(environ={}), clock=self.clock, ids=IdSource()
        )

    async def prepare(self) -> None:
        draft = models.Draft(name="gpt", type="chat", sell=Rates(input_nano=1, output_nano=0))
        made = await models.add(self.context, draft, actor="test")
        assert made.price is not None
        self.price_id = made.price.id
        channel = channels.Draft(name="sandbox", kind="sandbox")
        await channels.add(self.context, channel, actor="test")

    async def open(self, tiers: Mapping[str, TierLimits] = UNLIMITED) -> HotBooks:
        """Open another books on the same database, as another process would."""
        books: HotBooks
        if self.database.is_sqlite:
            books = SqliteBooks(self.database, tiers, self.clock)
        else:
            books = PostgresBooks(self.database, tiers)
        await books.start()
        self.opened.append(books)
        return books

    async def close(self) -> None:
        for books in self.opened:
            await books.stop()
        await self.database.close()

    async def customer(self, credits_: int = 1_000, **terms: Any) -> Customer:
        """Make an account with so many credits, and a key on these terms."""
        self.numbers += 1
        email = f"c{self.numbers}@example.com"
        account = await accounts.create(self.context, actor="test", email=email)
        change = credits_ - (await self.wallet(account.wallet_id)).balance
        if change:
            post = wallets.credit if change > 0 else wallets.debit
            await post(self.context, account.wallet_id, abs(change), actor="test", reason="start")
        made = await keys.create(
            self.context, account.wallet_id, actor="test", name=f"key {self.numbers}", **terms
        )
        return self.holder(email, made)

    def holder(self, email: str, made: keys.NewKey) -> Customer:
        """Return who calls with this key."""
        return Customer(
            email=email,
            wallet_id=made.key.wallet_id,
            key_id=made.key.id,
            hash=key_hash(made.secret),
        )

    async def wallet(self, ref: str) -> Wallet:
        return await wallets.get(self.context, ref)

    async def asks(
        self, books: HotBooks, customer: Customer, credits_: int = 1, **changes: Any
    ) -> Admit:
        """Return an admission that rests on what is true now."""
        caller = await books.caller(customer.hash, fresh=True)
        assert caller is not None
        assert caller.usable
        entry = Admit(
            request_id=f"req_{uuid.uuid4().hex}",
            wallet_id=caller.wallet_id,
            key_id=caller.key_id,
            member_id=caller.member_id,
            catalog_version=(await books.catalog(fresh=True)).version,
            key_version=caller.key_version,
            tier=caller.tier,
            amount=credits_,
            estimate_nano=credits_ * NANO,
            tokens=1,
            model="gpt",
            endpoint="/chat/completions",
            ip="192.0.2.1",
            boot_id="boot_1",
            input_tokens=1,
            price_id="price_1",
        )
        if "estimate_nano" in changes:
            changes.setdefault("amount", ceil_credits(changes["estimate_nano"]))
        return entry._replace(**changes)

    def settles(self, entry: Admit, nano: int, *, proven: bool = True, **facts: Any) -> Settle:
        """Return the settlement of an admission, at a cost that its usage explains."""
        used = Facts(
            key_name="main",
            endpoint=entry.endpoint,
            model="gpt",
            provider="sandbox",
            channel_id="ch_1",
            channel="sandbox",
            upstream_model="gpt",
            upstream_id=None,
            ip=entry.ip,
            region="",
            status="completed",
            estimated=not proven,
            price_id=self.price_id,
            input_tokens=nano,
            output_tokens=0,
            cached_input_tokens=0,
            cache_write_tokens=0,
            images=0,
            seconds=0,
            characters=0,
            buy_cost_nano=None,
            attempts=1,
            latency_ms=1,
            first_byte_ms=1,
        )
        return Settle(
            request_id=entry.request_id,
            cost_nano=nano,
            proven=proven,
            tokens=1,
            facts=used._replace(**facts),
        )

    def releases(self, entry: Admit) -> Release:
        return Release(request_id=entry.request_id)

    async def all(self, books: HotBooks, *entries: Entry) -> list[Outcome | BaseException]:
        """Submit entries that arrive together; refusals are among what is returned."""
        asked = (books.submit(entry) for entry in entries)
        return await asyncio.gather(*asked, return_exceptions=True)

    async def rows(self, table: str, **where: Any) -> list[Mapping[str, Any]]:
        """Return rows of a table in the order of their primary key."""
        chosen = metadata.tables[table]
        query = sa.select(chosen).order_by(*chosen.primary_key)
        for name, value in where.items():
            query = query.where(chosen.c[name] == value)
        async with self.database.read() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def run(self, statement: str) -> None:
        async with self.database.write() as connection:
            await connection.execute(sa.text(statement))

    async def verify(self) -> None:
        """Raise unless every invariant of the books holds."""
        report = await ledger.verify(self.context)
        assert report.ok, [check for check in report.checks if not check.ok]

    async def untouched(self, customer: Customer, balance: int = 1_000) -> None:
        """Raise unless nothing was ever held of or charged to the customer."""
        wallet = await self.wallet(customer.wallet_id)
        assert (wallet.balance, wallet.held, wallet.carry_nano) == (balance, 0, 0)
        assert await self.rows("holds", wallet_id=customer.wallet_id) == []
        assert await self.rows("usage", wallet_id=customer.wallet_id) == []


@pytest.fixture
async def house(database: Database, clock: Clock) -> AsyncIterator[House]:
    """A house, on each engine in turn."""
    house = House(database, clock)
    await house.prepare()
    yield house
    await house.close()


@pytest.fixture
async def books(house: House) -> HotBooks:
    """Books that are open, with tiers that limit nothing."""
    return await house.open()


@pytest.fixture
async def sqlite_house(sqlite_url: str, clock: Clock) -> AsyncIterator[House]:
    """A house on SQLite alone."""
    house = House(Database(sqlite_url), clock)
    await house.prepare()
    yield house
    await house.close()


@pytest.fixture
async def postgres_house(postgres_url: str, clock: Clock) -> AsyncIterator[House]:
    """A house on PostgreSQL alone."""
    house = House(Database(postgres_url), clock)
    await house.prepare()
    yield house
    await house.close()


@pytest.fixture
async def operator(postgres_url: str) -> AsyncIterator[Any]:
    """A connection of the operator's own to the database of `postgres_house`."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def build() -> Callable[[str, Clock], House]:
    """Makes a house on a database of one's own."""
    return lambda url, clock: House(Database(url), clock)


@pytest.fixture(scope="session")
def fresh_sqlite(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Awaitable[str]]:
    """Makes the URL of a fresh SQLite database, as often as it is called."""
    folder = tmp_path_factory.mktemp("fresh")

    async def make() -> str:
        path = folder / f"{uuid.uuid4().hex}.db"
        shutil.copy(sqlite_template, path)
        return f"sqlite:///{path}"

    return make


@pytest.fixture(scope="session")
def fresh_postgres(postgres_server: str, postgres_template: str) -> Callable[[], Awaitable[str]]:
    """Makes the URL of a fresh PostgreSQL database, as often as it is called."""

    async def make() -> str:
        name = f"grip_fresh_{uuid.uuid4().hex[:12]}"
        connection = await asyncpg.connect(postgres_server)
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{postgres_template}"')
        await connection.close()
        url = make_url(postgres_server).set(database=name)
        return url.render_as_string(hide_password=False)

    return make
