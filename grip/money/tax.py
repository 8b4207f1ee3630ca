"""Which tax a sale of credits carries: decided once, from the operator's rules, and frozen.

Pure: who asks hands in the rules, both sides, and the day. A tax of zero always says why. Refuses
to know any rate, and to guess: where the operator wrote no rule, no tax is collected, in so many
words. docs/billing.md tells the order of the questions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grip.money.countries import Place, place, tax_name
from grip.money.currencies import share

STANDARD: Final = "S"
ZERO: Final = "Z"
EXEMPT: Final = "E"
REVERSE_CHARGE: Final = "AE"
EXPORT: Final = "G"
OUTSIDE: Final = "O"
"""Categories as EN 16931 has them."""

NONE: Final = "none"
UNKNOWN: Final = "unknown"
CHECKSUM: Final = "checksum"
VERIFIED: Final = "verified"
"""How far a tax id is checked: there is none; no check of its form is known; its form and digits
are right; somebody has asked its register."""

_WHOLE_BP: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the seller collects in a place, from `first_day` to `last_day` (ISO dates, included).

    `category` is S, Z or E; `tax_id` is the seller's there, where it is not their own. Under
    `reverse_charge`, businesses there owe the tax themselves to a seller from abroad.
    """

    key: str
    country: str
    region: str = ""
    name: str
    category: str = STANDARD
    rate_bp: int
    first_day: str | None = None
    last_day: str | None = None
    reason: str = ""
    tax_id: str | None = None
    reverse_charge: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """Where the seller is, and their tax id there."""

    country: str
    postcode: str = ""
    tax_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """What is known of a customer; `id_check` is one of NONE, UNKNOWN, CHECKSUM, VERIFIED."""

    country: str
    region: str = ""
    postcode: str = ""
    is_business: bool = False
    tax_id: str | None = None
    id_check: str = NONE
    exempt_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a decision rests on; `ground` says which answer it came to."""

    ground: str
    rule: str | None
    on_date: str
    seller_place: str
    customer_place: str
    customer_region: str
    is_business: bool
    tax_id: str | None
    id_check: str
    is_id_trusted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxSnapshot:
    """The tax of a sale, in minor units of its currency; a rate of zero always has a `reason`.

    `seller_tax_id` is the id that invoices name: none where the sale is outside of the tax.
    """

    name: str
    category: str
    rate_bp: int
    reason_code: str | None
    reason: str | None
    net_minor: int
    tax_minor: int
    gross_minor: int
    seller_tax_id: str | None
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    ground: str
    category: str
    name: str
    rule: Rule | None = None
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sale:
    """The question: who, where, when, and under which rules."""

    rules: Sequence[Rule]
    seller: Seller
    customer: Customer
    home: Place
    there: Place
    on_date: str
    is_id_trusted: bool

    def rule_there(self) -> Rule | None:
        """Return the rule in force at the customer's; one of their region wins."""
        return self._rule(self.there, self.customer.region) or self._rule(self.there, "")

    def rule_at_home(self) -> Rule | None:
        """Return the rule in force at the seller's."""
        return self._rule(self.home, "")

    def _rule(self, where: Place, region: str) -> Rule | None:
        for rule in self.rules:
            is_there = rule.country == where.code and rule.region.casefold() == region.casefold()
            if is_there and holds(rule, self.on_date):
                return rule
        return None


def decide(
    rules: Sequence[Rule],
    seller: Seller,
    customer: Customer,
    on_date: str,
    net_minor: int,
    *,
    lenient: bool = False,
) -> TaxSnapshot:
    """Return the tax on a sale of `net_minor` with the tax point `on_date`, an ISO date.

    A tax id counts when it is verified; when `lenient`, its right checksum is enough.
    """
    trusted = (VERIFIED, CHECKSUM) if lenient else (VERIFIED,)
    sale = _Sale(
        rules=rules,
        seller=seller,
        customer=customer,
        home=place(seller.country, seller.postcode),
        there=place(customer.country, customer.postcode),
        on_date=on_date,
        is_id_trusted=customer.is_business and customer.id_check in trusted,
    )
    return _snapshot(sale, _exempted(sale, _verdict(sale)), net_minor)


def tax_on(net_minor: int, rate_bp: int) -> int:
    """Return the tax on a whole document, rounded once and half up."""
    return share(net_minor, rate_bp, _WHOLE_BP)


def holds(rule: Rule, on_date: str) -> bool:
    """Tell whether a rule is in force on an ISO date."""
    return (rule.first_day or "") <= on_date <= (rule.last_day or "9999-12-31")


