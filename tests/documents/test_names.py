"""Names of the whole world can be read on an invoice, and hostile ones do no harm."""

import re
from io import BytesIO

import msgspec
import pytest
from pypdf import PdfReader

from grip.documents import faces, facturx
from grip.documents.checking import ADDRESS_LINES_MAX, NAME_MAX, TEXT_MAX, check_party
from grip.documents.document import Document, Tax
from grip.documents.faces import REPLACEMENT
from grip.documents.render import render
from grip.documents.sheet import Sheet, midnight
from grip.documents.texts import plain
from grip.errors import DocumentInvalid
from tests.documents.samples import (
    CUSTOMER,
    REVERSE,
    SELLER,
    credit_note,
    faults,
    invoice,
    line,
    named,
    text_of,
)

NAMES = {
    "German": "Groß & Übermäßig GmbH",
    "Polish": "Żółć Świętokrzyska Sp. z o.o.",
    "Turkish": "İşçi Gıda A.Ş.",  # noqa: RUF001
    "Vietnamese": "Công ty Cổ phần Sữa Việt Nam",
    "Greek": "Ελληνική Εταιρεία Ύδρευσης Α.Ε.",  # noqa: RUF001
    "Cyrillic": "Общество «Ромашка» Київ",
    "Armenian": "Հայաստանի Հանրապետություն",
    "Georgian": "საქართველოს ბანკი",
    "Chinese": "深圳市腾讯计算机系统有限公司",
    "Chinese, traditional": "臺灣積體電路製造股份有限公司",
    "Japanese": "株式会社リクルート・ホールディングス",
    "Korean": "주식회사 카카오뱅크",
    "Thai": "บริษัท ปูนซิเมนต์ไทย จำกัด (มหาชน)",
    "Hindi": "रिलायंस इंडस्ट्रीज़ लिमिटेड",
    "Bengali": "বাংলাদেশ ব্যাংক",
    "Tamil": "தமிழ்நாடு மின்சார வாரியம்",
}
FROM_THE_RIGHT = {
    "Arabic": "شركة الاتصالات السعودية",
    "Persian": "شرکت ملی نفت ایران",
    "Hebrew": "חברת החשמל לישראל",
}


@pytest.mark.parametrize("script", NAMES)
def test_a_name_can_be_read(script: str):
    """And copied, and found, in the file."""
    assert plain(NAMES[script]) in text_of(render(named(NAMES[script])).pdf)


@pytest.mark.parametrize("script", FROM_THE_RIGHT)
def test_a_name_from_the_right_is_joined_and_ordered(script: str):
    """Its words stand from right to left, and within a word, its letters."""
    name = FROM_THE_RIGHT[script]
    text = text_of(render(named(name)).pdf)

    assert " ".join(reversed(name.split())) in text


def test_arabic_letters_take_the_forms_that_join():
    """The shapes of the word are fewer or other than those of its letters alone."""
    letters = "لا"
    with_shaping = _glyphs(letters)

    assert len(with_shaping) == 1
    assert _glyphs("ب") != _glyphs("ببب")[:1]


def _glyphs(text: str) -> list[int]:
    sheet = Sheet([text], made_on=midnight("2026-11-21"))
    sheet.add_page()
    sheet.write_at(20, 20, sheet.shown(text), 9)
    sheet.finish(compress=False)
    subset = sheet.fonts["face0"].subset  # type: ignore[union-attr]
    return [glyph.glyph_id for glyph, code in subset.items() if glyph and code not in {0, 32}]


def test_a_line_of_another_face_leaves_the_next_one_alone():
    """What begins with a face of its own does not take the page over."""
    lines = ("In bold", "深圳市 Tencent", "רחוב 12", "3rd floor", "القاهرة 75001", "France")
    sheet = Sheet(lines, made_on=midnight("2026-11-21"))
    sheet.add_page()
    sheet.set_text_color(20)
    for place, text in enumerate(lines):
        sheet.write_at(20, 20 + 5 * place, sheet.shown(text), 9, bold=not place)
    text = text_of(sheet.finish(compress=False))

    assert all(wanted in text for wanted in ("In bold", "深圳市 Tencent", "3rd floor", "France"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Rocket 🚀 Ltd", f"Rocket {REPLACEMENT} Ltd"),
        ("👩‍👩‍👧 Family", f"{REPLACEMENT * 3} Family"),
        ("ꦗꦮ Java", f"{REPLACEMENT * 2} Java"),
        ("𠮷野家", f"{REPLACEMENT}野家"),
    ],
)
def test_what_no_face_has_is_seen_to_be_missing(name: str, shown: str):
    """Never an empty box or nothing: a replacement on paper, and the true name in the XML."""
    made = render(named(name))

    assert shown in text_of(made.pdf)
    assert plain(name) in (made.xml or b"").decode()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x00b\x1b[31m\x7fc", "a b [31m c"),
        ("two\r\nlines\there", "two lines here"),
        ("\u202eexe.gnp\u2066 x\u2069", "exe.gnp x"),
        ("half \ud800 of it\ufffe", "half of it"),
        ("soft\u00adhyphen \ufeffmark", "softhyphen mark"),
        ("{nb} (par\\en) **b** __i__ [x](y)", "{nb} (par\\en) **b** __i__ [x](y)"),
        ("<b>&amp;</ram:Name>]]>", "<b>&amp;</ram:Name>]]>"),
        ("%PDF endstream endobj (", "%PDF endstream endobj ("),
    ],
)
def test_a_hostile_name_is_only_a_name(name: str, shown: str):
    """Controls, overrides of direction, halves of characters, and the syntax of all around it."""
    made = render(named(name))

    assert shown in text_of(made.pdf)
    assert faults(made.xml or b"") == []
    assert "\u202e" not in text_of(made.pdf)


