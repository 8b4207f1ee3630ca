"""Tax as the configuration and a billing profile make it: the rules, both sides, and the decision.

Owns the translation of either to `money/tax.py`, which decides. Refuses to sell for nobody: without
a [seller] there is no tax to tell.
"""

from datetime import UTC, datetime

from grip import errors, tax_ids
from grip.money import tax
from grip.settings import Settings
from grip.store.billing_profiles import BillingProfile

_CATEGORIES = {"standard": tax.STANDARD, "zero": tax.ZERO, "exempt": tax.EXEMPT}
_SECOND_US = 1_000_000


def rules(settings: Settings) -> tuple[tax.Rule, ...]:
    """Return the rules of the configuration."""
    return tuple(
        tax.Rule(
            key=name,
            country=rule.country,
            region=rule.region,
            name=rule.name,
            category=_CATEGORIES[rule.category],
            rate_bp=rule.rate,
            first_day=rule.first_day,
            last_day=rule.last_day,
            reason=rule.reason,
            tax_id=tax_ids.read_sellers(rule.country, rule.tax_id).number if rule.tax_id else None,
            reverse_charge=rule.reverse_charge,
        )
        for name, rule in settings.taxes.items()
    )


def has_seller(settings: Settings) -> bool:
    """Tell whether the operator has said who sells."""
    return bool(settings.seller.name)


def seller(settings: Settings) -> tax.Seller:
    """Return where the seller is, with their tax id as invoices spell it."""
    said = settings.seller
    return tax.Seller(
        country=said.country,
        postcode=said.postcode,
        tax_id=tax_ids.read_sellers(said.country, said.tax_id).number if said.tax_id else None,
    )


def customer(profile: BillingProfile) -> tax.Customer:
    """Return what of a profile decides about tax."""
    return tax.Customer(
        country=profile.country,
        region=profile.region,
        postcode=profile.postcode,
        is_business=profile.is_business,
        tax_id=profile.tax_id,
        id_check=id_check(profile),
        exempt_reason=profile.exempt_reason,
    )


def id_check(profile: BillingProfile) -> str:
    """Return how far a profile's tax id is checked, in the words of `money/tax.py`."""
    if profile.tax_id is None:
        return tax.NONE
    if profile.verified_us is not None:
        return tax.VERIFIED
    return tax.UNKNOWN if profile.tax_id_kind is None else tax.CHECKSUM


def decide(
    settings: Settings, profile: BillingProfile, *, net_minor: int, at_us: int
) -> tax.TaxSnapshot:
    """Return the tax on a sale to this customer at this time; its day is that of UTC.

    Raises Conflict where the configuration does not say who sells.
    """
    if not has_seller(settings):
        raise errors.Conflict("the configuration has no [seller], so nothing can be sold")
    return tax.decide(
        rules(settings),
        seller(settings),
        customer(profile),
        day(at_us),
        net_minor,
        lenient=settings.tax.ids == "lenient",
    )


def day(at_us: int) -> str:
    """Return the ISO date of a time, in UTC."""
    return datetime.fromtimestamp(at_us // _SECOND_US, UTC).date().isoformat()
