"""Countries of ISO 3166, and in which of them an address is for value added tax.

Owns the places whose tax is not that of the country in their address: Monaco is France, the Canary
Islands are not Spain. Refuses to know any rate.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

# ruff: noqa: SIM905  # a table of words

COUNTRIES: Final = frozenset(
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR "
    "BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ "
    "EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW "
    "GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY "
    "KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV "
    "MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY "
    "QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG "
    "TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM "
    "ZW".split()
)
EU: Final = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
)
GST: Final = frozenset("AU CA IN NZ SG".split())

REGIONS: Final = MappingProxyType(
    {
        "US": frozenset(
            "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE "
            "NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY".split()
        ),
        "CA": frozenset("AB BC MB NB NL NS NT NU ON PE QC SK YT".split()),
    }
)
"""The countries whose tax depends on the state or province, and the codes of those."""

# As the EU spells Greece, as everybody spells the United Kingdom, and Northern Ireland, which is a
# part of the EU's VAT for goods, and of the United Kingdom's for services such as these.
_ALIASES: Final = MappingProxyType({"EL": "GR", "UK": "GB", "XI": "GB"})
_SAME_TAX: Final = MappingProxyType({"MC": "FR", "IM": "GB", "LI": "CH"})

# By the first digits of the postcode. Each is outside of the EU's VAT; those that have a country
# code of their own have it here, and may have a rule of their own too.
_APART: Final = (
    *(("ES", digits, "IC") for digits in ("35", "38")),
    *(("ES", digits, "EA") for digits in ("51", "52")),
    ("FI", "22", "AX"),
    *(
        ("FR", digits, country)
        for digits, country in zip(
            "971 972 973 974 975 976 977 978 986 987 988".split(),
            "GP MQ GF RE PM YT BL MF WF PF NC".split(),
            strict=True,
        )
    ),
    *(("DE", digits, f"DE-{digits}") for digits in ("78266", "27498")),
    *(("IT", digits, f"IT-{digits}") for digits in ("23041", "22061")),
    *(("GR", digits, f"GR-{digits}") for digits in ("63086", "63087")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where somebody is for value added tax: a country, or a part that is apart from its own."""

    code: str
    is_eu: bool


def country(text: str) -> str:
    """Return the ISO 3166 code of a country; raises ValueError where there is no such country."""
    code = text.strip().upper()
    code = _ALIASES.get(code, code)
    if code not in COUNTRIES:
        raise ValueError(f"{text.strip()[:40]!r} is no country of ISO 3166, such as DE or US")
    return code


def region(country: str, text: str) -> str:
    """Return a region as rules of tax name it; raises ValueError where it has to be a code."""
    found = text.strip()
    codes = REGIONS.get(country)
    if codes is None:
        return found
    code = found.upper().removeprefix(f"{country}-")
    if code not in codes:
        raise ValueError(f"{found[:40]!r} is no region of {country}, such as {min(codes)}")
    return code


def place(country: str, postcode: str) -> Place:
    """Return where an address in this country, with this postcode, is for value added tax."""
    digits = "".join(letter for letter in postcode if letter in "0123456789")
    for whole, prefix, part in _APART:
        # All of these have postcodes of five digits; what is not one says nothing.
        if country == whole and len(digits) == 5 and digits.startswith(prefix):  # noqa: PLR2004
            return Place(code=part, is_eu=False)
    code = _SAME_TAX.get(country, country)
    return Place(code=code, is_eu=code in EU)


def tax_name(country: str) -> str:
    """Return what the tax on sales is called there, where no rule says it."""
    if country == "US":
        return "sales tax"
    return "GST" if country in GST else "VAT"
