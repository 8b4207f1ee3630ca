"""A small shop: models with prices, and calls that are charged as settlements charge them."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from grip.clock import Clock
from grip.ids import IdSource
from grip.money.amounts import NANO, draw
from grip.money.pricing import Rates, Usage, cost_nano
from grip.services import accounts, keys
from grip.services.context import Context
from grip.settings import load
from grip.store import wallets
from grip.store.engine import Database
from grip.store.records import Account, Key
from grip.store.tables import api_key, holds, member, model, model_alias, price, usage, wallet

RATES = Rates(input_nano=NANO // 4, output_nano=NANO)
"""Four input tokens, or one output token, are a credit."""


@dataclass(kw_only=True)
class Shop:
    """What the tests of the services sell, and to whom."""

    context: Context
    sold: int = field(default=0)

    async def model(self, name: str = "gpt", *, alias: str | None = None) -> None:
        """Put a model with its price into the catalog."""
        async with self.context.database.write() as connection:
            await connection.execute(
                sa.insert(model).values(
                    name=name, type="chat", groups=["default"], fallbacks=[], created_us=1
                )
            )
            if alias is not None:
                await connection.execute(sa.insert(model_alias).values(alias=alias, model=name))
            await connection.execute(
                sa.insert(price).values(
                    id=f"price_{name}_1",
                    model=name,
                    version=1,
                    valid_from_us=1,
                    actor="test",
                    input_nano=RATES.input_nano,
                    output_nano=RATES.output_nano,
                )
            )

    async def customer(self, email: str = "ana@example.com") -> Account:
        """Make an account."""
        return await accounts.create(self.context, actor="test", email=email)

    async def key(self, account: Account, name: str = "main", **terms: object) -> Key:
        """Make a key for the account's own wallet."""
        made = await keys.create(
            self.context,
            account.wallet_id,
            actor="test",
            name=name,
            **terms,  # type: ignore[arg-type]
        )
        return made.key

    async def call(
        self, key: Key, *, input_tokens: int = 4, output_tokens: int = 1, model: str = "gpt"
    ) -> str:
        """Charge one call to the key as a settlement does; return its request id."""
        self.sold += 1
        request_id = f"req_{self.sold:06d}"
        cost = cost_nano(RATES, Usage(input_tokens=input_tokens, output_tokens=output_tokens))
        async with self.context.database.write() as connection:
            await wallets.lock(connection, key.wallet_id)
            row = (
                (await connection.execute(sa.select(wallet).where(wallet.c.id == key.wallet_id)))
                .mappings()
                .one()
            )
            drawn, carry = draw(row["carry_nano"], cost)
            paid = min(drawn, row["balance"] - row["held"])
            await connection.execute(
                sa.update(wallet)
                .where(wallet.c.id == key.wallet_id)
                .values(
                    balance=row["balance"] - paid,
                    debt=row["debt"] + drawn - paid,
                    carry_nano=carry,
                )
            )
            for table, row_id in ((api_key, key.id), (member, key.member_id)):
                found = await connection.execute(
                    sa.select(table.c.spent, table.c.spent_nano).where(table.c.id == row_id)
                )
                spent, spent_nano = found.one()
                more, rest = draw(spent_nano, cost)
                await connection.execute(
                    sa.update(table)
                    .where(table.c.id == row_id)
                    .values(spent=spent + more, spent_nano=rest)
                )
            await connection.execute(
                sa.insert(usage).values(
                    request_id=request_id,
                    created_us=self.context.clock(),
                    wallet_id=key.wallet_id,
                    key_id=key.id,
                    member_id=key.member_id,
                    key_name=key.name,
                    endpoint="/v1/chat/completions",
                    model=model,
                    provider="sandbox",
                    channel_id="ch_1",
                    channel="sandbox",
                    upstream_model=model,
                    ip="192.0.2.1",
                    region="",
                    status="ok",
                    estimated=0,
                    price_id=f"price_{model}_1",
                    input_tokens=input_tokens,
                    output_tokens=output_tokens,
                    cached_input_tokens=0,
                    cache_write_tokens=0,
                    images=0,
                    seconds=0,
                    characters=0,
                    attempts=1,
                    latency_ms=5,
                    first_byte_ms=5,
                    hold_credits=drawn,
                    cost_nano=cost,
                    carry_before=row["carry_nano"],
                    carry_after=carry,
                    credits=drawn,
                    debt_credits=drawn - paid,
                    balance_after=row["balance"] - paid,
                )
            )
        return request_id

    async def hold(self, key: Key, amount: int) -> None:
        """Hold credits as an admission does."""
        self.sold += 1
        async with self.context.database.write() as connection:
            await wallets.lock(connection, key.wallet_id)
            await connection.execute(
                sa.insert(holds).values(
                    request_id=f"req_{self.sold:06d}",
                    wallet_id=key.wallet_id,
                    key_id=key.id,
                    member_id=key.member_id,
                    amount=amount,
                    estimate_nano=amount * NANO,
                    tokens=amount,
                    admitted_us=self.context.clock(),
                    model="gpt",
                    endpoint="/v1/chat/completions",
                    ip="192.0.2.1",
                    boot_id="boot",
                    input_tokens=1,
                    price_id="price_1",
                )
            )
            await connection.execute(
                sa.update(wallet)
                .where(wallet.c.id == key.wallet_id)
                .values(held=wallet.c.held + amount)
            )
            for table, row_id in ((api_key, key.id), (member, key.member_id)):
                await connection.execute(
                    sa.update(table)
                    .where(table.c.id == row_id)
                    .values(held_nano=table.c.held_nano + amount * NANO)
                )

    async def versions(self) -> dict[str, int]:
        """Return the version of every key, by its id."""
        async with self.context.database.read() as connection:
            found = await connection.execute(sa.select(api_key.c.id, api_key.c.version))
            return {row.id: row.version for row in found}


@pytest.fixture
async def shop(context: Context) -> Shop:
    """A shop that sells the model `gpt`, also known as `best`."""
    shop = Shop(context=context)
    await shop.model("gpt", alias="best")
    return shop


@pytest.fixture
async def other(clock: Clock) -> AsyncIterator[Callable[..., Context]]:
    """Makes surroundings with another database, told by its URL or its file."""
    opened: list[Database] = []

    def make(where: str | Path) -> Context:
        opened.append(Database(where) if isinstance(where, str) else Database.of_file(where))
        return Context(database=opened[-1], settings=load(environ={}), clock=clock, ids=IdSource())

    yield make
    for database in opened:
        await database.close()
