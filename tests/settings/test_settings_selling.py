"""Who sells what for how much, under which tax: what goes together, and what stops the start."""

from decimal import Decimal
from pathlib import Path

import pytest

from grip import settings
from grip.errors import ConfigurationInvalid

SELLER = {
    "name": '"Grip GmbH"',
    "address": '["Weg 1"]',
    "city": '"Berlin"',
    "country": '"DE"',
    "tax_id": '"DE136695976"',
}
GERMANY = '[taxes.de]\ncountry = "DE"\nrate = "19"\n'


def load_text(tmp_path: Path, text: str) -> settings.Settings:
    """Load a file of that text, without variables."""
    path = tmp_path / "given.toml"
    path.write_text(text, encoding="utf-8")
    return settings.load(path, {})


def refusal(tmp_path: Path, text: str) -> str:
    """Return the one line that a file is refused with, which begins with the key it names."""
    with pytest.raises(ConfigurationInvalid) as refused:
        load_text(tmp_path, text)
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith(f"{refused.value.param}: ")
    return message


def seller(**changed: str) -> str:
    """Return a [seller] in Germany, with these keys in the place of its own."""
    keys = {**SELLER, **changed}
    return "[seller]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def test_nothing_is_sold_and_no_tax_is_known_untold():
    """The packages are there, and nobody who sells them."""
    untold = settings.load(environ={})
    offered = {name: (one.by, one.credits) for name, one in untold.packages.items()}

    assert untold.seller == settings.Seller()
    assert untold.taxes == {}
    assert untold.tax.ids == "strict"
    assert offered == {
        "starter": ("checkout", 49_000),
        "growth": ("checkout", 199_000),
        "enterprise": ("contract", None),
        "custom": ("contract", None),
    }


def test_a_whole_set_up_of_selling_loads(tmp_path):
    """Amounts are exact, rates are basis points, days are ISO texts."""
    loaded = load_text(
        tmp_path,
        seller(postcode='"10115"', email='"billing@example.com"')
        + GERMANY
        + 'last_day = 2026-12-31\n[taxes.de-2027]\ncountry = "DE"\nrate = "18.5"\n'
        'first_day = "2027-01-01"\n[taxes.ny]\ncountry = "US"\nregion = "NY"\n'
        'name = "sales tax"\nrate = "4"\n'
        '[packages.starter]\nprice = "45.00 EUR"\n[packages.growth]\nby = "off"\n'
        '[packages.yen]\nprice = "5000 JPY"\ncredits = 33000\n'
        '[checkout]\ncurrency = "JPY"\nmin = "500"\n[exchange]\nEUR = "1.16"\nJPY = "0.0066"\n',
    )

    assert loaded.packages["starter"].price == settings.Amount(
        value=Decimal("45.00"), currency="EUR"
    )
    assert loaded.packages["starter"].credits == 49_000
    assert [rule.rate for rule in loaded.taxes.values()] == [1900, 1850, 400]
    assert loaded.taxes["de"].last_day == "2026-12-31"
    assert loaded.exchange == {"CNY": "0.14", "EUR": "1.16", "JPY": "0.0066"}
    shown = settings.describe(loaded)
    assert shown["taxes"]["de-2027"]["rate"] == "18.5"
    assert shown["exchange"]["JPY"] == "0.0066"
    assert shown["checkout"] == {
        "currency": "JPY",
        "min": "500",
        "due_days": 14,
        "max": "10000.00",
    }


def package(line: str) -> str:
    """Return a package with one line changed."""
    keys = {"price": '"49.00 USD"', "credits": "49000"}
    key, _, value = line.partition(" = ")
    return "[packages.p]\n" + "".join(f"{k} = {v}\n" for k, v in {**keys, key: value}.items())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("credits = 0", "packages.p.credits: must be a whole number from 1"),
        ("credits = 9_000_000_001", "packages.p.credits: must be a whole number from 1"),
        ('credits = "none"', "packages.p.credits: is missing"),
        ("credits = 1.5", "packages.p.credits: must be a whole number from 1"),
        ("bonus = 49001", "packages.p.bonus: must be at most the credits"),
        ("bonus = -1", "packages.p.bonus: must be a whole number from 0"),
        ('price = "0.00 USD"', "packages.p.price: must be above 0"),
        ('price = "-5 USD"', "packages.p.price: must be an amount"),
        ('price = "49.001 USD"', "packages.p.price: 49.001 USD is finer than USD goes"),
        ('price = "49.50 JPY"', "packages.p.price: 49.50 JPY is finer than JPY goes"),
        ('price = "1.2345 KWD"', "packages.p.price: 1.2345 KWD is finer than KWD goes"),
        ('price = "49 XAU"', "packages.p.price: 'XAU' is no currency"),
        ('price = "999999999999 KWD"', "packages.p.price: 999999999999 KWD is more"),
        ('price = "49 EUR"', "exchange.EUR: is missing; packages.p.price needs"),
        ("price = 49.0", "packages.p.price: must be a string, not a float"),
        ('price = "none"', "packages.p.price: is missing"),
        ('by = "phone"', "packages.p.by: must be one of checkout, contract, off"),
        ("order = -1", "packages.p.order: must be a whole number from 0"),
    ],
)
def test_an_absurd_package_stops_the_start(tmp_path, line: str, expected: str):
    """By the name of the key that is absurd."""
    assert refusal(tmp_path, package(line)).startswith(expected)


