"""A gateway that sells credits: its configuration, and what its customers and their bank do."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2

from grip.app import payment_providers
from grip.clock import system_clock
from grip.services import billing, keys, members, wallets
from grip.services.billing import Words
from grip.services.context import Context
from grip.services.selling import janitor, papers, sales
from grip.store.documents import Stored
from grip.store.orders import Order
from tests.e2e.gateway import CONFIG
from tests.e2e.house import Customer, House
from tests.stripe_server import KEY, SECRET, StripeServer, delivered

OLD_SECRET = "whsec_of_before"
SANDBOX_SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, no").decode()
PLAYGROUND_SECRET = "whsec_" + base64.b64encode(b"another one of thirty-two bytes").decode()
SCRIPT = "<script>alert('1')</script>"

_SELLS = f"""
[seller]
name = "Grip GmbH"
address = ["Hauptstraße 1"]
city = "Berlin"
postcode = "10117"
country = "DE"
tax_id = "DE136695976"
[taxes.de]
country = "DE"
rate = "19"
[legal]
terms_url = "https://shop.example/terms"
refund_policy_url = "https://shop.example/refunds"
version = "2026-11"
[packages.script]
title = "{SCRIPT}"
price = "1.00 USD"
credits = 1000
[packages.whole]
price = "8000000.00 USD"
credits = 8000000000
[payments.sandbox]
webhook_secret = "file:FOLDER/sandbox"
[payments.playground]
kind = "sandbox"
webhook_secret = "file:FOLDER/playground"
[payments.stripe]
secret_key = "file:FOLDER/key"
webhook_secret = "file:FOLDER/secret"
webhook_secret_old = "file:FOLDER/secret_old"
api_base = "STRIPE"
[payments.mute]
kind = "stripe"
secret_key = "file:FOLDER/key"
api_base = "STRIPE"
[payments.blank]
kind = "stripe"
secret_key = "file:FOLDER/key"
webhook_secret = "file:FOLDER/empty"
api_base = "STRIPE"
[payments.crooked]
kind = "stripe"
secret_key = "file:FOLDER/key"
webhook_secret = "file:FOLDER/secret"
api_base = "http://elsewhere.example"
"""


def config(folder: Path, stripe: str) -> str:
    """Return the configuration of a shop, whose secrets are written into the folder."""
    secrets = {
        "sandbox": SANDBOX_SECRET,
        "playground": PLAYGROUND_SECRET,
        "key": KEY,
        "secret": SECRET,
        "secret_old": OLD_SECRET,
        "empty": "\n",
    }
    for name, secret in secrets.items():
        (folder / name).write_text(secret)
    return CONFIG + _SELLS.replace("FOLDER", str(folder)).replace("STRIPE", stripe)


@contextmanager
def stripe_of_today() -> Iterator[StripeServer]:
    """Run an account of Stripe whose time is today's."""
    server = StripeServer()
    server.now_s = system_clock() // 1_000_000
    try:
        yield server
    finally:
        server.stop()


class Shop:
    """A house that sells: its customers' calls, its operator's, and its payment providers'."""

    def __init__(self, house: House, stripe: StripeServer) -> None:
        self.house = house
        self.stripe = stripe

    def customer(self, *, profile: bool = True, tier: str = "free") -> Customer:
        """Open an account without a credit, with a profile in Berlin unless told."""
        made = self.house.customer(credits_=0, tier=tier)
        if profile:
            said: dict[str, Any] = {
                "name": "Ana Müller",
                "address": ["Weg 1"],
                "city": "Berlin",
                "postcode": "10115",
                "country": "DE",
                "email": made.email,
            }
            self.house.do(billing.set_profile, made.wallet_id, Words(**said), actor="test")
        return made

    def member_of(self, owner: Customer) -> Customer:
        """Return a member of an owner's wallet."""
        member = self.house.customer()
        self.house.do(wallets.set_tier, owner.email, "enterprise", actor="test", reason="test")
        self.house.do(members.add, owner.email, member.email, actor="test")
        made = self.house.do(
            keys.create, owner.email, actor="test", name="ben", member=member.email
        )
        return replace(member, secret=made.secret, key_id=made.key.id, wallet_id=owner.wallet_id)

    def begin(self, customer: Customer, key: str | None = None, **said: Any) -> httpx2.Response:
        """Begin a checkout: of the package growth in the sandbox unless told."""
        body = {"package": "growth", "provider": "sandbox"} | said
        return self.begin_with(customer, {k: v for k, v in body.items() if v is not None}, key)

    def begin_with(
        self, customer: Customer | None, body: Any, key: str | None = None
    ) -> httpx2.Response:
        """Begin a checkout with this body, bytes or what becomes JSON."""
        headers = {"content-type": "application/json"}
        if customer is not None:
            headers["authorization"] = f"Bearer {customer.secret}"
        if key is not None:
            headers["idempotency-key"] = key
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.house.http.post("/v1/checkout/sessions", content=content, headers=headers)

    def page(self, begun: httpx2.Response) -> str:
        """Return the path of the sandbox's page of a checkout."""
        assert begun.status_code == 200, begun.text
        found = re.search(r"/sandbox/checkout/.*", begun.json()["url"])
        assert found is not None
        return found[0]

    def press(self, page: str, button: str) -> httpx2.Response:
        """Press a button of the page, as a browser does."""
        return self.house.http.post(page, data={"outcome": button})

    def wallet(self, customer: Customer) -> dict[str, Any]:
        """Return the wallet as the customer sees it."""
        headers = {"authorization": f"Bearer {customer.secret}"}
        seen: dict[str, Any] = self.house.http.get("/v1/wallet", headers=headers).json()
        return seen

    def orders(self, customer: Customer) -> list[Order]:
        """Return the customer's orders, newest first."""
        found: list[Order] = self.house.do(sales.list_orders, wallet=customer.wallet_id)
        return found

    def documents(self, customer: Customer) -> list[Stored]:
        """Return the customer's invoices and credit notes, newest first."""
        found: list[Stored] = self.house.do(papers.list_documents, wallet=customer.wallet_id)
        return found

    def tell(
        self, provider: str, raw: bytes, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Post a webhook."""
        return self.house.http.post(f"/webhooks/{provider}", content=raw, headers=headers)

    def told(self, *kinds: str, secret: str = SECRET, since: int = 0) -> list[int]:
        """Post Stripe's events since a count, of these kinds or all, and return the answers."""
        chosen = [
            event for event in self.stripe.events[since:] if not kinds or event["type"] in kinds
        ]
        assert chosen
        return [self.tell_event(event, secret).status_code for event in chosen]

    def tell_event(self, event: Mapping[str, Any], secret: str = SECRET) -> httpx2.Response:
        """Post one of Stripe's events, signed now."""
        return self.tell("stripe", *delivered(event, secret, system_clock() // 1_000_000))

    def janitor(self, *, later_s: int) -> None:
        """Let the janitor look after what is open, so many seconds from now."""

        async def look(context: Context) -> None:
            providers = payment_providers(context.settings)
            late = replace(context, clock=lambda: system_clock() + later_s * 1_000_000)
            try:
                await janitor.run(late, providers)
            finally:
                await providers.close()

        self.house.do(look)
