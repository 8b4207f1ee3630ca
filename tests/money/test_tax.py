"""Which tax a sale carries, whose rule it is, and what a refund gives back of it."""

import itertools
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.money import tax
from grip.money.countries import COUNTRIES
from grip.money.tax import Customer, Rule, Seller, decide, returned

DE = Rule(key="de", country="DE", name="VAT", rate_bp=1900)
FR = Rule(key="fr", country="FR", name="VAT", rate_bp=2000)
GB = Rule(key="gb", country="GB", name="VAT", rate_bp=2000)
NY = Rule(key="ny", country="US", region="NY", name="sales tax", rate_bp=400)
GERMAN, AMERICAN = Seller(country="DE"), Seller(country="US")
TODAY = "2026-11-21"


def person(country: str, **more: str) -> Customer:
    """Return somebody who is no business."""
    return Customer(country=country, **more)  # type: ignore[arg-type]


def business(country: str, id_check: str = tax.VERIFIED, **more: str) -> Customer:
    """Return a business with a tax id."""
    return Customer(
        country=country,
        is_business=True,
        tax_id="X1",
        id_check=id_check,
        **more,
    )


def told(
    seller: Seller, customer: Customer, *rules: Rule, lenient: bool = False
) -> tuple[str, ...]:
    """Return ground, category, rule, rate and reason code of a decision of today."""
    found = decide(rules, seller, customer, TODAY, 10_000, lenient=lenient)
    assert found.tax_minor == found.rate_bp
    assert found.gross_minor == found.net_minor + found.tax_minor
    evidence = found.evidence
    words = (evidence.ground, found.category, evidence.rule, found.rate_bp, found.reason_code)
    return tuple("" if word is None else str(word) for word in words)


HOME = ("home", "S", "de", "1900", "")
AT_SELLERS = ("seller_country", "S", "de", "1900", "")
REVERSED = ("reverse_charge", "AE", "", "0", "VATEX-EU-AE")
EXPORTED = ("export", "G", "", "0", "VATEX-EU-G")


def test_a_sale_at_home_carries_the_tax_of_home():
    """Businesses pay it too, whatever their id."""
    assert told(GERMAN, person("DE"), DE, FR) == HOME
    assert told(GERMAN, business("DE"), DE, FR) == HOME
    assert told(AMERICAN, person("US", region="ny"), NY) == ("home", "S", "ny", "400", "")


def test_a_business_elsewhere_in_the_eu_owes_the_tax_itself_once_its_id_is_verified():
    """The invoice says so in the words of the directive, whether or not the seller is there."""
    snapshot = decide([DE], GERMAN, business("FR"), TODAY, 4_900)

    assert told(GERMAN, business("FR"), DE) == REVERSED
    assert told(GERMAN, business("FR"), DE, FR) == (*REVERSED[:2], "fr", *REVERSED[3:])
    assert (snapshot.reason, snapshot.tax_minor, snapshot.name) == ("Reverse charge", 0, "VAT")
    assert snapshot.evidence.is_id_trusted


@pytest.mark.parametrize("id_check", [tax.NONE, tax.UNKNOWN, tax.CHECKSUM])
def test_an_id_that_nobody_verified_frees_nobody(id_check: str):
    """But where the operator is content with its digits."""
    found = told(GERMAN, business("FR", id_check), DE, lenient=True)

    assert told(GERMAN, business("FR", id_check), DE) == AT_SELLERS
    assert found == (REVERSED if id_check == tax.CHECKSUM else AT_SELLERS)


def test_a_person_is_no_business_whatever_id_stands_there():
    """Only who buys as a business owes the tax itself."""
    odd = Customer(country="FR", tax_id="X1", id_check=tax.VERIFIED)

    assert told(GERMAN, odd, DE) == AT_SELLERS


def test_a_consumer_elsewhere_in_the_eu_pays_the_tax_of_their_country_where_it_is_registered():
    """Else that of the seller's, as small sellers may."""
    assert told(GERMAN, person("FR"), DE, FR) == ("customer_country", "S", "fr", "2000", "")
    assert told(GERMAN, person("FR"), DE) == AT_SELLERS
    assert told(GERMAN, person("FR")) == ("not_collecting", "O", "", "0", "VATEX-EU-O")


def test_an_export_out_of_the_eu_carries_no_tax():
    """But where the seller collects that country's own, from those who do not owe it themselves."""
    assert told(GERMAN, person("US", region="NY"), DE) == EXPORTED
    assert told(GERMAN, person("GB"), DE, GB) == ("customer_country", "S", "gb", "2000", "")
    assert told(GERMAN, business("GB"), DE, GB) == (*EXPORTED[:2], "gb", *EXPORTED[3:])
    owed = replace(GB, reverse_charge=False)
    assert told(GERMAN, business("GB"), DE, owed)[:2] == ("customer_country", "S")