def test_a_package_fits_into_a_wallet_with_its_bonus(tmp_path):
    """To the credit."""
    text = '[packages.p]\nprice = "9000000 USD"\ncredits = 8_000_000_000\nbonus = {}\n'

    assert load_text(tmp_path, text.format("1_000_000_000")).packages["p"].bonus == 10**9
    assert refusal(tmp_path, text.format("1_000_000_001")).startswith("packages.p.credits: with")


def test_a_package_that_is_off_needs_nothing(tmp_path):
    """Nobody can buy it."""
    assert load_text(tmp_path, package('by = "off"') + "bonus = 60000\n").packages["p"].by == "off"
    assert load_text(tmp_path, '[packages.p]\nby = "contract"\n').packages["p"].price is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[checkout]\ncurrency = "XXX"\n', "checkout.currency: 'XXX' is no currency"),
        ('[checkout]\ncurrency = "EUR"\n', "exchange.EUR: is missing; checkout.currency needs"),
        ('[checkout]\nmin = "0"\n', "checkout.min: must be an amount above 0"),
        ('[checkout]\nmin = "0.001"\n', "checkout.min: 0.001 USD is finer than USD goes"),
        ('[checkout]\nmin = "11000"\n', "checkout.min: must be at most checkout.max"),
        ('[checkout]\nmax = "9000001"\n', "checkout.max: must buy from 1 to 9000000000"),
        ('[checkout]\nmin = "5 USD"\n', "checkout.min: must be an amount above 0"),
        (
            '[checkout]\ncurrency = "IRR"\nmin = "1"\n[exchange]\nIRR = "0.0000238"\n',
            "checkout.min: must buy from 1",
        ),
        ('[exchange]\nUSD = "1"\n', "exchange.USD: unknown key"),
        ('[exchange]\neur = "1"\n', "exchange.eur: unknown key"),
        ("[exchange]\nEUR = 1.16\n", "exchange.EUR: must be a string, not a float"),
        ('[exchange]\nEUR = "0"\n', "exchange.EUR: '0' is no rate above 0"),
        ('[exchange]\nEUR = "1,16"\n', "exchange.EUR: '1,16' is no rate above 0"),
        ('[tax]\nids = "loose"\n', "tax.ids: must be one of strict, lenient"),
    ],
)
def test_amounts_and_rates_are_checked_at_the_start(tmp_path, text: str, expected: str):
    """Not when a customer pays."""
    assert refusal(tmp_path, text).startswith(expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('country = "XX"', "taxes.p.country: 'XX' is no country"),
        ('country = ""', "taxes.p.country: '' is no country"),
        ('region = "New York"', "taxes.p.region: 'New York' is no region of US"),
        ('region = "ny"', 'taxes.p.region: must be written "NY"'),
        ("rate = 19", "taxes.p.rate: must be a string, not a whole number"),
        ('rate = "19%"', "taxes.p.rate: must be percent"),
        ('rate = "8.875"', "taxes.p.rate: must be percent with at most two decimals"),
        ('rate = "101"', "taxes.p.rate: must be percent"),
        ('rate = "0"', "taxes.p.category: must be standard for a rate above 0"),
        ('category = "zero"', "taxes.p.category: must be standard for a rate above 0"),
        ('rate = "0"\ncategory = "exempt"', "taxes.p.reason: is missing"),
        ('name = ""', "taxes.p.name: must not be empty"),
        ('first_day = "2026-02-30"', "taxes.p.first_day: must be a day such as 2026-01-31"),
        ('first_day = "20260101"', "taxes.p.first_day: must be a day such as 2026-01-31"),
        ("first_day = 2026", "taxes.p.first_day: must be a day"),
        ("first_day = 2026-01-01T00:00:00Z", "taxes.p.first_day: must be a day"),
        (
            'first_day = "2026-01-02"\nlast_day = "2026-01-01"',
            "taxes.p.last_day: must not be before first_day",
        ),
    ],
)
def test_a_rule_of_tax_that_cannot_be_stops_the_start(tmp_path, line: str, expected: str):
    """By the name of its key."""
    keys = {"country": '"US"', "rate": '"4"'}
    for changed in line.splitlines():
        key, _, value = changed.partition(" = ")
        keys[key] = value
    text = "[taxes.p]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())

    assert refusal(tmp_path, text).startswith(expected)


