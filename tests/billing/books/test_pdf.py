from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from rollcall.billing.books_reads import Shown
from rollcall.billing.paper import written
from support.books import HERE, Shop


@pytest.fixture
async def shown(small: Shop) -> Shown:
    await small.use()
    return await small.shown(await small.sent())


def pages(pdf: bytes) -> int:
    return pdf.count(b"/Type /Page\n")


async def test_the_same_invoice_is_the_same_bytes(small: Shop, shown: Shown) -> None:
    first = await small.books.papers.invoice(shown, [])
    assert first.startswith(b"%PDF-")
    assert await small.books.papers.invoice(shown, []) == first
    note, _ = await small.books.settling.credit(
        HERE, shown.invoice.id, "slow", amount=Decimal("1.00")
    )
    assert await small.books.papers.invoice(shown, [note]) != first


@pytest.mark.parametrize(
    "name",
    [
        "株式会社ロールコール",
        "Ελλάς Кириллица עברית عربي हिन्दी ไทย",
        "no letter: 🎉\x00",
        "x" * 200,
    ],
)
def test_any_name_can_be_written(shown: Shown, name: str) -> None:
    invoice = replace(shown.invoice, business_name=name)
    assert pages(written(shown._replace(invoice=invoice), [])) == 1


def test_many_lines_go_over_pages(shown: Shown) -> None:
    line = shown.invoice.lines[0]
    lines = tuple(replace(line, number=number) for number in range(1, 201))
    invoice = replace(shown.invoice, lines=lines)
    assert pages(written(shown._replace(invoice=invoice), [])) == 7
