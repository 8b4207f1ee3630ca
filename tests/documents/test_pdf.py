"""The file: PDF/A-3B with the XML inside, the same bytes for ever, and what the law wants on it."""

import hashlib
import os
import re
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from io import BytesIO
from typing import Any

import facturx as reader
import msgspec
import pytest
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from grip.documents import faces, facturx
from grip.documents.document import Document, NationalTax, Tax
from grip.documents.render import render
from tests.documents.samples import (
    REVERSE,
    SELLER,
    credit_note,
    invoice,
    line,
    named,
    text_of,
)

GOLDEN = {
    "invoice": "a4c6c151c076893bae9d1e088b20e56bd818a912b25ce67738aedaffbe631cf4",
    "credit note": "f1f270c89fed1249ead79e400f44353d21b8fc7c8e607c704c5ab0a43e6a10f9",
    "all scripts": "9e382ef029cfe50742c625891750ae5aff5c0d8d5ab788c4cbefe0d48bfff7df",
}
"""Documents were issued with these bytes, and have to be the same for ever. A change of them is a
new template (docs/adr/0011-documents.md); until the first release, write here what the failing
test says."""
WORLD = "Ελλάς Ромашка 深圳市 リクルート 카카오 السعودية חשמל ไทย हिन्दी"
SUBJECTS = {"invoice": invoice(), "credit note": credit_note(), "all scripts": named(WORLD)}

_RENDER = """
import sys, msgspec
from grip.documents.document import Document
from grip.documents.render import render
sys.stdout.buffer.write(render(msgspec.json.decode(sys.stdin.buffer.read(), type=Document)).pdf)
"""


@cache
def read_only(subject: str) -> bytes:
    """Return the file of a subject, made once for all tests that only read it."""
    return render(SUBJECTS[subject]).pdf


def _elsewhere(document: Document, **environment: str) -> bytes:
    """Render in another process, under another sky."""
    done = subprocess.run(
        [sys.executable, "-c", _RENDER],
        input=msgspec.json.encode(document),
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": "", **environment},
        capture_output=True,
        check=True,
    )
    return done.stdout


def test_another_process_makes_the_same_bytes():
    """With another zone, locale and order of hashes."""
    document = SUBJECTS["all scripts"]
    here = render(document).pdf

    assert here == _elsewhere(document, TZ="Pacific/Kiritimati", LC_ALL="C", PYTHONHASHSEED="1")
    assert here == _elsewhere(document, TZ="America/Los_Angeles", LC_ALL="C.UTF-8", LANG="tr_TR")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_bytes_are_those_that_were_promised(subject: str):
    """Re-rendering what was issued years ago gives what the customer has."""
    assert hashlib.sha256(render(SUBJECTS[subject]).pdf).hexdigest() == GOLDEN[subject]


def test_no_build_of_zlib_can_change_the_bytes(monkeypatch):
    """Builds compress differently, so nothing in a document stays compressed."""
    document = invoice()
    before = render(document).pdf
    compress = zlib.compress
    monkeypatch.setattr(zlib, "compress", lambda data, level=-1: compress(data, 1))

    assert render(document).pdf == before
    assert b"/FlateDecode" not in before


def test_documents_that_differ_have_ids_that_differ():
    """And the bytes hold no moment but the day of issue."""
    first, second = render(invoice()).pdf, render(invoice(notes=("x",))).pdf

    assert _trailer(first)["/ID"] != _trailer(second)["/ID"]
    assert set(re.findall(rb"20\d\d-\d\d-\d\dT[^<]*", first)) == {b"2026-11-21T00:00:00+00:00"}
    assert set(re.findall(rb"D:(\d{14})", first)) == {b"20261121000000"}


