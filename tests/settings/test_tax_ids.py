"""Which numbers can be tax ids, and how each is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.money.countries import COUNTRIES, EU
from grip.tax_ids import read, read_sellers

OF_THE_EU = {
    "AT": "ATU13585627",
    "BE": "BE0428759497",
    "BG": "BG175074752",
    "CY": "CY10259033P",
    "CZ": "CZ25123891",
    "DE": "DE136695976",
    "DK": "DK13585628",
    "EE": "EE100931558",
    "ES": "ESB58378431",
    "FI": "FI20774740",
    "FR": "FR40303265045",
    "GR": "EL094259216",
    "HR": "HR33392005961",
    "HU": "HU12892312",
    "IE": "IE6433435F",
    "IT": "IT00743110157",
    "LT": "LT119511515",
    "LU": "LU15027442",
    "LV": "LV40003521600",
    "MT": "MT11679112",
    "NL": "NL004495445B01",
    "PL": "PL8567346215",
    "PT": "PT501964843",
    "RO": "RO18547290",
    "SE": "SE123456789701",
    "SI": "SI50223054",
    "SK": "SK2022749619",
}


def test_every_country_of_the_eu_has_its_ids_with_its_letters():
    """Whether they were typed or not, with blanks and dots or without."""
    assert set(OF_THE_EU) == EU
    for country, number in OF_THE_EU.items():
        for typed in (number, number[2:], f" {number[:2].lower()} {number[2:5]}.{number[5:]} "):
            assert read(country, typed).number == number
            assert str(read(country, typed).kind).startswith(f"{country.lower()}.")


@pytest.mark.parametrize(
    ("country", "typed", "number", "kind"),
    [
        ("GR", "GR094259216", "EL094259216", "gr.vat"),
        ("MC", "53000004605", "FR53000004605", "mc.tva"),
        ("RE", "FR40303265045", "FR40303265045", "fr.tva"),
        ("GB", "980780684", "GB980780684", "gb.vat"),
        ("GB", "XI 980 780 684", "XI980780684", "gb.vat"),
        ("IM", "GB980780684", "GB980780684", "gb.vat"),
        ("CH", "CHE-107.787.577", "CHE107787577MWST", "ch.vat"),
        ("CH", "CHE-107.787.577 TVA", "CHE107787577TVA", "ch.vat"),
        ("LI", "CHE107787577", "CHE107787577MWST", "ch.vat"),
        ("NO", "995 525 828", "995525828MVA", "no.mva"),
        ("JP", "T5835678256246", "5835678256246", "jp.cn"),
        ("AU", "83 914 571 673", "83914571673", "au.abn"),
        ("IN", "27aapfu0939f1zv", "27AAPFU0939F1ZV", "in.gstin"),
        ("SG", "00192200M", "00192200M", "sg.uen"),
        ("US", "12-3456789", "123456789", "us.ein"),
        ("ZA", "0001339050", "0001339050", "za.tin"),
        ("AE", "100-1234-5670-0003", "100123456700003", None),
    ],
)
def test_ids_of_elsewhere_are_kept_as_their_registers_have_them(
    country: str, typed: str, number: str, kind: str | None
):
    """Without a check where none is known."""
    found = read(country, typed)

    assert (found.number, found.kind) == (number, kind)


@pytest.mark.parametrize(
    ("country", "typed"),
    [
        ("DE", "DE136695977"),
        ("DE", "FR40303265045"),
        ("DE", "DE"),
        ("DE", ""),
        ("DE", "DE²³⁴⁵⁶⁷⁸⁹"),
        ("GB", "GB980780685"),
        ("US", "123-45-6789"),
        ("AE", "1" * 41),
        ("AE", "nobody's"),
    ],
)
def test_what_can_be_no_id_is_refused(country: str, typed: str):
    """Wrong digits, another country's, a person's social security number."""
    with pytest.raises(ValueError, match="no tax id"):
        read(country, typed)


def test_a_seller_from_elsewhere_has_a_number_of_the_one_stop_shop():
    """It is no customer's, and no number outside of the EU."""
    assert read_sellers("FR", "EU 372 022 452").number == "EU372022452"
    assert read_sellers("FR", "FR40303265045").kind == "fr.tva"
    with pytest.raises(ValueError, match="no tax id"):
        read("FR", "EU372022452")
    for country, number in (("GB", "EU372022452"), ("FR", "EU999022452")):
        with pytest.raises(ValueError, match="no tax id"):
            read_sellers(country, number)


@given(
    country=st.sampled_from(sorted(COUNTRIES)),
    typed=st.text(max_size=20) | st.from_regex(r"[A-Z]{0,3}[0-9 .-]{0,15}[A-Z]?", fullmatch=True),
)
def test_whatever_is_typed_is_an_id_or_refused(country: str, typed: str):
    """And an id is read alike a second time."""
    try:
        found = read(country, typed)
    except ValueError:
        return
    assert read(country, found.number) == found
