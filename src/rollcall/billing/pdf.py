# SPDX-License-Identifier: Apache-2.0
"""Invoices on paper (PDF), the same bytes for the same invoice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

from rollcall.billing.books_reads import Shown
from rollcall.billing.credit_notes import CreditNote
from rollcall.kernel.errors import MissingExtra

MEDIA_TYPE: Final = "application/pdf"


class Papers:
    """Writes invoices as PDF, in a thread of its own."""

    async def invoice(self, shown: Shown, notes: Sequence[CreditNote]) -> bytes:
        """An invoice with its credit notes as a PDF.

        Raises:
            MissingExtra: What writes PDF is not installed.
        """
        return await asyncio.to_thread(_written, shown, notes)


def _written(shown: Shown, notes: Sequence[CreditNote]) -> bytes:
    for part in ("fpdf", "babel", "pymupdf_fonts"):
        if find_spec(part) is None:
            raise MissingExtra("invoices as PDF", "server")
    from rollcall.billing import paper  # noqa: PLC0415 - it takes a while, and few ever need it

    return paper.written(shown, notes)
