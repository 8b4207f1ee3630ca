"""What the keys of selling have to do with each other: checked at the start, told by key.

Owns the refusals that one key alone cannot have. A word that is wrong here would be found out by a
customer who has paid.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations

from grip.errors import ConfigurationInvalid
from grip.money import currencies, exchange
from grip.money.amounts import MAX_CREDITS
from grip.money.countries import EU, place, region
from grip.settings.selling import Checkout, Package, Seller, TaxRule
from grip.settings.whole import Settings


def check(settings: Settings) -> None:
    """Raise `ConfigurationInvalid` for the first pair of keys that cannot go together."""
    for name, package in settings.packages.items():
        _check_package(f"packages.{name}", package, settings.exchange)
    _check_checkout(settings.checkout, settings.exchange)
    for name, rule in settings.taxes.items():
        _check_rule(f"taxes.{name}", rule)
    _check_overlaps(settings.taxes)
    if settings.seller == Seller():
        return
    _check_seller(settings.seller, settings.taxes)
    for name, tier in settings.tiers.items():
        if tier.recharge_over is not None:
            _check_rate(
                tier.recharge_over.currency, settings.exchange, f"tiers.{name}.recharge_over"
            )


def _check_package(where: str, package: Package, rates: Mapping[str, str]) -> None:
    if package.by == "off":
        return
    if package.by == "checkout":
        for key, value in (("price", package.price), ("credits", package.credits)):
            if value is None:
                raise _refused(f"{where}.{key}", 'is missing; a package by "checkout" needs it')
    credits_ = package.credits or 0
    if package.bonus > credits_:
        raise _refused(f"{where}.bonus", "must be at most the credits that are paid for")
    if credits_ + package.bonus > MAX_CREDITS:
        raise _refused(f"{where}.credits", f"with its bonus must be at most {MAX_CREDITS}")
    if package.price is not None:
        _check_rate(package.price.currency, rates, f"{where}.price")


def _check_checkout(checkout: Checkout, rates: Mapping[str, str]) -> None:
    currency = checkout.currency
    _check_rate(currency, rates, "checkout.currency")
    rate = exchange.with_dollars(rates)[currency]
    minors = []
    for key, value in (("min", checkout.min), ("max", checkout.max)):
        try:
            minors.append(currencies.minor(value, currency))
        except ValueError as refused:
            raise _refused(f"checkout.{key}", str(refused)) from None
        if not 1 <= exchange.credits_for(minors[-1], currency, rate) <= MAX_CREDITS:
            raise _refused(f"checkout.{key}", f"must buy from 1 to {MAX_CREDITS} credits")
    if minors[0] > minors[1]:
        raise _refused("checkout.min", "must be at most checkout.max")


def _check_rate(currency: str, rates: Mapping[str, str], needed_by: str) -> None:
    if currency not in exchange.with_dollars(rates):
        raise _refused(
            f"exchange.{currency}", f"is missing; {needed_by} needs its rate to US dollars"
        )


def _check_rule(where: str, rule: TaxRule) -> None:
    try:
        code = region(rule.country, rule.region) if rule.region else ""
    except ValueError as refused:
        raise _refused(f"{where}.region", str(refused)) from None
    if code != rule.region:
        raise _refused(f"{where}.region", f'must be written "{code}"')
    if not rule.name:
        raise _refused(f"{where}.name", "must not be empty")
    if (rule.rate > 0) != (rule.category == "standard"):
        raise _refused(
            f"{where}.category", 'must be standard for a rate above 0, zero or exempt for "0"'
        )
    if not rule.rate and not rule.reason:
        raise _refused(f"{where}.reason", 'is missing; a rate of "0" needs its reason')
    if (rule.first_day or "") > (rule.last_day or "9999-12-31"):
        raise _refused(f"{where}.last_day", "must not be before first_day")
    _check_tax_id(f"{where}.tax_id", rule.country, rule.tax_id)


def _check_overlaps(rules: Mapping[str, TaxRule]) -> None:
    for (name, rule), (other, twin) in combinations(rules.items(), 2):
        is_same = (rule.country, rule.region.casefold()) == (twin.country, twin.region.casefold())
        starts = max(rule.first_day or "", twin.first_day or "")
        if is_same and starts <= min(rule.last_day or "9999", twin.last_day or "9999"):
            raise _refused(
                f"taxes.{other}.first_day", f"both it and taxes.{name} hold on {starts or 'a day'}"
            )


def _check_seller(seller: Seller, rules: Mapping[str, TaxRule]) -> None:
    for key in ("name", "address", "city", "country"):
        if not getattr(seller, key):
            raise _refused(f"seller.{key}", "is missing; whoever sells needs it on invoices")
    try:
        region(seller.country, seller.region)
    except ValueError as refused:
        raise _refused("seller.region", str(refused)) from None
    for why in _missing_ids(seller, rules):
        raise _refused(*why)
    _check_tax_id("seller.tax_id", seller.country, seller.tax_id)


def _missing_ids(seller: Seller, rules: Mapping[str, TaxRule]) -> Iterator[tuple[str, str]]:
    home = place(seller.country, seller.postcode)
    if home.is_eu and not seller.tax_id:
        yield "seller.tax_id", "is missing; a seller in the EU needs a VAT id"
    for name, rule in rules.items():
        # Sales tax has no id that invoices name.
        if rule.tax_id or rule.country == "US":
            continue
        is_near = rule.country == home.code or (home.is_eu and rule.country in EU)
        if not is_near:
            yield f"taxes.{name}.tax_id", "is missing; invoices under this rule name your id there"
        elif not seller.tax_id:
            yield "seller.tax_id", f"is missing; taxes.{name} needs it"
    has_rule = home.is_eu and any(rule.country == home.code for rule in rules.values())
    if not has_rule and not seller.registration_id:
        yield "seller.registration_id", "is missing; invoices without tax need it"


def _check_tax_id(where: str, country: str, text: str) -> None:
    if not text:
        return
    # Only who sells needs it, and every command would load it.
    from grip import tax_ids  # noqa: PLC0415

    try:
        tax_ids.read_sellers(country, text)
    except ValueError as refused:
        raise _refused(where, str(refused)) from None


def _refused(where: str, why: str) -> ConfigurationInvalid:
    return ConfigurationInvalid(f"{where}: {why}", param=where)