def test_no_character_is_drawn_as_an_empty_box():
    """Whatever stands in a name, the glyph for what is missing is never used."""
    every = "".join(chr(code) for code in range(0x20, 0x3000, 23)) + "".join(NAMES.values())
    for start in range(0, len(every), 190):
        pdf = render(named("x" + every[start : start + 190])).pdf
        for page in PdfReader(BytesIO(pdf)).pages:
            for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
                inner = font["/DescendantFonts"][0]
                told = re.findall(rb"<([0-9A-F]{4})> <", font["/ToUnicode"].get_data())
                glyphs = inner["/CIDToGIDMap"].get_data()
                codes = [int(code, 16) for code in told]
                drawn = [int.from_bytes(glyphs[2 * at : 2 * at + 2]) for at in codes if at]
                assert all(drawn), font["/BaseFont"]


def test_each_face_is_shipped_with_its_licence():
    """What `faces` names is there, nothing else is, and each licence beside it."""
    named_files = {*faces.TEXT_FILES.values(), *(f for _, files in faces._SCRIPTS for f in files)}
    there = {path.name for path in faces.FONTS.iterdir()}

    assert {name for name in there if name.endswith(".ttf")} == named_files
    assert {"OFL-Noto.txt", "OFL-Nanum.txt", "LICENSE-Droid.txt"} <= there
    assert sum(path.stat().st_size for path in faces.FONTS.iterdir()) < 15_000_000


@pytest.mark.parametrize(
    ("document", "param"),
    [
        (named("x" * 10_000), "customer.name"),
        (named("x" * (NAME_MAX + 1)), "customer.name"),
        (named(""), "customer.name"),
        (named("\u202e\x00 "), "customer.name"),
        (invoice(customer=msgspec.structs.replace(CUSTOMER, country="XX")), "customer.country"),
        (invoice(seller=msgspec.structs.replace(SELLER, country="de")), "seller.country"),
        (
            invoice(customer=msgspec.structs.replace(CUSTOMER, address=("a",) * 9)),
            "customer.address",
        ),
        (
            invoice(customer=msgspec.structs.replace(CUSTOMER, address=(), city=" ")),
            "customer.address",
        ),
        (invoice(seller=msgspec.structs.replace(SELLER, tax_id=None)), "seller.tax_id"),
        (
            invoice(REVERSE, customer=msgspec.structs.replace(CUSTOMER, tax_id=None)),
            "customer.tax_id",
        ),
        (invoice(Tax(name="VAT", category="E", rate_bp=0)), "tax.reason"),
        (invoice(Tax(name="VAT", category="S", rate_bp=0)), "tax.rate_bp"),
        (invoice(Tax(name="VAT", category="Z", rate_bp=1900)), "tax.rate_bp"),
        (invoice(msgspec.structs.replace(REVERSE, reason_code="no code")), "tax.reason_code"),
        (invoice(tax_minor=930 - 1), "tax_minor"),
        (invoice(gross_minor=1), "gross_minor"),
        (invoice(net_minor=1), "net_minor"),
        (invoice(paid_minor=10**6), "paid_minor"),
        (invoice(lines=()), "lines"),
        (invoice(lines=(line(-1), line(2))), "lines.net_minor"),
        (invoice(lines=(line(quantity=0),)), "lines.quantity"),
        (invoice(lines=(line(description="\x00"),)), "lines.description"),
        (invoice(number="INV 1\n"), "number"),
        (invoice(issued_on="2026-02-30"), "issued_on"),
        (invoice(supplied_on="20261121"), "supplied_on"),
        (invoice(currency="XAU"), "currency"),
        (invoice(template=2), "template"),
        (invoice(notes=("x" * (TEXT_MAX + 1),)), "notes"),
        (credit_note(refers_to=None), "refers_to"),
        (credit_note(tax_minor=931 + 100), "tax_minor"),
    ],
)
def test_what_cannot_be_issued_is_refused_by_name(document: Document, param: str):
    """The law's fields, the sums, and lengths: before a number is spent on it."""
    with pytest.raises(DocumentInvalid) as refused:
        render(document)

    assert refused.value.param == param


def test_who_stores_a_profile_can_ask_beforehand():
    """So that no payment fails on the name of its customer."""
    check_party(CUSTOMER, "customer")
    with pytest.raises(DocumentInvalid):
        check_party(msgspec.structs.replace(CUSTOMER, name="\n"), "customer")

    assert len(CUSTOMER.address) <= ADDRESS_LINES_MAX
    assert facturx.NAME == "factur-x.xml"
