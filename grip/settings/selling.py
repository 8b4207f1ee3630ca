"""[seller], [tax], [taxes.NAME], [packages.NAME], [checkout]: who sells what, and its tax.

Owns their keys. Refuses to know any rate of tax: those are the operator's to write.
"""

# ruff: noqa: RUF009  # key() returns dataclasses.field(), which Ruff cannot see

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from grip.money.amounts import MAX_CREDITS
from grip.settings.addresses import Amount
from grip.settings.kinds import Choice, OrNothing, Truth, Whole
from grip.settings.schema import key, required_key
from grip.settings.selling_kinds import (
    EMAIL,
    LINE,
    Country,
    Currency,
    Day,
    Lines,
    Percent,
    Plain,
    Price,
)

_DAY: Final = OrNothing(kind=Day(), word="none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """[seller]: who stands on the invoices; without a name, nothing is sold."""

    name: str = key("", LINE, "The legal name of who sells. Without it nothing is sold.")
    address: tuple[str, ...] = key(
        (), Lines(), "The lines of the address above city and country, one to four."
    )
    city: str = key("", LINE, "The city.")
    postcode: str = key("", LINE, "The postcode, where there are any.")
    region: str = key("", LINE, "The state or province, where addresses have one.")
    country: str = key("", Country(is_needed=False), "The country by its two letters, such as DE.")
    tax_id: str = key(
        "", LINE, "Your VAT, GST or other tax id; its form and check digits are looked at."
    )
    registration_id: str = key(
        "",
        LINE,
        "Your number in the register of companies, or another that names you. Invoices without tax "
        "may not carry a VAT id, and have to name you by this one.",
    )
    email: str = key("", EMAIL, "Where customers ask about invoices.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """[tax]: how far customers' words are believed."""

    ids: str = key(
        "strict",
        Choice(words=("strict", "lenient")),
        "When a customer's tax id frees a sale from tax: strict demands that you verified it (grip "
        "billing set --verified), lenient is content with right check digits.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRule:
    """[taxes.NAME]: the tax collected in one place."""

    country: str = required_key(Country(), "The country whose tax it is, by its two letters.")
    region: str = key(
        "", LINE, "The state or province, where the tax is not the whole country's, such as NY."
    )
    name: str = key("VAT", LINE, "What the tax is called on invoices: VAT, GST, sales tax.")
    rate: int = required_key(
        Percent(), 'Percent as text with at most two decimals, such as "19" or "8.1".'
    )
    category: str = key(
        "standard",
        Choice(words=("standard", "zero", "exempt")),
        'standard for any rate above 0; for a rate of "0", zero or exempt.',
    )
    reason: str = key(
        "", LINE, 'Why the rate is "0", as invoices say it, such as the law that exempts you.'
    )
    first_day: str | None = key(
        None, _DAY, 'The first day on which the rule holds, or "none": it always did.'
    )
    last_day: str | None = key(
        None, _DAY, 'The last day on which the rule holds, or "none": no end is known.'
    )
    tax_id: str = key(
        "",
        LINE,
        "Your tax id there, where it is not the one of [seller]; invoices under this rule name it.",
    )
    reverse_charge: bool = key(
        True,
        Truth(),
        "Whether businesses there owe the tax themselves when you sell to them from abroad.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """[packages.NAME]: credits at a price, without tax."""

    title: str = key("", LINE, "What customers see; the name of the table where it is empty.")
    price: Amount | None = key(
        None,
        OrNothing(kind=Price(), word="none"),
        'The price without tax, an amount with its currency; "none" where a contract says it.',
    )
    credits: int | None = key(
        None,
        OrNothing(kind=Whole(maximum=MAX_CREDITS), word="none"),
        'The credits that are paid for (1 credit is $0.001); "none" where a contract says it.',
    )
    bonus: int = key(
        0,
        Whole(minimum=0, maximum=MAX_CREDITS),
        "Credits on top, which count towards no tier; at most as many as are paid for.",
    )
    by: str = key(
        "checkout",
        Choice(words=("checkout", "contract", "off")),
        "checkout sells it online, contract by an order of yours alone, off not at all.",
    )
    order: int = key(
        100, Whole(minimum=0, maximum=1_000_000), "Its place in lists, the smallest first."
    )


def _in_dollars(value: str) -> Amount:
    return Amount(value=Decimal(value), currency="USD")


DEFAULT_PACKAGES: Mapping[str, Package] = MappingProxyType(
    {
        "starter": Package(title="Starter", price=_in_dollars("49.00"), credits=49_000, order=10),
        "growth": Package(
            title="Growth", price=_in_dollars("199.00"), credits=199_000, bonus=9_950, order=20
        ),
        "enterprise": Package(title="Enterprise", by="contract", order=30),
        "custom": Package(title="Custom", by="contract", order=40),
    }
)

DEFAULT_RATES: Mapping[str, str] = MappingProxyType({"CNY": "0.14"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """[checkout]: amounts that customers choose themselves."""

    currency: str = key(
        "USD",
        Currency(),
        "The currency of amounts that customers choose; a credit costs $0.001 in it.",
    )
    min: Decimal = key(
        Decimal("5.00"), Plain(), "The least that can be bought at once, without tax."
    )
    due_days: int = key(
        14,
        Whole(minimum=0, maximum=365),
        "Days until an invoice of credits on account is due (grip invoices generate).",
    )
    max: Decimal = key(
        Decimal("10000.00"), Plain(), "The most that can be bought at once, without tax."
    )
