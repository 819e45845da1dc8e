# SPDX-License-Identifier: Apache-2.0
"""Invoices on paper (PDF), the same bytes for the same invoice.

Letters: Latin, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Thai and Georgian by the font FiraGO;
Chinese, Japanese and Korean where the extra `cjk` is installed. A letter that no font has is shown
as a question mark.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rollcall.billing.books_reads import Amounts, Shown
from rollcall.billing.credit_notes import CreditNote
from rollcall.billing.currencies import exponent
from rollcall.billing.invoice_lines import InvoiceLine
from rollcall.billing.invoices import Invoice, InvoiceStatus
from rollcall.kernel.errors import MissingExtra

if TYPE_CHECKING:
    from fpdf import FPDF

LOCALE: Final = "en"
MEDIA_TYPE: Final = "application/pdf"

_TEXT: Final = "text"
_CJK: Final = "cjk"
_GREY: Final = 110
_RIGHT: Final = 190.0
"""The right edge of what is written, in millimetres: A4 has 210, and the margins 20."""
_WIDTHS: Final = (10, 82, 28, 26, 24)
_DOWN: Final[dict[str, Any]] = {"new_x": "LMARGIN", "new_y": "NEXT"}
"""Go on at the beginning of the next line."""
_SHAPED: Final = range(0x0590, 0x1100)
"""Where the scripts are whose letters change with their neighbours, or that run to the left."""
_UNITS: Final = {
    "input_token": "Input tokens",
    "output_token": "Output tokens",
    "cached_token": "Cached tokens",
    "token": "Tokens",
    "request": "Requests",
    "conversation": "Conversations",
    "minute": "Minutes",
    "flat": "Flat price",
}


class Papers:
    """Writes invoices as PDF, in a thread of its own.

    Args:
        issuer: Who sends them, one line or several; empty: nobody is named.
    """

    def __init__(self, issuer: str = "") -> None:
        self._issuer = issuer

    async def invoice(self, shown: Shown, notes: Sequence[CreditNote]) -> bytes:
        """An invoice with its credit notes as a PDF.

        Raises:
            MissingExtra: What writes PDF is not installed.
        """
        return await asyncio.to_thread(written, shown, notes, self._issuer)


def written(shown: Shown, notes: Sequence[CreditNote], issuer: str = "") -> bytes:
    """An invoice with its credit notes as a PDF; it takes a while."""
    for part in ("fpdf", "babel", "pymupdf_fonts"):
        if find_spec(part) is None:
            raise MissingExtra("invoices as PDF", "server")
    return _Paper(shown.invoice, shown.amounts, notes, issuer).bytes()


def title_of(invoice: Invoice) -> str:
    """What stands above an invoice."""
    return f"Invoice {invoice.number}" if invoice.number else "Draft of an invoice"


def description_of(line: InvoiceLine) -> str:
    """What a line is for, in words."""
    key = line.key
    words = [_UNITS.get(key.unit, key.unit)]
    if key.model not in ("", "*"):
        words.append(key.model)
    if key.tier >= 0:
        words.append(f"tier {key.tier + 1}")
    if key.markup:
        words.append(f"provider's price + {_trimmed(Decimal(key.markup) * 100)} %")
    if key.estimated:
        words.append("estimated")
    if key.late:
        words.append(f"late, used in {key.service_period.removeprefix('per_')}")
    if key.note:
        words.append(key.note)
    return ", ".join(words)


class _Paper:
    """One invoice that is being written."""

    def __init__(
        self, invoice: Invoice, amounts: Amounts, notes: Sequence[CreditNote], issuer: str
    ) -> None:
        self._invoice = invoice
        self._amounts = amounts
        self._notes = notes
        self._issuer = issuer
        self._pdf = _blank(title_of(invoice))
        said = [issuer, invoice.business_name, invoice.agent_id]
        used = {ord(one) for text in said for one in text}
        used |= {ord(one) for line in invoice.lines for one in description_of(line)}
        self._letters = _fit(self._pdf, used)

    def bytes(self) -> bytes:
        pdf, invoice = self._pdf, self._invoice
        pdf.set_title(self._clean(f"{title_of(invoice)}, {invoice.business_name}"))
        pdf.set_creation_date(invoice.finalised_date or invoice.generated_date)
        pdf.add_page()
        self._head()
        self._table()
        self._sums()
        return bytes(pdf.output())

    def _head(self) -> None:
        pdf, invoice = self._pdf, self._invoice
        if self._issuer:
            pdf.set_text_color(_GREY)
            pdf.multi_cell(0, 5, self._clean(self._issuer), 0, "L", **_DOWN)
            pdf.ln(3)
        pdf.set_text_color(0)
        pdf.set_font(_TEXT, "B", 20)
        pdf.cell(0, 10, self._clean(title_of(invoice)), **_DOWN)
        if invoice.status in (InvoiceStatus.VOID, InvoiceStatus.PAID):
            pdf.set_font(_TEXT, "B", 11)
            pdf.cell(0, 6, invoice.status.value.upper(), **_DOWN)
        pdf.ln(3)
        pdf.set_font(_TEXT, "B", 11)
        # As many lines as a long name takes.
        pdf.multi_cell(0, 6, self._clean(invoice.business_name), 0, "L", **_DOWN)
        pdf.ln(2)
        pdf.set_font(_TEXT, "", 9)
        for name, value in self._facts():
            pdf.set_text_color(_GREY)
            pdf.cell(38, 5, name)
            pdf.set_text_color(0)
            pdf.multi_cell(0, 5, self._clean(value), 0, "L", **_DOWN)
        pdf.ln(5)

    def _facts(self) -> list[tuple[str, str]]:
        invoice = self._invoice
        facts = [
            ("Agent", invoice.agent_id),
            ("Billing period", invoice.billing_period_id.removeprefix("per_")),
            ("Currency", invoice.currency),
        ]
        if invoice.finalised_date is not None:
            facts.append(("Date", _day(invoice, "finalised_date")))
        if invoice.due_date is not None:
            facts.append(("Due date", _date(invoice.due_date)))
        if invoice.paid_date is not None:
            facts.append(("Paid", _day(invoice, "paid_date")))
        if invoice.voided_date is not None:
            facts.append(("Voided", _day(invoice, "voided_date")))
        return facts

    def _table(self) -> None:
        from fpdf.enums import TableBordersLayout
        from fpdf.fonts import FontFace

        pdf = self._pdf
        pdf.set_font(_TEXT, "", 9)
        pdf.set_draw_color(210)
        with pdf.table(
            width=sum(_WIDTHS),
            col_widths=_WIDTHS,
            text_align=("RIGHT", "LEFT", "RIGHT", "RIGHT", "RIGHT"),
            line_height=5,
            padding=(1.2, 1.2, 1.2, 1.2),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(emphasis="BOLD", fill_color=(240, 240, 240)),
            repeat_headings=1,
        ) as table:
            # The heading comes again on each page.
            table.row(("#", "Description", "Quantity", "Unit price", "Amount"))
            for line in self._invoice.lines:
                table.row(
                    (
                        str(line.number),
                        self._clean(description_of(line)),
                        _trimmed(line.quantity),
                        _trimmed(Decimal(line.key.unit_price)) if line.key.unit_price else "",
                        self._money(line.amount),
                    )
                )

    def _sums(self) -> None:
        pdf, invoice, amounts = self._pdf, self._invoice, self._amounts
        rows = [
            ("Subtotal", invoice.subtotal, ""),
            (f"Tax {_trimmed(invoice.terms.tax_rate * 100)} %", invoice.tax_amount, ""),
            ("Total", invoice.total_amount, "B"),
        ]
        for note in self._notes:
            rows.append((f"Credit note {note.number}", -note.total_amount, ""))
        if invoice.finalised_date is not None:
            rows.append(("Paid", -amounts.paid, ""))
            rows.append(("Amount due", amounts.due, "B"))
        if amounts.credit:
            rows.append(("Credit of the customer", amounts.credit, ""))
        # The sums stay together: half of them on another page would mislead.
        if pdf.will_page_break(6.0 * len(rows) + 4):
            pdf.add_page()
        pdf.ln(4)
        for name, amount, style in rows:
            pdf.set_font(_TEXT, style, 10)
            pdf.set_x(_RIGHT - 90)
            pdf.cell(50, 6, name, align="R")
            text = f"{self._money(amount)} {invoice.currency}"
            pdf.cell(40, 6, text, align="R", **_DOWN)

    def _money(self, amount: Decimal) -> str:
        return _grouped(amount, exponent(self._invoice.currency))

    def _clean(self, text: str) -> str:
        """`text` without what cannot be written: controls, and letters that no font has."""
        return "".join(
            one if one == "\n" or ord(one) in self._letters else "?"
            for one in text
            if one == "\n" or one.isprintable()
        )


def _blank(title: str) -> FPDF:
    """A document with its fonts, a header on each page but the first, and a footer on each."""
    from fpdf import FPDF

    class Document(FPDF):
        def header(self) -> None:
            if self.page_no() > 1:
                self.set_font(_TEXT, "", 9)
                self.set_text_color(_GREY)
                self.cell(0, 6, title, align="L", **_DOWN)
                self.set_text_color(0)
                self.ln(2)

        def footer(self) -> None:
            self.set_y(-14)
            self.set_font(_TEXT, "", 8)
            self.set_text_color(_GREY)
            self.cell(0, 6, f"Page {self.page_no()} of {{nb}}", align="R")
            self.set_text_color(0)

    # What is missing in a subset of a font is no news.
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    pdf = Document(unit="mm", format="A4")
    pdf.set_margin(20)
    pdf.set_auto_page_break(True, 20)
    regular, bold = _files()
    pdf.add_font(_TEXT, "", regular)
    pdf.add_font(_TEXT, "B", bold)
    pdf.set_font(_TEXT, "", 10)
    return pdf


def _fit(pdf: FPDF, used: set[int]) -> set[int]:
    """Have a document write the letters that are used, as far as that can be; those that can be
    written.
    """
    letters = set(_cmap(pdf, _TEXT))
    path = _cjk()
    # It takes a while to read.
    if path is not None and not used <= letters:
        for style in ("", "B"):
            pdf.add_font(_CJK, style, path)
        pdf.set_fallback_fonts([_CJK], exact_match=False)
        letters |= _cmap(pdf, _CJK)
    if find_spec("uharfbuzz") is not None and any(one in _SHAPED for one in used):
        pdf.set_text_shaping(True)
    return letters


@cache
def _files() -> tuple[Path, Path]:
    """The fonts as files, which is how they can be read; they come packed in Python."""
    import pymupdf_fonts  # pyright: ignore[reportMissingTypeStubs]

    folder = Path(tempfile.mkdtemp(prefix="rollcall-fonts-"))
    found: list[Path] = []
    for name in ("figo", "figbo"):
        path = folder / f"{name}.ttf"
        content: Any = pymupdf_fonts.myfont(name)
        path.write_bytes(content)
        found.append(path)
    return found[0], found[1]


@cache
def _cjk() -> Path | None:
    spec = find_spec("noto_cjk_sans_otc")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "NotoSansCJK-Regular.ttc"


def _cmap(pdf: FPDF, family: str) -> set[int]:
    fonts: Any = pdf.fonts
    return set(fonts[family].cmap)


def _grouped(amount: Decimal, digits: int) -> str:
    from babel.numbers import format_decimal

    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return format_decimal(amount, format=pattern, locale=LOCALE)


def _trimmed(amount: Decimal) -> str:
    """With all its digits, and no more zeros than that."""
    from babel.numbers import format_decimal

    return format_decimal(amount, format="#,##0.############", locale=LOCALE)


def _date(day: Any) -> str:
    from babel.dates import format_date

    return format_date(day, format="long", locale=LOCALE)


def _day(invoice: Invoice, field: str) -> str:
    from zoneinfo import ZoneInfo

    moment = getattr(invoice, field)
    return _date(moment.astimezone(ZoneInfo(invoice.terms.time_zone)).date())