def test_threads_render_apart():
    """Many at once, each its own document."""
    documents = [invoice(number=f"INV-{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda document: render(document).pdf, documents))

    assert together == [render(document).pdf for document in documents]


def _trailer(pdf: bytes) -> Any:
    return PdfReader(BytesIO(pdf)).trailer


def _fonts(pdf: bytes) -> list[Any]:
    pages = PdfReader(BytesIO(pdf)).pages
    named_fonts = {
        str(font): font.get_object()
        for page in pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]
    }
    return list(named_fonts.values())


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_file_keeps_the_rules_of_pdf_a(subject: str):
    """ISO 19005-3: header, id, intent of output, metadata, fonts embedded, nothing encrypted."""
    pdf = read_only(subject)
    trailer = _trailer(pdf)
    root = trailer["/Root"]
    xmp = root["/Metadata"].get_data().decode()
    intent = root["/OutputIntents"][0]

    assert pdf.startswith(b"%PDF-1.7\n%")
    assert all(byte > 127 for byte in pdf.split(b"\n")[1][1:5])
    assert pdf.rstrip().endswith(b"%%EOF")
    assert len(trailer["/ID"]) == 2
    assert "/Encrypt" not in trailer
    assert "/Info" not in trailer
    assert intent["/S"] == "/GTS_PDFA1"
    assert intent["/DestOutputProfile"]["/N"] == 3
    assert "<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" in xmp
    assert "/Filter" not in root["/Metadata"]
    assert not {"/JavaScript", "/AcroForm", "/AA"} & set(root)
    assert all(name not in pdf for name in (b"/Launch", b"/LZWDecode", b"/SMask", b"/JavaScript"))


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_font_is_embedded_and_can_be_read(subject: str):
    """Each is a subset with its program, its widths and its characters."""
    fonts = _fonts(read_only(subject))

    assert len(fonts) >= 2
    for font in fonts:
        inner = font["/DescendantFonts"][0]
        assert font["/Encoding"] == "/Identity-H"
        assert re.fullmatch(r"/[A-Z]{6}\+.+", font["/BaseFont"])
        assert font["/ToUnicode"].get_data()
        assert inner["/FontDescriptor"]["/FontFile2"].get_data()
        assert inner["/W"]
        assert len(inner["/CIDToGIDMap"].get_data()) > 2


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_widths_are_those_of_the_fonts(subject: str):
    """ISO 19005-3, 6.2.11.5: what the file says of a glyph and what its program says agree."""
    for font in _fonts(read_only(subject)):
        inner = font["/DescendantFonts"][0]
        program = TTFont(BytesIO(inner["/FontDescriptor"]["/FontFile2"].get_data()))
        glyphs = inner["/CIDToGIDMap"].get_data()
        scale = 1000 / program["head"].unitsPerEm
        for code, told in _widths(inner["/W"]).items():
            glyph = int.from_bytes(glyphs[2 * code : 2 * code + 2])
            advance, _ = program["hmtx"][program.getGlyphName(glyph)]
            assert glyph
            assert abs(told - advance * scale) <= 1


def _widths(told: Any) -> dict[int, float]:
    """Return the width of each code that is drawn; the first two are reserved."""
    widths: dict[int, float] = {}
    rest = list(told)
    while rest:
        first, second = int(rest.pop(0)), rest.pop(0)
        if isinstance(second, list):
            widths |= {first + place: float(width) for place, width in enumerate(second)}
        else:
            widths |= dict.fromkeys(range(first, int(second) + 1), float(rest.pop(0)))
    return {code: width for code, width in widths.items() if code not in {0, 32}}


def test_the_xml_comes_back_as_it_was_embedded():
    """As the whole document's alternative, which the profile demands."""
    made = render(invoice())
    root = _trailer(made.pdf)["/Root"]
    (attached,) = root["/AF"]
    name, xml = reader.get_xml_from_pdf(made.pdf, check_xsd=True, check_schematron=False)

    assert (name, xml) == (facturx.NAME, made.xml)
    assert attached["/AFRelationship"] == "/Alternative"
    assert attached["/F"] == attached["/UF"] == "factur-x.xml"
    assert attached["/EF"]["/F"]["/Subtype"] == "/text/xml"
    assert root["/Names"]["/EmbeddedFiles"]["/Names"][0] == "factur-x.xml"


def test_the_metadata_explains_the_properties_of_facturx():
    """PDF/A knows none but its own: each that is used is in the block of the schema."""
    xmp = _trailer(render(invoice()).pdf)["/Root"]["/Metadata"].get_data().decode()
    used = set(re.findall(r"<fx:(\w+)>", xmp))

    assert used == set(re.findall(r"<pdfaProperty:name>(\w+)<", xmp))
    assert used == {"DocumentType", "DocumentFileName", "Version", "ConformanceLevel"}
    assert "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>" in xmp
    assert xmp.count("urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#") == 2


def test_a_document_that_the_profile_cannot_say_has_no_xml():
    """It is a PDF/A all the same, and claims no Factur-X."""
    made = render(invoice(lines=(line(4905),), currency="KWD"))
    root = _trailer(made.pdf)["/Root"]

    assert made.xml is None
    assert "/AF" not in root
    assert "factur-x" not in root["/Metadata"].get_data().decode()
    assert "Net, KWD" in text_of(made.pdf)
    assert "4.905" in text_of(made.pdf)


def test_an_invoice_says_all_that_the_law_wants():
    """Article 226 of Directive 2006/112/EC, by its points."""
    text = text_of(read_only("invoice"))

    for wanted in (
        *("Invoice INV-2026-000123", "21 November 2026", "20 November 2026"),
        *("grip GmbH", "Torstraße 1", "10119 Berlin", "Germany", "VAT ID: DE123456788"),
        *("Café Société SARL", "1 rue de l'Église", "Porte 4", "75001 Paris", "France"),
        *("VAT ID: FR 40 303 265 045", "HRB 12345 B"),
        *("Credits", "50,000 credits", "0.98 / 1,000", "19 %", "VAT 19 % on 49.00"),
        *("Net EUR 49.00", "EUR 9.31", "Total EUR 58.31", "Paid EUR 58.31"),
        *("Amount due EUR 0.00", "Paid in full. Nothing is due."),
        *("ord_0199fd0a51237abc8def012345678000", "https://grip.example/terms/2026-01"),
        *("https://grip.example/refunds/2026-01", "Page 1 of 1"),
    ):
        assert wanted in text


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        (invoice(REVERSE), "Reverse charge. Article 196 of Directive 2006/112/EC."),
        (invoice(Tax(name="VAT", category="E", rate_bp=0, reason="Exempt, § 19")), "Exempt, § 19"),
        (invoice(Tax(name="GST", category="S", rate_bp=1000)), "Tax invoice"),
        (invoice(paid_minor=0, due_on="2026-12-21"), "Due on 21 December 2026"),
        (invoice(paid_minor=0), "Amount due EUR 58.31"),
        (credit_note(), "Credit note CN-2026-000007"),
        (credit_note(), "INV-2026-000123 of 21 November 2026"),
        (credit_note(), "Reason: Credits given back"),
        (credit_note(), "Still to be refunded EUR 0.00"),
        (invoice(lines=(line(4900), line(0, 5_000, "Bonus"))), "5,000 credits"),
        (invoice(lines=(line(123_456),), currency="JPY"), "JPY 146,913"),
        (invoice(lines=(line(1_234_567),), currency="KWD"), "KWD 1,469.135"),
        (
            invoice(
                tax_in_national=NationalTax(
                    currency="PLN", tax_minor=4012, rate="4.3093", source="NBP", on="2026-11-20"
                )
            ),
            "Exchange rate: 1 EUR = 4.3093 PLN, NBP, 20 November 2026.",
        ),
    ],
)
def test_what_is_special_is_said(document: Document, wanted: str):
    """Reverse charge, exemptions, what is due, corrections, other currencies."""
    assert wanted in text_of(render(document).pdf)


