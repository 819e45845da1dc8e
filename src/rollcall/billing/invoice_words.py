# SPDX-License-Identifier: Apache-2.0
"""Invoices in words, for people: pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from rollcall.billing.invoice_lines import InvoiceLine
from rollcall.billing.invoices import Invoice

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
        words.append(f"provider's price + {trimmed(Decimal(key.markup) * 100)} %")
    if key.estimated:
        words.append("estimated")
    if key.late:
        words.append(f"late, used in {key.service_period.removeprefix('per_')}")
    if key.note:
        words.append(key.note)
    return ", ".join(words)


def trimmed(amount: Decimal) -> str:
    """With all its digits and no more zeros than that, in groups of three: `1,234.5`."""
    text = format(amount, ",f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def grouped(amount: Decimal, digits: int) -> str:
    """With `digits` behind the point, in groups of three: `1,234.50`."""
    return format(amount, f",.{digits}f")
