"""The same document for machines: Cross Industry Invoice XML in the profile EN 16931.

Written with the standard library; tests hold it against the official schema and Schematron.
Refuses (`obstacle`) what the profile cannot say truly, rather than to say it wrongly.
"""

from typing import Final
from xml.etree import ElementTree as ET

from grip.documents import words
from grip.documents.document import Document, Line, Party, Tax
from grip.documents.texts import plain
from grip.money import currencies

NAME: Final = "factur-x.xml"
PROFILE: Final = "EN 16931"
_GUIDELINE: Final = "urn:cen.eu:en16931:2017"
_STANDARD: Final = "urn:un:unece:uncefact:data:standard"
_NAMESPACES: Final = {
    "xmlns:rsm": f"{_STANDARD}:CrossIndustryInvoice:100",
    "xmlns:ram": f"{_STANDARD}:ReusableAggregateBusinessInformationEntity:100",
    "xmlns:udt": f"{_STANDARD}:UnqualifiedDataType:100",
    "xmlns:qdt": f"{_STANDARD}:QualifiedDataType:100",
}
_TYPES: Final = {"invoice": "380", "credit_note": "381"}
_PIECES: Final = "C62"
_VAT_PREFIXES: Final = frozenset(
    (
        *("AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "GB"),
        *("HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT"),
        *("RO", "SE", "SI", "SK", "XI"),
    )
)
_WHOLE_BP: Final = 10_000
_DECIMALS: Final = 2


def obstacle(document: Document) -> str | None:
    """Return why EN 16931 cannot say what a document says; None where it can."""
    tax = document.tax
    if tax.name != "VAT":
        return f"EN 16931 knows VAT and no {tax.name}"
    if tax.category == "G" and not _is_vat_id(document.seller.tax_id):
        return "EN 16931 wants a VAT id of the seller for an export"
    amounts = [document.net_minor, document.tax_minor, document.gross_minor, document.paid_minor]
    amounts += [line.net_minor for line in document.lines]
    if not all(_fits(amount, document.currency) for amount in amounts):
        return "EN 16931 has two decimals for an amount"
    national = document.tax_in_national
    if national is not None and not _fits(national.tax_minor, national.currency):
        return "EN 16931 has two decimals for an amount"
    remainder = abs(document.tax_minor * _WHOLE_BP - document.net_minor * tax.rate_bp)
    if remainder >= _WHOLE_BP * 10 ** currencies.exponent(document.currency):
        return "EN 16931 has no room for so much of a remainder"
    return None


def write(document: Document) -> bytes:
    """Return the XML of a document that has no `obstacle`; the same bytes every time."""
    root = ET.Element("rsm:CrossIndustryInvoice", _NAMESPACES)
    context = _add(root, "rsm:ExchangedDocumentContext")
    _put(context, "ram:GuidelineSpecifiedDocumentContextParameter/ram:ID", _GUIDELINE)
    _head(_add(root, "rsm:ExchangedDocument"), document)
    deal = _add(root, "rsm:SupplyChainTradeTransaction")
    for place, line in enumerate(document.lines, start=1):
        _line(_add(deal, "ram:IncludedSupplyChainTradeLineItem"), place, line, document)
    _agreement(_add(deal, "ram:ApplicableHeaderTradeAgreement"), document)
    delivery = _add(deal, "ram:ApplicableHeaderTradeDelivery")
    _date(
        delivery,
        "ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime/udt:DateTimeString",
        document.supplied_on,
    )
    _settlement(_add(deal, "ram:ApplicableHeaderTradeSettlement"), document)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="UTF-8", xml_declaration=True)) + b"\n"


def _head(head: ET.Element, document: Document) -> None:
    _put(head, "ram:ID", document.number)
    _put(head, "ram:TypeCode", _TYPES[document.kind])
    _date(head, "ram:IssueDateTime/udt:DateTimeString", document.issued_on)
    for note in _notes(document):
        _put(head, "ram:IncludedNote/ram:Content", note)


