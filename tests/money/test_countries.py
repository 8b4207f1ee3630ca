"""Countries, their regions, and what they are called by others."""

import pytest

from grip.money import countries


def test_there_are_as_many_countries_as_iso_has():
    """And 27 of them are the EU."""
    assert len(countries.COUNTRIES) == 249
    assert len(countries.EU) == 27
    assert countries.EU < countries.COUNTRIES


@pytest.mark.parametrize(
    ("typed", "code"), [("de", "DE"), (" GR ", "GR"), ("EL", "GR"), ("uk", "GB"), ("XI", "GB")]
)
def test_a_country_has_one_spelling(typed: str, code: str):
    """Greece is EL for tax offices, the United Kingdom is UK for its people."""
    assert countries.country(typed) == code


@pytest.mark.parametrize("typed", ["", "D", "DEU", "XX", "ÄÖ", "EU"])
def test_what_is_no_country_is_refused(typed: str):
    """Names and unions too."""
    with pytest.raises(ValueError, match="no country"):
        countries.country(typed)


def test_states_and_provinces_are_codes_where_tax_depends_on_them():
    """Elsewhere a region is whatever people call it."""
    assert countries.region("US", "ny") == "NY"
    assert countries.region("CA", "CA-ON") == "ON"
    assert countries.region("IN", " Karnataka ") == "Karnataka"
    for text in ("", "New York", "ON"):
        with pytest.raises(ValueError, match="no region of US"):
            countries.region("US", text)
