"""A gateway with its upstream, its operator and its customers: what the tests act through."""

import itertools
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import httpx2
import sqlalchemy as sa
from anyio.from_thread import BlockingPortal
from openai import OpenAI

from grip.money.amounts import NANO
from grip.money.pricing import Rates
from grip.services import accounts, channels, keys, ledger, models, usage, wallets
from grip.services.context import Context
from grip.store.records import UsageRow, Wallet
from grip.store.tables import holds
from tests.e2e.gateway import Gateway
from tests.e2e.upstream import Door, Script, Upstream

RATES = Rates(input_nano=NANO // 10, output_nano=NANO)
"""Ten input tokens are a credit, and so is one output token: a polite answer costs six."""

FREE = Rates(input_nano=0, output_nano=0)

POLITE_NANO = 6 * NANO

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """An account with its wallet and one key."""

    email: str
    wallet_id: str
    key_id: str
    secret: str
    client: OpenAI


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """A model for sale, and the doors of its channels, the first to be tried first."""

    name: str
    doors: list[Door]

    @property
    def door(self) -> Door:
        """The only door."""
        (door,) = self.doors
        return door

    @property
    def calls(self) -> list[int]:
        """How often each door was called."""
        return [len(door.requests) for door in self.doors]


class House:
    """Everything around one gateway; what it sells and to whom is made fresh for each test."""

    def __init__(
        self, gateway: Gateway, upstream: Upstream, portal: BlockingPortal, context: Context
    ) -> None:
        self.gateway = gateway
        self.upstream = upstream
        self.context = context
        self._portal = portal
        self._numbers = itertools.count(1)
        self.http = httpx2.Client(base_url=gateway.url, timeout=60)
        self._openai = OpenAI(
            api_key="nobody", base_url=f"{gateway.url}/v1", max_retries=0, timeout=60
        )

    def fresh_http(self) -> httpx2.Client:
        """Return a client whose connections nobody used before."""
        return httpx2.Client(base_url=self.gateway.url, timeout=60)

    def close(self) -> None:
        self.http.close()
        self._openai.close()

    def do(self, work: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        """Do what an operator does: a use case with the house's context."""

        async def run() -> Any:
            return await work(self.context, *args, **kwargs)

        return self._portal.call(run)

    def client(self, secret: str) -> OpenAI:
        """Return OpenAI's own client with this key."""
        return self._openai.with_options(api_key=secret)

    def sell(
        self,
        *scripts: Script,
        sell: Rates | None = RATES,
        kind: str = "chat",
        weights: list[int] | None = None,
        alias: str | None = None,
        upstream_name: str | None = None,
        channel: dict[str, Any] | None = None,
        **model: Any,
    ) -> Good:
        """Offer a model through channels that do as their scripts say, in that order.

        With `weights` the channels have one priority; `channel` is what is special of the first.
        """
        name = f"model-{next(self._numbers)}"
        doors = [self.upstream.door(script) for script in scripts]
        for index, door in enumerate(doors):
            values: dict[str, Any] = {
                "name": f"{name}-{index}",
                "kind": "openai",
                "base_url": door.url,
                "groups": [name],
                "priority": 0 if weights else len(doors) - index,
                "weight": weights[index] if weights else 1,
                "secret": "env:UPSTREAM_SECRET",
                "model_map": {name: upstream_name} if upstream_name else {},
            }
            draft = channels.Draft(**(values | ((index == 0 and channel) or {})))
            self.do(channels.add, draft, actor="test")
        draft_model = models.Draft(
            name=name,
            type=kind,
            sell=sell or Rates(),
            groups=[name],
            aliases=[alias] if alias else [],
            **model,
        )
        self.do(models.add, draft_model, actor="test")
        return Good(name=name, doors=doors)

    def customer(
        self, *, credits_: int | None = 1_000_000, tier: str = "enterprise", **key: Any
    ) -> Customer:
        """Open an account with so many credits in all, on a tier, with a key."""
        email = f"customer{next(self._numbers)}@example.com"
        account = self.do(accounts.create, actor="test", email=email)
        signup = self.context.settings.credits.signup
        why = {"actor": "test", "reason": "test"}
        if credits_ is not None and credits_ > signup:
            self.do(wallets.credit, email, credits_ - signup, **why)
        elif credits_ is not None and credits_ < signup:
            self.do(wallets.debit, email, signup - credits_, **why)
        if tier != "free":
            self.do(wallets.set_tier, email, tier, **why)
        made = self.do(keys.create, email, actor="test", name="main", **key)
        return Customer(
            email=email,
            wallet_id=account.wallet_id,
            key_id=made.key.id,
            secret=made.secret,
            client=self.client(made.secret),
        )

    def post(
        self, customer: Customer | None, body: Any, *, path: str = "/v1/chat/completions"
    ) -> httpx2.Response:
        """Post bytes as they are, or what becomes JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        if customer is not None:
            headers["authorization"] = f"Bearer {customer.secret}"
        return self.http.post(path, content=content, headers=headers)

    def streaming(self, customer: Customer, body: Any) -> AbstractContextManager[httpx2.Response]:
        """Post and hand over the answer once its head is there."""
        headers = {"authorization": f"Bearer {customer.secret}"}
        return self.http.stream("POST", "/v1/chat/completions", json=body, headers=headers)

    def wallet(self, customer: Customer) -> Wallet:
        """Return the wallet as it stands in the books."""
        found: Wallet = self.do(wallets.get, customer.wallet_id)
        return found

    def usage(self, customer: Customer) -> list[UsageRow]:
        """Return what was charged, newest first."""
        found: list[UsageRow] = self.do(usage.list_usage, wallet=customer.wallet_id)
        return found

    def holds(self, customer: Customer) -> int:
        """Return how many holds of the customer's there are."""

        async def count(context: Context) -> int:
            query = sa.select(sa.func.count()).where(holds.c.wallet_id == customer.wallet_id)
            async with context.database.read() as connection:
                found: int = (await connection.execute(query)).scalar_one()
                return found

        held: int = self.do(count)
        return held

    def assert_untouched(self, customer: Customer, balance: int = 1_000_000) -> None:
        """Nothing is held, nothing was charged, nothing is in the log of usage."""
        wallet = self.wallet(customer)

        assert self.holds(customer) == 0
        assert (wallet.balance, wallet.held, wallet.debt, wallet.carry_nano) == (balance, 0, 0, 0)
        assert self.usage(customer) == []

    def assert_clean(self) -> None:
        """The books add up."""
        report = self.do(ledger.verify)

        assert report.ok, [check for check in report.checks if not check.ok]
