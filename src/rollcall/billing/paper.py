# SPDX-License-Identifier: Apache-2.0
"""How an invoice is written on paper. It stands on parts that take a while to import."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date
from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

from rollcall.billing.amounts import amount_text
from rollcall.billing.books_reads import Amounts, Shown
from rollcall.billing.credit_notes import CreditNote
from rollcall.billing.currencies import exponent
from rollcall.billing.invoice_words import description_of, grouped, title_of, trimmed
from rollcall.billing.invoices import Invoice, InvoiceStatus
from rollcall.billing.issuers import Issuer
from rollcall.billing.paper_fonts import TEXT, fit, load

LOCALE: Final = "en"

_GREY: Final = 110
_RIGHT: Final = 190.0
"""The right edge of what is written, in millimetres: A4 has 210, and the margins 20."""
_WIDTHS: Final = (10, 82, 28, 26, 24)
_DOWN: Final[dict[str, Any]] = {"new_x": "LMARGIN", "new_y": "NEXT"}
"""Go on at the beginning of the next line."""


def written(shown: Shown, notes: Sequence[CreditNote]) -> bytes:
    """An invoice with its credit notes as a PDF; a letter that no font has is a question mark.

    Args:
        shown: The invoice.
        notes: Its credit notes.
    """
    return _Paper(shown.invoice, shown.amounts, notes).bytes()


class _Paper:
    """One invoice that is being written."""

    def __init__(self, invoice: Invoice, amounts: Amounts, notes: Sequence[CreditNote]) -> None:
        self._invoice = invoice
        self._amounts = amounts
        self._notes = notes
        self._issuer = _issuer_text(invoice.terms.issuer)
        self._pdf = _blank(title_of(invoice))
        said = [self._issuer, invoice.business_name, invoice.agent_id]
        used = {ord(one) for text in said for one in text}
        used |= {ord(one) for line in invoice.lines for one in description_of(line)}
        self._letters = fit(self._pdf, used)

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
        pdf.set_font(TEXT, "B", 20)
        pdf.cell(0, 10, self._clean(title_of(invoice)), **_DOWN)
        if invoice.status in (InvoiceStatus.VOID, InvoiceStatus.PAID):
            pdf.set_font(TEXT, "B", 11)
            pdf.cell(0, 6, invoice.status.value.upper(), **_DOWN)
        pdf.ln(3)
        pdf.set_font(TEXT, "B", 11)
        # As many lines as a long name takes.
        pdf.multi_cell(0, 6, self._clean(invoice.business_name), 0, "L", **_DOWN)
        pdf.ln(2)
        pdf.set_font(TEXT, "", 9)
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
        pdf = self._pdf
        pdf.set_font(TEXT, "", 9)
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
                        trimmed(line.quantity),
                        self._price(line.key.unit_price),
                        self._money(line.amount),
                    )
                )

    def _sums(self) -> None:
        pdf, invoice, amounts = self._pdf, self._invoice, self._amounts
        rows = [
            ("Subtotal", invoice.subtotal, ""),
            (f"Tax {trimmed(invoice.terms.tax_rate * 100)} %", invoice.tax_amount, ""),
            ("Total", invoice.total_amount, "B"),
        ]
        rows += [(f"Credit note {note.number}", -note.total_amount, "") for note in self._notes]
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
            pdf.set_font(TEXT, style, 10)
            pdf.set_x(_RIGHT - 90)
            pdf.cell(50, 6, name, align="R")
            text = f"{self._money(amount)} {invoice.currency}"
            pdf.cell(40, 6, text, align="R", **_DOWN)

    def _money(self, amount: Decimal) -> str:
        return grouped(amount, exponent(self._invoice.currency))

    def _price(self, price: str) -> str:
        """The price of one unit, with all its digits."""
        if not price:
            return ""
        digits = len(amount_text(Decimal(price), self._invoice.currency).partition(".")[2])
        return grouped(Decimal(price), digits)

    def _clean(self, text: str) -> str:
        """`text` without what cannot be written: controls, and letters that no font has."""
        return "".join(
            one if one == "\n" or ord(one) in self._letters else "?"
            for one in text
            if one == "\n" or one.isprintable()
        )


def _blank(title: str) -> FPDF:
    """A document with its fonts, a header on each page but the first, and a footer on each."""

    class Document(FPDF):
        def header(self) -> None:
            if self.page_no() > 1:
                self.set_font(TEXT, "", 9)
                self.set_text_color(_GREY)
                self.cell(0, 6, title, align="L", **_DOWN)
                self.set_text_color(0)
                self.ln(2)

        def footer(self) -> None:
            self.set_y(-14)
            self.set_font(TEXT, "", 8)
            self.set_text_color(_GREY)
            self.cell(0, 6, f"Page {self.page_no()} of {{nb}}", align="R")
            self.set_text_color(0)

    # What is missing in a subset of a font is no news.
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    pdf = Document(unit="mm", format="A4")
    pdf.set_margin(20)
    pdf.set_auto_page_break(True, 20)
    load(pdf)
    pdf.set_font(TEXT, "", 10)
    return pdf


def _issuer_text(issuer: Issuer) -> str:
    tax_id = f"Tax ID: {issuer.tax_id}" if issuer.tax_id else ""
    return "\n".join(filter(None, (issuer.name, tax_id)))


def _date(day: Any) -> str:
    return format_date(day, format="long", locale=LOCALE)


def _day(invoice: Invoice, field: str) -> str:
    moment = getattr(invoice, field)
    return _date(moment.astimezone(ZoneInfo(invoice.terms.time_zone)).date())
