"""What a purchase is, agreed before anybody pays: credits, price, tax, and both sides. Frozen.

An order's snapshot is all that invoices are written from later: neither a changed profile nor a new
rate of tax touches it. Refuses to sell what could not be credited.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from grip import errors
from grip.money import exchange
from grip.money.amounts import MAX_CREDITS
from grip.money.currencies import major, minor
from grip.services import taxes
from grip.services.context import Context
from grip.services.selling import invoices
from grip.services.selling.invoices import Bill
from grip.settings import Amount, Package
from grip.store import billing_profiles, orders
from grip.store.billing_profiles import BillingProfile
from grip.store.engine import Connection
from grip.store.orders import Order
from grip.store.records import Wallet

_PLAIN: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,3})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is sold, without tax: credits and a bonus at a price."""

    title: str
    package: str | None
    credits: int
    bonus: int
    net_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """An operator's own terms; what is None is as the package has it."""

    price: Amount | None = None
    credits: int | None = None
    bonus: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where a customer is sent after the payment page."""

    success_url: str = ""
    cancel_url: str = ""


def is_plain(amount: str) -> bool:
    """Return whether a text is a plain number, as an amount has to be."""
    return _PLAIN.fullmatch(amount) is not None


def of_package(context: Context, name: str, terms: Terms | None = None) -> Offer:
    """Return what a package offers; `terms` are an operator's, who may sell any of them.

    Raises NotFound, and Conflict where it is not sold so, or has no price.
    """
    package = context.settings.packages.get(name)
    if package is None or package.by == "off":
        known = ", ".join(_sold(context.settings.packages))
        raise errors.NotFound(f"there is no package {name!r}; there are {known}", param="package")
    if terms is None and package.by != "checkout":
        raise errors.Conflict(
            f"the package {name!r} is sold by contract: ask the operator for an order"
        )
    own = terms or Terms()
    price = own.price or package.price
    credits_ = package.credits if own.credits is None else own.credits
    if price is None or credits_ is None:
        raise errors.InvalidRequest(
            f"the package {name!r} has its price by contract: say price and credits", param="price"
        )
    if price.currency not in exchange.with_dollars(context.settings.exchange):
        # It is frozen on the order, and tiers are counted with it.
        raise errors.InvalidRequest(
            f"nothing is sold in {price.currency}, which has no rate to US dollars: set "
            f"exchange.{price.currency} in the configuration",
            param="currency",
        )
    return _offer(
        package.title or name,
        name,
        price,
        credits_,
        package.bonus if own.bonus is None else own.bonus,
    )


def of_amount(context: Context, price: Amount) -> Offer:
    """Return what an amount of the customer's choice buys; raises InvalidRequest out of bounds."""
    terms = context.settings.checkout
    if price.currency != terms.currency:
        raise errors.InvalidRequest(
            f"an amount is in {terms.currency} here, not {price.currency}", param="currency"
        )
    if not terms.min <= price.value <= terms.max:
        raise errors.InvalidRequest(
            f"an amount is from {terms.min} to {terms.max} {terms.currency}", param="amount"
        )
    rates = exchange.with_dollars(context.settings.exchange)
    bought = exchange.credits_for(_minor(price), price.currency, rates[price.currency])
    return _offer("Credits", None, price, bought, 0)


async def order(
    context: Context,
    connection: Connection,
    wallet: Wallet,
    offer: Offer,
    *,
    provider: str,
    actor: str,
    links: Links | None = None,
    idem_key: str | None = None,
    fingerprint: str | None = None,
) -> Order:
    """Write an order of a locked wallet down; raises Conflict where it cannot be sold to it."""
    profile = await profile_of(connection, wallet.id)
    if wallet.balance + offer.credits + offer.bonus > MAX_CREDITS:
        raise errors.Conflict(
            f"the wallet {wallet.id} holds at most {MAX_CREDITS} credits: buy fewer"
        )
    now_us = context.clock()
    taxed = taxes.decide(context.settings, profile, net_minor=offer.net_minor, at_us=now_us)
    made = Order(
        id=context.new_id("ord"),
        wallet_id=wallet.id,
        provider=provider,
        package=offer.package,
        status=orders.CREATED,
        credits=offer.credits,
        bonus=offer.bonus,
        currency=offer.currency,
        net_minor=taxed.net_minor,
        tax_minor=taxed.tax_minor,
        gross_minor=taxed.gross_minor,
        snapshot=_snapshot(context, profile, offer, asdict(taxed), links or Links()),
        actor=actor,
        created_us=now_us,
        idem_key=idem_key,
        fingerprint=fingerprint,
    )
    invoices.rehearse(made)
    await orders.insert(connection, made)
    return made