def test_two_rules_never_hold_on_one_day(tmp_path):
    """Not in the same place; a region is a place of its own."""
    twin = GERMANY + 'last_day = "2026-12-31"\n[taxes.new]\ncountry = "DE"\nrate = "18"\n'

    assert len(load_text(tmp_path, twin + 'first_day = "2027-01-01"\n').taxes) == 2
    assert len(load_text(tmp_path, twin + 'region = "Bayern"\n').taxes) == 2
    assert "taxes.de hold on 2026-12-31" in refusal(tmp_path, twin + "first_day = 2026-12-31\n")
    assert refusal(tmp_path, twin).startswith("taxes.new.first_day: both it and taxes.de hold")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (seller(name='""'), "seller.name: is missing"),
        (seller(address="[]"), "seller.address: is missing"),
        (seller(address='["a", ""]'), "seller.address: must list 4 lines at most"),
        (seller(address='["a", "b", "c", "d", "e"]'), "seller.address: must list 4 lines"),
        (seller(city='""'), "seller.city: is missing"),
        (seller(country='""'), "seller.country: is missing"),
        (seller(country='"D"'), "seller.country: 'D' is no country"),
        (seller(tax_id='""') + GERMANY, "seller.tax_id: is missing; a seller in the EU"),
        (seller(tax_id='"DE136695977"') + GERMANY, "seller.tax_id: 'DE136695977' is no tax id"),
        (seller(country='"FR"', registration_id='"1"'), "seller.tax_id: 'DE136695976' is no"),
        (seller(), "seller.registration_id: is missing"),
        (seller(country='"US"', region='"Texas"', tax_id='""'), "seller.region: 'Texas' is no"),
        (seller(country='"AE"', tax_id='""'), "seller.registration_id: is missing"),
        (
            seller(country='"AE"', tax_id='""', registration_id='"1"') + GERMANY,
            "taxes.de.tax_id: is missing; invoices under this rule",
        ),
        (
            seller(country='"SG"', tax_id='""', registration_id='"1"')
            + '[taxes.sg]\ncountry = "SG"\nname = "GST"\nrate = "9"\n',
            "seller.tax_id: is missing; taxes.sg needs",
        ),
        (
            seller() + GERMANY + '[taxes.gb]\ncountry = "GB"\nrate = "20"\n',
            "taxes.gb.tax_id: is missing",
        ),
        (GERMANY + 'tax_id = "DE1"\n', "taxes.de.tax_id: 'DE1' is no tax id"),
        (seller(email='"a b@c"') + GERMANY, "seller.email: must be an e-mail address"),
        (seller(name=f'"{"x" * 201}"'), "seller.name: must be a text of at most 200"),
        (
            seller() + GERMANY + '[tiers.plus]\nrecharge_over = "10 EUR"\n',
            "exchange.EUR: is missing; tiers.plus.recharge_over needs",
        ),
    ],
)
def test_a_seller_who_cannot_write_an_invoice_stops_the_start(tmp_path, text: str, expected: str):
    """Whole, and with ids that can be; only then do tiers need rates."""
    assert refusal(tmp_path, text).startswith(expected)


def test_a_seller_from_elsewhere_names_an_id_of_the_one_stop_shop(tmp_path):
    """For the consumers of the EU; sales tax at home has none."""
    text = seller(country='"US"', region='"NY"', tax_id='""', registration_id='"1"')
    rules = '[taxes.ny]\ncountry = "US"\nregion = "NY"\nname = "sales tax"\nrate = "4"\n'
    loaded = load_text(tmp_path, text + rules + GERMANY + 'tax_id = "EU372022452"\n')

    assert loaded.taxes["de"].tax_id == "EU372022452"


def test_whoever_does_not_sell_may_leave_rates_out(tmp_path):
    """As the configurations of before do."""
    loaded = load_text(tmp_path, '[tiers.plus]\nrecharge_over = "10 EUR"\n')

    assert str(loaded.tiers["plus"].recharge_over) == "10 EUR"