def _notes(document: Document) -> list[str]:
    notes = [document.reason or "", *document.notes]
    if document.terms_url:
        notes.append(f"Terms: {document.terms_url}")
    if document.refund_policy_url:
        notes.append(f"Refund policy: {document.refund_policy_url}")
    national = document.tax_in_national
    if national is not None:
        told = f"{national.rate}, {national.source}, {national.on}"
        notes.append(f"Rate of {national.currency} for {document.currency}: {told}")
    return [note for note in map(plain, notes) if note]


def _line(item: ET.Element, place: int, line: Line, document: Document) -> None:
    """Write a line; its price is that of the whole quantity, which needs no rounding."""
    net = _amount(line.net_minor, document.currency)
    _put(item, "ram:AssociatedDocumentLineDocument/ram:LineID", str(place))
    _put(item, "ram:SpecifiedTradeProduct/ram:Name", plain(line.description))
    price = _add(item, "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice")
    _put(price, "ram:ChargeAmount", net)
    _put(price, "ram:BasisQuantity", str(line.quantity), unitCode=_PIECES)
    billed = "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity"
    _put(item, billed, str(line.quantity), unitCode=_PIECES)
    settled = _add(item, "ram:SpecifiedLineTradeSettlement")
    tax = _add(settled, "ram:ApplicableTradeTax")
    _put(tax, "ram:TypeCode", "VAT")
    _put(tax, "ram:CategoryCode", document.tax.category)
    _rate(tax, document.tax)
    total = "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount"
    _put(settled, total, net)


def _agreement(agreement: ET.Element, document: Document) -> None:
    _seller(_add(agreement, "ram:SellerTradeParty"), document)
    _buyer(_add(agreement, "ram:BuyerTradeParty"), document)
    if document.order_id:
        order = "ram:SellerOrderReferencedDocument/ram:IssuerAssignedID"
        _put(agreement, order, plain(document.order_id))


def _seller(element: ET.Element, document: Document) -> None:
    """Write the seller. What is out of the scope of VAT may name no VAT id (BR-O-02)."""
    seller, tax_id = document.seller, _compact(document.seller.tax_id)
    is_outside = document.tax.category == "O"
    is_vat = _is_vat_id(tax_id)
    _party(
        element, seller, seller.registration_id or (tax_id if is_outside or not is_vat else None)
    )
    if tax_id and not is_outside:
        scheme = "VA" if is_vat else "FC"
        _put(element, "ram:SpecifiedTaxRegistration/ram:ID", tax_id, schemeID=scheme)


def _buyer(element: ET.Element, document: Document) -> None:
    customer, tax_id = document.customer, _compact(document.customer.tax_id)
    is_vat = _is_vat_id(tax_id) and document.tax.category != "O"
    registration = customer.registration_id or (None if is_vat else tax_id)
    _party(element, customer, registration)
    if tax_id and is_vat:
        _put(element, "ram:SpecifiedTaxRegistration/ram:ID", tax_id, schemeID="VA")


def _party(element: ET.Element, party: Party, registration: str | None) -> None:
    _put(element, "ram:Name", plain(party.name))
    if registration and plain(registration):
        _put(element, "ram:SpecifiedLegalOrganization/ram:ID", plain(registration))
    address = _add(element, "ram:PostalTradeAddress")
    _maybe(address, "ram:PostcodeCode", party.postcode)
    lines = [line for line in map(plain, party.address) if line]
    tags = ("ram:LineOne", "ram:LineTwo", "ram:LineThree")
    for tag, line in zip(tags, [*lines[:2], ", ".join(lines[2:])], strict=False):
        _maybe(address, tag, line)
    _maybe(address, "ram:CityName", party.city)
    _put(address, "ram:CountryID", party.country)
    _maybe(address, "ram:CountrySubDivisionName", party.region)
    if party.email and plain(party.email):
        place = "ram:URIUniversalCommunication/ram:URIID"
        _put(element, place, plain(party.email), schemeID="EM")