def test_northern_ireland_is_the_united_kingdom_for_services():
    """Its ids begin with XI, and free no service from anything within the EU."""
    belfast = business("GB", postcode="BT1 1AA", region="Northern Ireland")

    assert told(GERMAN, belfast, DE) == EXPORTED


def test_monaco_is_france():
    """A Monegasque consumer pays French tax, a business has a French id."""
    assert told(GERMAN, person("MC"), DE, FR)[:3] == ("customer_country", "S", "fr")
    assert told(GERMAN, business("MC"), DE) == REVERSED


@pytest.mark.parametrize(
    ("country", "postcode", "place"),
    [
        ("ES", "35001", "IC"),
        ("ES", "ES-38 001", "IC"),
        ("ES", "51001", "EA"),
        ("DE", "D-78266", "DE-78266"),
        ("DE", "27498", "DE-27498"),
        ("IT", "23041", "IT-23041"),
        ("GR", "630 86", "GR-63086"),
        ("FI", "22100", "AX"),
        ("FR", "97400", "RE"),
        ("FR", "98800", "NC"),
        ("RE", "97400", "RE"),
        ("AX", "22100", "AX"),
    ],
)
def test_some_parts_of_the_eu_are_outside_of_its_tax(country: str, postcode: str, place: str):
    """They are told by their postcodes, and sold to as an export."""
    found = decide([DE, FR], GERMAN, person(country, postcode=postcode), TODAY, 100)

    assert (found.category, found.evidence.customer_place) == ("G", place)


@pytest.mark.parametrize(
    ("country", "postcode"), [("ES", "28001"), ("ES", "3500"), ("FR", "98000"), ("DE", "")]
)
def test_most_postcodes_say_nothing(country: str, postcode: str):
    """Those of the mainland, of Monaco, and those that are none."""
    found = decide([DE], GERMAN, person(country, postcode=postcode), TODAY, 100)

    assert found.evidence.customer_place == country


def test_a_seller_outside_of_the_eu_collects_where_a_rule_says_so_and_nowhere_else():
    """Businesses of such a place owe the tax themselves, where the rule lets them."""
    kept = Rule(key="sg", country="SG", name="GST", rate_bp=900, reverse_charge=False)

    assert told(AMERICAN, person("FR"), FR) == ("customer_country", "S", "fr", "2000", "")
    assert told(AMERICAN, business("FR"), FR) == (*REVERSED[:2], "fr", *REVERSED[3:])
    assert told(AMERICAN, business("GB"), GB) == ("reverse_charge", "AE", "gb", "0", "")
    assert told(AMERICAN, business("SG"), kept) == ("customer_country", "S", "sg", "900", "")
    assert told(Seller(country="SG"), person("JP"), kept)[0] == "not_collecting"
    assert told(AMERICAN, business("DE"), FR) == ("not_collecting", "O", "", "0", "")
    assert told(AMERICAN, person("US", region="TX"), NY) == ("not_collecting", "O", "", "0", "")


def test_a_rule_of_the_region_wins_over_that_of_the_country():
    """Whichever stands first."""
    hst = Rule(key="on", country="CA", region="ON", name="GST", rate_bp=1300)
    gst = Rule(key="ca", country="CA", name="GST", rate_bp=500)
    seller = Seller(country="CA")

    for rules in itertools.permutations([hst, gst]):
        assert told(seller, person("CA", region="ON"), *rules)[2] == "on"
        assert told(seller, person("CA", region="AB"), *rules)[2] == "ca"


def test_no_tax_is_told_by_place_and_in_the_name_that_the_tax_has_there():
    """A reader of the invoice sees what was not collected."""
    for country, region, name in (("US", "TX", "sales tax"), ("AU", "", "GST"), ("JP", "", "VAT")):
        found = decide([], AMERICAN, person(country, region=region), TODAY, 100)
        assert found.name == name
        assert found.reason is not None
        assert found.reason.endswith("-".join(filter(None, (country, region))))


def test_the_rule_in_force_on_the_day_holds():
    """Both of its days are its own; before the first rule nothing is collected."""
    cut = Rule(
        key="cut",
        country="DE",
        name="VAT",
        rate_bp=1600,
        first_day="2020-07-01",
        last_day="2020-12-31",
    )
    later = Rule(key="later", country="DE", name="VAT", rate_bp=1900, first_day="2021-01-01")
    days = ("2020-06-30", "2020-07-01", "2020-12-31", "2021-01-01", "2026-11-21")
    found = [decide([later, cut], GERMAN, person("DE"), day, 100).evidence.rule for day in days]

    assert found == [None, "cut", "cut", "later", "later"]


def test_a_rate_of_zero_says_why():
    """As the rule does, and in some words where a rule has none."""
    small = Rule(key="small", country="DE", name="VAT", category="E", rate_bp=0, reason="§ 19 UStG")
    free = Rule(key="free", country="DE", name="VAT", category="Z", rate_bp=0)

    for rule, reason in ((small, "§ 19 UStG"), (free, "Zero rate")):
        found = decide([rule], GERMAN, person("DE"), TODAY, 100)
        assert (found.category, found.tax_minor, found.reason) == (rule.category, 0, reason)


