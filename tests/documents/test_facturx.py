"""The XML says what the document says, and the official judges of EN 16931 find no fault."""

import msgspec
import pytest

from grip.documents import facturx
from grip.documents.checking import check
from grip.documents.document import Document, NationalTax, Tax
from tests.documents.samples import (
    ABROAD,
    REVERSE,
    SELLER,
    credit_note,
    faults,
    invoice,
    line,
    named,
)

_EXEMPT = Tax(name="VAT", category="E", rate_bp=0, reason="Exempt, section 19 UStG")
_EXPORT = Tax(name="VAT", category="G", rate_bp=0, reason_code="VATEX-EU-G", reason="Export")
_OUTSIDE = Tax(name="VAT", category="O", rate_bp=0, reason_code="VATEX-EU-O", reason="Not in scope")
_NOWHERE = msgspec.structs.replace(SELLER, registration_id=None)
_AUSTRALIAN = msgspec.structs.replace(_NOWHERE, country="AU", tax_id="51824753556")

CASES = {
    "standard rate": invoice(),
    "standard rate, not paid": invoice(paid_minor=0),
    "standard rate, due later": invoice(paid_minor=0, due_on="2026-12-21"),
    "half of a percent": invoice(Tax(name="VAT", category="S", rate_bp=550)),
    "reverse charge": invoice(REVERSE),
    "reverse charge without a code": invoice(msgspec.structs.replace(REVERSE, reason_code=None)),
    "reverse charge, id of no state": invoice(REVERSE, customer=ABROAD),
    "export": invoice(_EXPORT, customer=ABROAD),
    "exempt": invoice(_EXEMPT),
    "zero-rated": invoice(Tax(name="VAT", category="Z", rate_bp=0)),
    "out of scope": invoice(_OUTSIDE, customer=ABROAD),
    "out of scope, ids of states": invoice(_OUTSIDE),
    "out of scope, VAT id only": invoice(_OUTSIDE, seller=_NOWHERE),
    "credit note": credit_note(),
    "credit note with the remainder": credit_note(tax_minor=930),
    "credit note under reverse charge": credit_note(tax=REVERSE),
    "bonus": invoice(lines=(line(), line(0, 5_000, "Bonus"))),
    "yen": invoice(lines=(line(1005),), currency="JPY"),
    "whole dinars": invoice(lines=(line(4000),), currency="KWD"),
    "tax in another currency": invoice(
        tax_in_national=NationalTax(
            currency="PLN", tax_minor=4012, rate="4.3093", source="NBP", on="2026-11-20"
        )
    ),
    "seller outside of Europe": invoice(seller=_AUSTRALIAN),
    "seller outside of Europe, reverse charge": invoice(REVERSE, seller=_AUSTRALIAN),
    "seller in Greece": invoice(
        seller=msgspec.structs.replace(SELLER, country="GR", tax_id="EL094259216")
    ),
    "a hostile name": named("<ram:ID>&amp;]]>\x00\x1b\ud800\ufffe\u202e'\"/>", notes=("<!--",)),
    "a hostile line": invoice(lines=(line(description="</ram:Name>&\x08"),)),
    "a name in four scripts": named("深圳 Ελλάς Ромашка 🚀"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_official_judges_find_no_fault(case: str):
    """Neither the schema nor the Schematron of the profile, in any category of tax."""
    document = CASES[case]
    check(document)

    assert facturx.obstacle(document) is None
    assert faults(facturx.write(document)) == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("TaxBasisTotalAmount>49.00", "TaxBasisTotalAmount>49.01", "BR-CO-13"),
        ("GrandTotalAmount>58.31", "GrandTotalAmount>58.30", "BR-CO-15"),
        ("DuePayableAmount>0.00", "DuePayableAmount>1.00", "BR-CO-16"),
        ("CalculatedAmount>9.31", "CalculatedAmount>4.90", "BR-S-09"),
        ("Percent>19<", "Percent>0<", "BR-S-05"),
        ("CategoryCode>S<", "CategoryCode>AE<", "BR-AE-05"),
        ("InvoiceCurrencyCode>EUR", "InvoiceCurrencyCode>EUX", "FX-SCH-A-000595"),
        ("CountryID>DE", "CountryID>XX", "FX-SCH-A-000580"),
        ("LineTotalAmount>49.00", "LineTotalAmount>49.001", "BR-DEC-09"),
        ('"VA">DE123456788', '"VA">12DE3456788', "BR-CO-09"),
        ("TypeCode>380", "TypeCode>999", "FX-SCH-A-000555"),
        ("ram:SellerTradeParty>", "ram:Seller>", "Seller"),
    ],
)
def test_the_judges_find_the_faults_that_are_planted(old: str, new: str, rule: str):
    """So that their silence means something."""
    xml = facturx.write(invoice()).decode()
    assert old in xml

    assert any(rule in found for found in faults(xml.replace(old, new).encode()))


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        (invoice(lines=(line(4905),), currency="KWD"), "BR-DEC"),
        (invoice(_EXPORT, seller=_AUSTRALIAN, customer=ABROAD), "BR-G-02"),
        (credit_note(lines=(line(1000),), tax_minor=192, currency="JPY"), "BR-S-09"),
    ],
    ids=["fils", "export from outside of Europe", "a remainder of yen"],
)
def test_what_the_profile_cannot_say_is_not_said(document: Document, rule: str):
    """Three decimals, a seller without a VAT id, a remainder: the judges would refuse them."""
    assert facturx.obstacle(document)
    said = facturx.write(document).replace(b">4.90<", b">4.905<")

    assert any(rule in found for found in faults(said))


@pytest.mark.parametrize("name", ["GST", "sales tax"])
def test_a_tax_that_is_no_vat_is_not_called_vat(name: str):
    """EN 16931 knows no other; such a document has no XML."""
    assert facturx.obstacle(invoice(Tax(name=name, category="S", rate_bp=1000)))


def test_the_price_of_a_line_is_exact():
    """49.00 for 30,001 credits has no unit price with an end, so the price is of the quantity."""
    xml = facturx.write(invoice(lines=(line(4900, 30_001),))).decode()

    assert "<ram:ChargeAmount>49.00</ram:ChargeAmount>" in xml
    assert '<ram:BasisQuantity unitCode="C62">30001</ram:BasisQuantity>' in xml


def test_an_address_of_many_lines_is_whole():
    """The profile has three lines; the last one takes the rest."""
    xml = facturx.write(invoice()).decode()

    assert "<ram:LineThree>Escalier C, Porte 4</ram:LineThree>" in xml


def test_reverse_charge_is_said_in_these_words():
    """The law wants the mention, whatever the reason is (C-247/21)."""
    xml = facturx.write(invoice(REVERSE)).decode()

    assert "<ram:ExemptionReason>Reverse charge. Article 196" in xml


def test_a_credit_note_names_its_invoice_and_its_reason():
    """Article 219: specifically and unambiguously."""
    xml = facturx.write(credit_note()).decode()

    assert "<ram:TypeCode>381</ram:TypeCode>" in xml
    assert "<ram:IssuerAssignedID>INV-2026-000123</ram:IssuerAssignedID>" in xml
    assert "<ram:Content>Credits given back</ram:Content>" in xml


def test_the_xml_is_the_same_every_time():
    """Nothing in it is of the moment."""
    assert facturx.write(invoice()) == facturx.write(invoice())
