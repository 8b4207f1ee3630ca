"""A rush at the till: purchases by many at once, some of whose transactions are rolled back.

    python -m tests.selling.rush DATABASE_URL FIRST COUNT WALLET…

Owns what a worker does; the charges, as a provider would have them in its books, are its last line.
Each purchase is a checkout, its signed webhook, and now and then a second delivery at the same
instant, a refund of a part, or a dispute that is won.
"""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec

from grip import failpoints
from grip.clock import system_clock
from grip.ids import IdSource
from grip.payments.build import Providers
from grip.payments.port import Charge
from grip.payments.sandbox import SandboxProvider
from grip.services import accounts, billing, ledger
from grip.services.billing import Words
from grip.services.context import Context
from grip.services.selling import agreeing, checkout, listening, reconciling, refunds
from grip.services.selling.agreeing import Links
from grip.services.selling.checkout import Wish
from grip.services.selling.reconciling import Difference
from grip.settings import load
from grip.store import documents
from grip.store.engine import Database
from grip.store.records import Caller
from tests.selling.conftest import SELLER, TAXES

SECRET = "whsec_" + "c2Fu" * 11
PLACES = ("webhook.before_commit", "refund.before_commit", "order.before_commit")
_ROLLED_BACK = 0.15
_TWICE, _REFUNDED, _DISPUTED = 0.1, 0.15, 0.05


class RolledBackError(Exception):
    """What happens to some transactions just before their commit."""


class Till(Providers):
    """The sandbox alone."""

    def __init__(self) -> None:
        super().__init__({"sandbox": {}})
        self.sandbox = SandboxProvider(
            "sandbox", address="https://grip.example.com", webhook_secrets=[SECRET]
        )

    def get(self, name: str) -> SandboxProvider:
        """Return the sandbox, whatever it is called."""
        assert name == "sandbox"
        return self.sandbox


async def customers(context: Context, count: int) -> list[str]:
    """Make customers in Berlin; return their wallets."""
    wallets = []
    for number in range(count):
        email = f"c{number}@example.com"
        made = await accounts.create(context, actor="rush", email=email)
        said = Words(
            name=f"Customer {number}",
            address=["Weg 1"],
            city="Berlin",
            postcode="10115",
            country="DE",
            email=email,
        )
        await billing.set_profile(context, made.wallet_id, said, actor="rush")
        wallets.append(made.wallet_id)
    return wallets


class Worker:
    """One of those who sell; `rolled_back` counts the transactions that came to nothing."""

    def __init__(self, context: Context, seed: int) -> None:
        self._context = context
        self._till = Till()
        self._random = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self.rolled_back = 0
        self.charges: list[Charge] = []

    def fail(self) -> None:
        """Fail now and then; a failpoint."""
        if self._random.random() < _ROLLED_BACK:
            self.rolled_back += 1
            raise RolledBackError

    async def sell(self, wallet_id: str, number: int) -> None:
        """Sell one package, whatever is rolled back on the way."""
        begun = await self._begin(wallet_id, number)
        page = self._till.sandbox.page(begun.opened.url.rpartition("/")[2])
        notices = ["payment.paid"]
        refunded = 0
        if self._random.random() < _DISPUTED:
            notices += ["dispute.opened", "dispute.withdrawn", "dispute.reinstated"]
            self._random.shuffle(notices)
        for kind in notices:
            times = 2 if self._random.random() < _TWICE else 1
            await asyncio.gather(*(self._hear(page, kind) for _ in range(times)))
        if len(notices) == 1 and self._random.random() < _REFUNDED:
            refunded = self._random.randint(1, begun.order.gross_minor)
            await self._give_back(begun.order.id, refunded)
        charge = Charge(
            payment_ref=page.payment_ref,
            order_id=begun.order.id,
            amount_minor=begun.order.gross_minor,
            currency=begun.order.currency,
            refunded_minor=refunded,
            created_us=begun.order.created_us,
        )
        self.charges.append(charge)

    async def _begin(self, wallet_id: str, number: int) -> checkout.Begun:
        fields = dict.fromkeys(Caller.__dataclass_fields__)
        known = {"wallet_id": wallet_id, "key_id": "key_1", "is_owner": True}
        caller = Caller(**fields | known)  # type: ignore[arg-type]
        name = self._random.choice(("starter", "growth"))
        wish = Wish(
            offer=agreeing.of_package(self._context, name),
            links=Links(),
            idem_key=f"rush:{number}",
            fingerprint="f",
        )
        while True:
            try:
                return await checkout.begin(self._context, self._till.sandbox, caller, wish)
            except RolledBackError:
                continue

    async def _hear(self, page: object, kind: str) -> None:
        sandbox = self._till.sandbox
        notice = sandbox.outcome(page, kind, self._context.clock())  # type: ignore[arg-type]
        while True:
            try:
                await listening.receive(self._context, sandbox, notice.raw, notice.headers)
            except RolledBackError:
                continue
            return

    async def _give_back(self, order_id: str, amount: int) -> None:
        while True:
            try:
                asked = await refunds.request(
                    self._context, order_id, amount_minor=amount, actor="rush", reason="unhappy"
                )
            except RolledBackError:
                continue
            await refunds.submit(self._context, self._till, asked)
            return


def surroundings(url: str) -> Context:
    """Return a context of a seller in Berlin."""
    settings = replace(load(environ={}), seller=SELLER, taxes=TAXES)
    return Context(database=Database(url), settings=settings, clock=system_clock, ids=IdSource())


async def run(url: str, first: int, count: int, wallets: list[str]) -> list[Charge]:
    """Sell so many packages; return the charges."""
    context = surroundings(url)
    worker = Worker(context, first)
    for place in PLACES:
        failpoints.arm(place, worker.fail)
    try:
        for number in range(first, first + count):
            await worker.sell(wallets[number % len(wallets)], number)
    finally:
        failpoints.disarm()
        await context.database.close()
    assert worker.rolled_back
    return worker.charges


async def differences(context: Context, charges: list[Charge]) -> list[Difference]:
    """Return what `grip reconcile` finds, and all that `grip ledger verify` does."""
    report = await ledger.verify(context)
    assert report.ok, report
    until_us = context.clock() + 1
    own = await reconciling.own_books(context)
    return own + await reconciling.with_provider(
        context, "sandbox", _listed(charges), from_us=0, to_us=until_us
    )


async def numbers(context: Context) -> dict[str, list[int]]:
    """Return the numbers of all documents by their series, in order."""
    async with context.database.read() as connection:
        stored = await documents.load(connection)
    found: dict[str, list[int]] = {}
    for one in sorted(stored, key=lambda one: one.number):
        found.setdefault(one.series, []).append(one.number)
    return found


async def _listed(charges: list[Charge]) -> AsyncIterator[Charge]:
    for charge in charges:
        yield charge


def main() -> None:
    """Read the words of the command line."""
    url, first, count, *wallets = sys.argv[1:]
    charges = asyncio.run(run(url, int(first), int(count), wallets))
    sys.stdout.write(msgspec.json.encode(charges).decode())


if __name__ == "__main__":
    main()