def _places(pdf: bytes) -> list[list[tuple[str, float, float]]]:
    """Return each text of each page with its place, in points."""
    pages = []
    for page in PdfReader(BytesIO(pdf)).pages:
        found: list[tuple[str, float, float]] = []

        def note(text: str, _cm: Any, tm: Any, _font: Any, _size: Any, found: Any = found) -> None:
            if text.strip():
                found.append((text.strip(), float(tm[4]), float(tm[5])))

        page.extract_text(visitor_text=note)
        pages.append(found)
    return pages


def test_many_lines_go_over_pages_with_their_head():
    """Each page has the columns' names and its number; nothing leaves the margins."""
    lines = tuple(line(100 + n, 1000 + n, f"Week {n} " + "of a team " * (n % 7)) for n in range(90))
    pdf = render(invoice(lines=lines)).pdf
    pages = [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(pdf)).pages]

    assert len(pages) >= 3
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert "Description Quantity Unit price VAT Net, EUR" in page or number == len(pages)
    text = " ".join(pages)
    assert all(f"Week {number} " in text for number in range(90))
    for places in _places(pdf):
        assert all(30 < y < 842 - 40 for _, _, y in places)
        assert all(50 < x < 595 - 50 for _, x, _ in places)


def test_the_largest_document_that_is_let_through_is_drawn():
    """Names, addresses and amounts at their limits: no overlap of the parties and the lines."""
    party = msgspec.structs.replace(
        SELLER,
        name="W" * 200,
        address=("M" * 120,) * 8,
        **dict.fromkeys(("city", "postcode", "region", "email"), "W" * 120),
    )
    most = line(10**13, 10**15, "D" * 1_000)
    pdf = render(invoice(seller=party, customer=party, lines=(most, most))).pdf

    assert "1,000,000,000,000,000 credits" in text_of(pdf)
    assert "100,000,000,000.00" in text_of(pdf)
    for places in _places(pdf):
        assert all(30 < y < 842 - 40 for _, _, y in places)


def test_a_replaced_font_would_be_noticed(monkeypatch):
    """The golden bytes can fail: another face makes others."""
    files = {**faces.TEXT_FILES, "B": faces.TEXT_FILES[""]}
    monkeypatch.setattr(faces, "TEXT_FILES", files)

    assert hashlib.sha256(render(invoice()).pdf).hexdigest() != GOLDEN["invoice"]