def test_an_exempt_customer_is_charged_no_tax_for_a_reason():
    """What carries none anyway keeps its own reason."""
    exempt = Customer(country="DE", exempt_reason="Embassy, note 12")
    abroad = Customer(country="CH", exempt_reason="Embassy, note 12")
    found = decide([DE], GERMAN, exempt, TODAY, 100)

    assert (found.evidence.ground, found.category, found.tax_minor) == ("exempt", "E", 0)
    assert (found.reason, found.reason_code, found.rate_bp) == ("Embassy, note 12", None, 0)
    assert told(GERMAN, abroad, DE) == EXPORTED


def test_invoices_name_the_id_under_which_is_sold():
    """That of the rule, but not where a seller from the EU sells as one of their own country."""
    seller = Seller(country="DE", tax_id="DE1")
    french, british = replace(FR, tax_id="FR1"), replace(GB, tax_id="GB1")
    rules = [DE, french, british]
    customers = {
        person("DE"): "DE1",
        person("FR"): "FR1",
        business("FR"): "DE1",
        person("GB"): "GB1",
        business("GB"): "DE1",
        person("US"): "DE1",
    }
    elsewhere = Seller(country="US", tax_id="US1")

    for customer, number in customers.items():
        assert decide(rules, seller, customer, TODAY, 1).seller_tax_id == number
    assert decide([french], elsewhere, business("FR"), TODAY, 1).seller_tax_id == "FR1"
    assert decide([french], elsewhere, person("JP"), TODAY, 1).seller_tax_id is None


@pytest.mark.parametrize(
    ("net", "rate", "expected"),
    [(4_900, 1900, 931), (1, 1900, 0), (3, 1900, 1), (50, 100, 1), (49, 100, 0), (333, 810, 27)],
)
def test_tax_is_rounded_once_and_half_up(net: int, rate: int, expected: int):
    """To the minor unit, as tax offices do."""
    assert tax.tax_on(net, rate) == expected


CUSTOMERS = st.builds(
    Customer,
    country=st.sampled_from(sorted(COUNTRIES)),
    postcode=st.sampled_from(["", "35001", "97400", "10115"]),
    region=st.sampled_from(["", "NY", "TX"]),
    is_business=st.booleans(),
    id_check=st.sampled_from([tax.NONE, tax.UNKNOWN, tax.CHECKSUM, tax.VERIFIED]),
    exempt_reason=st.sampled_from([None, "because"]),
)


@given(
    rules=st.lists(st.sampled_from([DE, FR, GB, NY]), unique=True),
    seller=st.builds(Seller, country=st.sampled_from(["DE", "FR", "US", "GB", "AU"])),
    customer=CUSTOMERS,
    net_minor=st.integers(0, 10**14),
    lenient=st.booleans(),
)
def test_net_and_tax_are_gross_and_a_zero_always_has_its_reason(
    rules: list[Rule], seller: Seller, customer: Customer, net_minor: int, *, lenient: bool
):
    """Whoever sells to whom, and whatever the rules are."""
    found = decide(rules, seller, customer, TODAY, net_minor, lenient=lenient)

    assert found.net_minor == net_minor
    assert found.gross_minor == net_minor + found.tax_minor
    assert 0 <= found.tax_minor <= net_minor
    assert (found.category == tax.STANDARD) == (found.rate_bp > 0) == (found.reason is None)
    assert found.tax_minor == 0 or found.rate_bp
    assert found.name


@given(data=st.data(), gross=st.integers(1, 10**12))
def test_what_goes_back_and_comes_again_adds_up_to_the_whole(data: st.DataObject, gross: int):
    """Net and tax of each step go the way that its money goes, and neither leaves its whole."""
    whole = data.draw(st.integers(0, gross))
    steps = [0, *data.draw(st.lists(st.integers(0, gross), max_size=6)), gross]
    taxes = [returned(whole, step, gross) for step in steps]

    assert (taxes[0], taxes[-1]) == (0, whole)
    assert all(0 <= tax <= whole for tax in taxes)
    moved = (after - before for before, after in pairwise(steps))
    back = (after - before for before, after in pairwise(taxes))
    for money, part in zip(moved, back, strict=True):
        assert 0 <= (part if money >= 0 else -part) <= abs(money)


def test_a_refund_gives_tax_back_pro_rata_and_the_last_one_the_remainder():
    """A third thrice: the tax of 100 is 33, 34, 33."""
    taxes = [returned(100, gross, 600) for gross in (0, 200, 400, 600)]

    assert [after - before for before, after in pairwise(taxes)] == [33, 34, 33]


def test_more_than_nothing_was_never_returned_below_it():
    """Sums that contradict the document stop here."""
    with pytest.raises(ValueError, match="zero or more"):
        returned(100, -1, 600)
