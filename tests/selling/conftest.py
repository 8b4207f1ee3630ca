"""A till: customers with orders, and what payment providers tell of them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from grip.money.payments import Fact, Paid
from grip.services import accounts, billing, ledger, wallets
from grip.services.billing import Words
from grip.services.context import Context
from grip.services.selling import settling, telling
from grip.settings import Seller, TaxRule
from grip.store import documents, orders
from grip.store.documents import Stored
from grip.store.orders import Order
from grip.store.records import Wallet

SNAPSHOT: dict[str, Any] = {
    "title": "Growth",
    "seller": {
        "name": "Grip GmbH",
        "address": ["Hauptstraße 1"],
        "city": "Berlin",
        "postcode": "10117",
        "country": "DE",
        "tax_id": "DE136695976",
    },
    "customer": {
        "name": "Ana",
        "address": ["Weg 1"],
        "city": "Berlin",
        "postcode": "10115",
        "country": "DE",
    },
    "tax": {
        "name": "VAT",
        "category": "S",
        "rate_bp": 1900,
        "reason_code": None,
        "reason": None,
    },
    "terms_url": "",
    "refund_policy_url": "",
    "legal_version": "",
    "exchange": {"USD": "1", "CNY": "0.14", "EUR": "1.1"},
}
NET, TAX, GROSS = 10_000, 1_900, 11_900
CREDITS, BONUS = 100_000, 5_000
PAID = Paid(ref="pay_1", amount_minor=GROSS, currency="USD")


class Till:
    """What the tests of selling do."""

    def __init__(self, context: Context) -> None:
        self.context = context

    async def customer(self, email: str = "ana@example.com") -> Wallet:
        """Make an account; return its wallet, which is empty."""
        made = await accounts.create(self.context, actor="test", email=email)
        wallet = await wallets.get(self.context, made.wallet_id)
        if wallet.balance:
            wallet = await wallets.debit(
                self.context, wallet.id, wallet.balance, actor="test", reason="empty it"
            )
        return wallet

    async def profile(self, wallet: Wallet, **said: Any) -> None:
        """Say who a wallet's invoices go to: somebody in Berlin unless told."""
        words = {
            "name": "Ana Müller",
            "address": ["Weg 1"],
            "city": "Berlin",
            "postcode": "10115",
            "country": "DE",
            "email": "ana@example.com",
        }
        await billing.set_profile(self.context, wallet.id, Words(**words | said), actor="test")

    async def order(self, wallet: Wallet, **other: Any) -> Order:
        """Make an order that waits for its payment."""
        values: dict[str, Any] = {
            "id": self.context.new_id("ord"),
            "wallet_id": wallet.id,
            "provider": "stripe",
            "package": "growth",
            "status": orders.AWAITING,
            "credits": CREDITS,
            "bonus": BONUS,
            "currency": "USD",
            "net_minor": NET,
            "tax_minor": TAX,
            "gross_minor": GROSS,
            "snapshot": SNAPSHOT,
            "actor": "test",
            "created_us": self.context.clock(),
        }
        order = Order(**values | other)
        async with self.context.database.write() as connection:
            await orders.insert(connection, order)
        return order

    async def tell(self, order: Order, *facts: Fact) -> Order:
        """Tell the facts one by one, each in a transaction of its own."""
        for fact in facts:
            async with self.context.database.write() as connection:
                order = await settling.locked(connection, order.id)
                order = await telling.apply(
                    self.context, connection, order, (fact,), source="test", actor="test"
                )
        return order

    async def wallet(self, wallet: Wallet) -> Wallet:
        """Return a wallet as it stands."""
        return await wallets.get(self.context, wallet.id)

    async def documents(self, order: Order) -> list[Stored]:
        """Return the documents of an order, oldest first."""
        async with self.context.database.read() as connection:
            return (await documents.load(connection, order_id=order.id))[::-1]


SELLER = Seller(
    name="Grip GmbH",
    address=("Hauptstraße 1",),
    city="Berlin",
    postcode="10117",
    country="DE",
    tax_id="DE136695976",
    email="billing@example.com",
)
TAXES = {"de": TaxRule(country="DE", rate=1900)}


@pytest.fixture
def context(context: Context) -> Context:
    """The surroundings of a seller in Germany."""
    settings = replace(context.settings, seller=SELLER, taxes=TAXES)
    return replace(context, settings=settings)


@pytest.fixture
async def till(context: Context) -> AsyncIterator[Till]:
    """A till on each engine in turn; at its end the books must add up."""
    yield Till(context)
    report = await ledger.verify(context)
    assert report.ok, report
