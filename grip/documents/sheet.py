"""A PDF/A-3B file under construction: faces, measures, marks on pages, and bytes that never vary.

Owns all that is particular to fpdf2. Nothing in the file depends on the time, the machine, the
locale or the build of zlib: the creation date and the id are given, and the streams of documents
are not compressed, since the libraries that compress do not agree on bytes. Refuses to set text
that its faces cannot show: `Sheet.shown` puts a replacement character there.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fpdf import FPDF
from fpdf.enums import Align, AssociatedFileRelationship, DocumentCompliance
from fpdf.output import OutputProducer
from fpdf.syntax import Name, PDFContentStream

from grip.documents import faces
from grip.documents.texts import JOINERS, plain

WIDTH_MM = 210.0
HEIGHT_MM = 297.0
_DEFLATED = Name("FlateDecode")
_CID_MAP_BYTES = 2 * 256 * 256
_UNSEEN = (0x200B,)


class Sheet(FPDF):
    """One file. `texts` are all that will be set on it; what is becomes its id."""

    def __init__(self, texts: Iterable[str], *, made_on: datetime) -> None:
        super().__init__(unit="mm", format="A4", enforce_compliance=DocumentCompliance.PDFA_3B)
        self.set_auto_page_break(auto=False)
        self.set_margins(0, 0)
        self.c_margin = 0
        self.str_alias_nb_pages = ""  # a name may hold the placeholder
        self.creation_date = made_on
        self._told = hashlib.sha256()
        self._load(sorted(faces.wanted(map(plain, texts))))

    def shown(self, text: str) -> str:
        """Return a text as it can be set: plain, and with a replacement for what no face has."""
        told = plain(text)
        if told.isascii():
            return told
        return "".join(
            char if self._has(char) or char in JOINERS else faces.REPLACEMENT for char in told
        )

    def measure(self, text: str, size_pt: float, *, bold: bool = False) -> float:
        """Return the width of a shown text, in mm."""
        if text.isascii():
            widths: Any = self.fonts[faces.TEXT + ("B" if bold else "")].cw
            return sum(float(widths[ord(char)]) for char in text) * size_pt / 1000 / self.k
        self._prepare(text, size_pt, bold=bold)
        return float(self.get_string_width(text))

    def write_at(
        self, x_mm: float, y_mm: float, text: str, size_pt: float, *, bold: bool = False
    ) -> None:
        """Set a shown text with its left end at x and the middle of its line at y."""
        self._told.update(f"{x_mm:.2f} {y_mm:.2f} {size_pt:.2f} {text}\n".encode())
        self._prepare(text, size_pt, bold=bold)
        self.set_xy(x_mm, y_mm - size_pt * 0.25)
        with self._copied_as(text):
            self.cell(self.w - x_mm, size_pt * 0.5, text, align=Align.L)

    def file_id(self) -> str:
        """Return the id of the file, from what it says."""
        told = self._told.hexdigest()[:32].upper()
        return f"<{told}><{told}>"

    def get_fallback_font(self, char: str, style: str = "") -> str | None:
        """Return the loaded face that has a character; bold or not, it is regular."""
        del style
        has = (key for key in self._fallback_font_ids if ord(char) in self._cmap(key))
        return next(has, None)

    def finish(self, *, compress: bool) -> bytes:
        """Return the bytes of the file; compressed ones hold for one build of zlib alone."""
        for font in self.fonts.values():
            _tell_all_glyphs(font)
        self.set_compression(compress)
        producer = OutputProducer if compress else _Plain
        return bytes(self.output(output_producer_class=producer) or b"")

    def attach(self, name: str, contents: bytes, description: str) -> None:
        """Embed the XML that says the same as the pages."""
        self._told.update(contents)
        self.embed_file(
            bytes=contents,
            basename=name,
            desc=description,
            mime_type="text/xml",
            modification_date=self.creation_date,
            associated_file_relationship=AssociatedFileRelationship.ALTERNATIVE.value,
        )

    @contextmanager
    def _copied_as(self, text: str) -> Iterator[None]:
        """Have readers copy and find what is shaped as it was written, not as it is drawn."""
        if not faces.is_shaped(text):
            yield
            return
        self._out(f"/Span <</ActualText <FEFF{text.encode('utf-16-be').hex().upper()}>>> BDC")
        yield
        self._out("EMC")

    def _load(self, chars: list[str]) -> None:
        for style, file in faces.TEXT_FILES.items():
            self.add_font(faces.TEXT, style, faces.FONTS / file)
        missing = [char for char in chars if ord(char) not in self._cmap(faces.TEXT)]
        files = dict.fromkeys(file for char in missing for file in faces.candidates(char))
        for place, file in enumerate(files):
            if missing:
                missing = self._add(f"face{place}", file, missing)

    def _add(self, key: str, file: str, missing: list[str]) -> list[str]:
        """Load a face for the characters that it may have; return those that it has not."""
        asked = [ord(char) for char in missing if file in faces.candidates(char)]
        if not asked:
            return missing
        self.add_font(
            key, "", faces.FONTS / file, unicode_range=[ord(" "), *map(ord, JOINERS), *asked]
        )
        self._fallback_font_ids.append(key)
        return [char for char in missing if ord(char) not in self._cmap(key)]

    def _has(self, char: str) -> bool:
        return any(ord(char) in self._cmap(key) for key in (faces.TEXT, *self._fallback_font_ids))

    def _cmap(self, key: str) -> dict[int, Any]:
        return self.fonts[key].cmap  # type: ignore[union-attr]

    def _prepare(self, text: str, size_pt: float, *, bold: bool) -> None:
        self.set_font(faces.TEXT, "B" if bold else "", size_pt)
        self.set_text_shaping(faces.is_shaped(text))
        # A line that begins with another face leaves fpdf2 wrong about which one the page is in.
        self.current_font_is_set_on_page = False


class _Plain(OutputProducer):
    """Undoes the compression of each stream, and cuts the empty end of the maps to glyphs."""

    def _add_pdf_obj(self, pdf_obj: Any, trace_label: str | None = None) -> int:
        if isinstance(pdf_obj, PDFContentStream) and pdf_obj.filter == _DEFLATED:
            contents = zlib.decompress(pdf_obj._contents)  # noqa: SLF001
            if len(contents) == _CID_MAP_BYTES:
                contents = contents.rstrip(b"\0")
                contents += b"\0" * (len(contents) % 2)
            pdf_obj._contents = contents  # noqa: SLF001
            pdf_obj.filter, pdf_obj.length = None, len(contents)
        return int(super()._add_pdf_obj(pdf_obj, trace_label))


def _tell_all_glyphs(font: Any) -> None:
    """Name the glyphs that have no character of their own, lest they are copied as rubbish.

    Where several glyphs draw one cluster, fpdf2 gives its characters to the first.
    """
    told = font.subset._char_id_per_glyph  # noqa: SLF001
    font.subset._char_id_per_glyph = {  # noqa: SLF001
        glyph if glyph is None or glyph.unicode else replace(glyph, unicode=_UNSEEN): code
        for glyph, code in told.items()
    }


def midnight(iso: str) -> datetime:
    """Return the beginning of an ISO date, in UTC."""
    return datetime.fromisoformat(iso).replace(tzinfo=UTC)