async def profile_of(connection: Connection, wallet_id: str) -> BillingProfile:
    """Return who a wallet's invoices go to; raises BillingProfileMissing."""
    profile = await billing_profiles.latest(connection, wallet_id)
    if profile is None:
        raise errors.BillingProfileMissing(
            f"the wallet {wallet_id} has no billing profile, which an invoice needs: the operator "
            f"makes one with `grip billing set {wallet_id}`"
        )
    return profile


def on_account(
    context: Context, profile: BillingProfile, credits_: int, *, supplied_on: str
) -> Bill:
    """Return the bill of credits that were posted on account, at $0.001 each, taxed today."""
    terms = context.settings.checkout
    rates = exchange.with_dollars(context.settings.exchange)
    net_minor = exchange.price_of(credits_, terms.currency, rates[terms.currency])
    taxed = taxes.decide(context.settings, profile, net_minor=net_minor, at_us=context.clock())
    title = f"{credits_} credits"
    offer = Offer(
        title=title,
        package=None,
        credits=credits_,
        bonus=0,
        net_minor=net_minor,
        currency=terms.currency,
    )
    return Bill(
        wallet_id=profile.wallet_id,
        credits=credits_,
        currency=terms.currency,
        agreed=_snapshot(context, profile, offer, asdict(taxed), Links()),
        supplied_on=supplied_on,
        due_days=terms.due_days,
    )


def describe(made: Order) -> dict[str, Any]:
    """Return what is disclosed before a payment: the prices, the credits, the terms."""
    agreed, currency = made.snapshot, made.currency
    taxed = agreed["tax"]
    return {
        "order_id": made.id,
        "package": made.package,
        "title": agreed["title"],
        "credits": made.credits,
        "bonus": made.bonus,
        "currency": currency,
        "net": major(made.net_minor, currency),
        "tax": major(made.tax_minor, currency),
        "tax_name": taxed["name"],
        "tax_rate": major(taxed["rate_bp"], "USD"),
        "tax_reason": taxed["reason"],
        "gross": major(made.gross_minor, currency),
        "terms_url": agreed["terms_url"] or None,
        "refund_policy_url": agreed["refund_policy_url"] or None,
        "legal_version": agreed["legal_version"] or None,
    }


def in_words(made: Order) -> str:
    """Return what is disclosed as one line, for a provider's own page."""
    agreed = describe(made)
    bonus = f" + {made.bonus} bonus" if made.bonus else ""
    tax = f"{agreed['tax_name']} {agreed['tax_rate']} % {agreed['tax']}"
    return (
        f"{agreed['title']}: {made.credits} credits{bonus}. Net {agreed['net']}, {tax}, total "
        f"{agreed['gross']} {made.currency}"
    )


def _snapshot(
    context: Context,
    profile: BillingProfile,
    offer: Offer,
    taxed: dict[str, Any],
    links: Links,
) -> dict[str, Any]:
    legal = context.settings.legal
    return {
        "title": offer.title,
        "seller": _seller(context, taxed),
        "customer": _customer(profile),
        "profile_id": profile.id,
        "tax": taxed,
        "exchange": exchange.with_dollars(context.settings.exchange),
        "terms_url": legal.terms_url,
        "refund_policy_url": legal.refund_policy_url,
        "legal_version": legal.version,
        "email": profile.email,
        **asdict(links),
    }


def _seller(context: Context, taxed: Mapping[str, Any]) -> dict[str, Any]:
    said = context.settings.seller
    return {
        "name": said.name,
        "address": list(said.address),
        "city": said.city,
        "postcode": said.postcode,
        "region": said.region,
        "country": said.country,
        "tax_id": taxed["seller_tax_id"],
        "registration_id": said.registration_id or None,
        "email": said.email or None,
    }


def _customer(profile: BillingProfile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "address": list(profile.address),
        "city": profile.city,
        "postcode": profile.postcode,
        "region": profile.region,
        "country": profile.country,
        "tax_id": profile.tax_id,
        "registration_id": None,
        "email": profile.email,
    }


def _offer(title: str, package: str | None, price: Amount, credits_: int, bonus: int) -> Offer:
    if not 0 < credits_ <= MAX_CREDITS or not 0 <= bonus <= credits_:
        raise errors.InvalidRequest(
            f"an order is of 1 to {MAX_CREDITS} credits, and of no larger bonus", param="credits"
        )
    net_minor = _minor(price)
    if not net_minor:
        raise errors.InvalidRequest("an order is not for nothing", param="price")
    return Offer(
        title=title,
        package=package,
        credits=credits_,
        bonus=bonus,
        net_minor=net_minor,
        currency=price.currency,
    )


def _minor(price: Amount) -> int:
    try:
        return minor(price.value, price.currency)
    except ValueError as error:
        raise errors.InvalidRequest(str(error), param="price") from None


def _sold(packages: Mapping[str, Package]) -> list[str]:
    return sorted(
        (name for name, package in packages.items() if package.by != "off"),
        key=lambda name: (packages[name].order, name),
    )