def returned(tax_minor: int, returned_minor: int, gross_minor: int) -> int:
    """Return how much of a document's tax has gone back once so much of its gross amount has.

    Pro rata to all that has gone back: what returns one after the other bring is the difference of
    two of these, so that they add up to the whole, and the last one takes what rounding left.
    """
    return share(tax_minor, returned_minor, gross_minor)


def _verdict(sale: _Sale) -> _Verdict:
    rule = sale.rule_there()
    if sale.there == sale.home:
        return _collected("home", rule) if rule else _nothing(sale)
    if sale.home.is_eu and not sale.there.is_eu:
        return _abroad(sale, rule)
    if sale.is_id_trusted and _is_reversed(sale, rule):
        return _Verdict(
            ground="reverse_charge",
            category=REVERSE_CHARGE,
            name=_name(sale, rule),
            rule=rule,
            code="VATEX-EU-AE" if sale.there.is_eu else None,
            reason="Reverse charge",
        )
    if rule:
        return _collected("customer_country", rule)
    # Who is in the EU, and comes here, sells within it.
    if sale.home.is_eu and (at_home := sale.rule_at_home()):
        return _collected("seller_country", at_home)
    return _nothing(sale)


def _is_reversed(sale: _Sale, rule: Rule | None) -> bool:
    """Tell whether a business owes the tax itself: all over the EU, elsewhere as the rule says."""
    return sale.home.is_eu if rule is None else rule.reverse_charge


def _abroad(sale: _Sale, rule: Rule | None) -> _Verdict:
    """Judge a sale from the EU to outside of it: where the seller collects there, that tax."""
    if rule and not (sale.is_id_trusted and rule.reverse_charge):
        return _collected("customer_country", rule)
    return _Verdict(
        ground="export",
        category=EXPORT,
        name="VAT",
        rule=rule,
        code="VATEX-EU-G",
        reason="Export outside the EU",
    )


def _collected(ground: str, rule: Rule) -> _Verdict:
    reason = None if rule.rate_bp else rule.reason or "Zero rate"
    return _Verdict(ground=ground, category=rule.category, name=rule.name, rule=rule, reason=reason)


def _nothing(sale: _Sale) -> _Verdict:
    where = "-".join(filter(None, (sale.there.code, sale.customer.region[:40])))
    return _Verdict(
        ground="not_collecting",
        category=OUTSIDE,
        name=_name(sale, None),
        code="VATEX-EU-O" if sale.home.is_eu else None,
        reason=f"Outside the scope of tax: none is collected in {where}",
    )


def _name(sale: _Sale, rule: Rule | None) -> str:
    return rule.name if rule else tax_name(sale.there.code)


def _exempted(sale: _Sale, verdict: _Verdict) -> _Verdict:
    """Lift what would be charged from a customer who is exempt; nothing else needs lifting."""
    why = sale.customer.exempt_reason
    if not why or verdict.category != STANDARD:
        return verdict
    return _Verdict(
        ground="exempt", category=EXEMPT, name=verdict.name, rule=verdict.rule, reason=why
    )


def _seller_tax_id(sale: _Sale, verdict: _Verdict) -> str | None:
    """Return under which id the seller sells: that of the rule, unless they sell as one from home.

    What is outside of the tax is sold under none (EN 16931, BR-O-02).
    """
    if verdict.category == OUTSIDE:
        return None
    sells_as_home = sale.home.is_eu and verdict.category in (REVERSE_CHARGE, EXPORT)
    own = None if sells_as_home or verdict.rule is None else verdict.rule.tax_id
    return own or sale.seller.tax_id


def _snapshot(sale: _Sale, verdict: _Verdict, net_minor: int) -> TaxSnapshot:
    rule = verdict.rule
    rate_bp = rule.rate_bp if rule and verdict.category == STANDARD else 0
    tax = tax_on(net_minor, rate_bp)
    return TaxSnapshot(
        name=verdict.name,
        category=verdict.category,
        rate_bp=rate_bp,
        reason_code=verdict.code,
        reason=verdict.reason,
        net_minor=net_minor,
        tax_minor=tax,
        gross_minor=net_minor + tax,
        seller_tax_id=_seller_tax_id(sale, verdict),
        evidence=Evidence(
            ground=verdict.ground,
            rule=rule.key if rule else None,
            on_date=sale.on_date,
            seller_place=sale.home.code,
            customer_place=sale.there.code,
            customer_region=sale.customer.region,
            is_business=sale.customer.is_business,
            tax_id=sale.customer.tax_id,
            id_check=sale.customer.id_check,
            is_id_trusted=sale.is_id_trusted,
        ),
    )