def _settlement(settlement: ET.Element, document: Document) -> None:
    national = document.tax_in_national
    if national is not None:
        _put(settlement, "ram:TaxCurrencyCode", national.currency)
    _put(settlement, "ram:InvoiceCurrencyCode", document.currency)
    _tax(_add(settlement, "ram:ApplicableTradeTax"), document)
    terms = _add(settlement, "ram:SpecifiedTradePaymentTerms")
    _put(terms, "ram:Description", words.terms(document))
    if document.due_on and document.paid_minor < document.gross_minor:
        _date(terms, "ram:DueDateDateTime/udt:DateTimeString", document.due_on)
    _sums(_add(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation"), document)
    if document.refers_to is not None:
        number, issued_on = document.refers_to
        referred = _add(settlement, "ram:InvoiceReferencedDocument")
        _put(referred, "ram:IssuerAssignedID", number)
        _date(referred, "ram:FormattedIssueDateTime/qdt:DateTimeString", issued_on)


def _tax(element: ET.Element, document: Document) -> None:
    tax = document.tax
    _put(element, "ram:CalculatedAmount", _amount(document.tax_minor, document.currency))
    _put(element, "ram:TypeCode", "VAT")
    _maybe(element, "ram:ExemptionReason", reason(tax))
    _put(element, "ram:BasisAmount", _amount(document.net_minor, document.currency))
    _put(element, "ram:CategoryCode", tax.category)
    if tax.rate_bp == 0 and tax.category != "Z":
        _maybe(element, "ram:ExemptionReasonCode", tax.reason_code or "")
    _rate(element, tax)


def reason(tax: Tax) -> str:
    """Return why no tax is due, with the words that the law wants; nothing where some is."""
    if tax.category in {"S", "Z"}:
        return ""
    told = plain(tax.reason or tax.reason_code or "")
    if tax.category == "AE" and "reverse charge" not in told.casefold():
        return f"Reverse charge. {told}".rstrip()
    return told


def _rate(element: ET.Element, tax: Tax) -> None:
    if tax.category != "O":
        _put(element, "ram:RateApplicablePercent", words.percent(tax.rate_bp))


def _sums(sums: ET.Element, document: Document) -> None:
    currency, national = document.currency, document.tax_in_national
    net, tax = _amount(document.net_minor, currency), _amount(document.tax_minor, currency)
    _put(sums, "ram:LineTotalAmount", net)
    _put(sums, "ram:TaxBasisTotalAmount", net)
    _put(sums, "ram:TaxTotalAmount", tax, currencyID=currency)
    if national is not None:
        told = _amount(national.tax_minor, national.currency)
        _put(sums, "ram:TaxTotalAmount", told, currencyID=national.currency)
    _put(sums, "ram:GrandTotalAmount", _amount(document.gross_minor, currency))
    _put(sums, "ram:TotalPrepaidAmount", _amount(document.paid_minor, currency))
    due = document.gross_minor - document.paid_minor
    _put(sums, "ram:DuePayableAmount", _amount(due, currency))


def _amount(amount_minor: int, currency: str) -> str:
    """Return an amount with two decimals at most, which `obstacle` has seen to."""
    told = currencies.major(amount_minor, currency)
    return told[:-1] if currencies.exponent(currency) > _DECIMALS else told


def _fits(amount_minor: int, currency: str) -> bool:
    finer = max(currencies.exponent(currency) - _DECIMALS, 0)
    return not amount_minor % 10**finer


def _is_vat_id(tax_id: str | None) -> bool:
    return (_compact(tax_id) or "")[:2] in _VAT_PREFIXES


def _compact(tax_id: str | None) -> str | None:
    told = "".join(plain(tax_id or "").split()).upper()
    return told or None


def _date(parent: ET.Element, path: str, iso: str) -> None:
    _put(parent, path, iso.replace("-", ""), format="102")


def _maybe(parent: ET.Element, path: str, text: str) -> None:
    told = plain(text)
    if told:
        _put(parent, path, told)


def _put(parent: ET.Element, path: str, text: str, **attributes: str) -> None:
    element = _add(parent, path)
    element.text = text
    element.attrib.update(attributes)


def _add(parent: ET.Element, path: str) -> ET.Element:
    for tag in path.split("/"):
        parent = ET.SubElement(parent, tag)
    return parent
