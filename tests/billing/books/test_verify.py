from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Table, delete, select

from rollcall.billing.books_errors import InvoiceNotFound
from rollcall.billing.books_tables import (
    CREDIT_NOTES,
    ENTRIES,
    INVOICES,
    LINES,
    NUMBERS,
    PAYMENTS,
    TRANSACTIONS,
)
from rollcall.billing.invoices import Invoice, InvoiceStatus
from rollcall.billing.tables import CARD_VERSIONS, USAGE
from rollcall.billing.verify import Report
from support.books import HERE, Shop


@pytest.fixture
async def invoice(small: Shop) -> Invoice:
    for _ in range(5):
        await small.use()
    await small.use(tokens_used=300, input_tokens=None, output_tokens=None)
    invoice = await small.sent()
    payment = await small.pay(invoice, "20.00")
    await small.books.paying.refund(HERE, payment.id, Decimal("3.00"), None)
    await small.books.settling.credit(HERE, invoice.id, "why", amount=Decimal("2.00"))
    return invoice


async def report(shop: Shop, invoice: Invoice) -> Report:
    return await shop.books.verifying.verify(HERE, invoice.id)


async def test_an_invoice_that_nobody_touched_verifies(small: Shop, invoice: Invoice) -> None:
    found = await report(small, invoice)
    assert found.verified, found.differences
    assert (found.usages, found.differences) == (6, ())
    assert all(one.ok and one.compared for one in found.checks)


async def test_a_draft_that_is_up_to_date_verifies_and_one_that_is_not_says_so(
    small: Shop,
) -> None:
    await small.use()
    draft = await small.draft()
    assert (await report(small, draft)).verified
    await small.use()
    found = await report(small, draft)
    assert {one.check for one in found.differences} == {"lines"}


async def test_an_invoice_that_is_not_there_is_named(small: Shop) -> None:
    with pytest.raises(InvoiceNotFound):
        await small.books.verifying.verify(HERE, "inv_none")


async def test_usage_by_the_providers_price_verifies(empty: Shop) -> None:
    await empty.use(input_tokens=10_000_000)
    invoice = await empty.sent()
    assert invoice.lines[0].key.markup == "0"
    assert invoice.total_amount
    found = await report(empty, invoice)
    assert found.verified, found.differences


async def first(shop: Shop, table: Table) -> tuple[Any, list[Any]]:
    """The first row of a table, and the conditions that only it meets."""
    wanted = select(table).order_by(*table.primary_key)
    if table is USAGE:
        wanted = wanted.where(USAGE.c.input_tokens == 1000)
    if table is NUMBERS:
        wanted = wanted.where(NUMBERS.c.series == "INV")
    async with shop.database.reading() as connection:
        row = (await connection.execute(wanted.limit(1))).one()
    return row, [column == row._mapping[column] for column in table.primary_key]


TAMPERINGS: list[tuple[Table, str, Callable[[Any], Any], str]] = [
    (USAGE, "raw", lambda old: old.replace("1000", "1001"), "usages"),
    (USAGE, "raw", lambda _: "{", "usages"),
    (USAGE, "content_hash", lambda _: "0" * 32, "usages"),
    (USAGE, "amount", lambda old: str(Decimal(old) + Decimal("0.000000000001")), "usages"),
    (USAGE, "input_tokens", lambda old: old + 1, "usages"),
    (USAGE, "lines", lambda old: old.replace("0.0021", "0.0020"), "usages"),
    (
        USAGE,
        "lines",
        lambda old: old.replace('"quantity":"1000"', '"quantity":"999"'),
        "usages",
    ),
    (USAGE, "lines", lambda _: "nothing", "usages"),
    (USAGE, "currency", lambda _: "EUR", "usages"),
    (USAGE, "invoice_id", lambda _: None, "lines"),
    (CARD_VERSIONS, "items", lambda old: old.replace("0.0063", "0.0064"), "usages"),
    (LINES, "amount", lambda old: str(Decimal(old) + Decimal("0.01")), "lines"),
    (LINES, "quantity", lambda old: str(Decimal(old) - 1), "lines"),
    (LINES, "usages", lambda old: old + 1, "lines"),
    (LINES, "key", lambda old: old.replace('"late":false', '"late":true'), "lines"),
    (INVOICES, "tax_amount", lambda old: str(Decimal(old) + Decimal("0.01")), "totals"),
    (INVOICES, "tax_rate", lambda _: "0.09", "totals"),
    (INVOICES, "due_date", lambda _: "2027-01-01", "totals"),
    (INVOICES, "number", lambda _: "INV-000007", "number"),
    (INVOICES, "number", lambda _: "mine", "number"),
    (CREDIT_NOTES, "number", lambda _: "CN-000007", "number"),
    (CREDIT_NOTES, "subtotal", lambda old: str(Decimal(old) + Decimal("0.01")), "ledger"),
    (NUMBERS, "last", lambda old: old + 1, "number"),
    (ENTRIES, "amount", lambda old: old + 1, "ledger"),
    (ENTRIES, "account", lambda _: "refunds_payable", "ledger"),
    (PAYMENTS, "amount", lambda _: "21.00", "ledger"),
    (PAYMENTS, "status", lambda _: "failed", "ledger"),
    (TRANSACTIONS, "reference", lambda _: "pay_other", "ledger"),
]
"""What somebody may do to a column, and the check that finds it."""


async def test_what_somebody_changed_behind_our_back_is_found(
    small: Shop, invoice: Invoice, subtests: pytest.Subtests
) -> None:
    for place, (table, column, change, check) in enumerate(TAMPERINGS):
        row, where = await first(small, table)
        old = row._mapping[column]
        new = change(old)
        with subtests.test(place=place, table=table.name, column=column):
            assert new != old
            await small.tamper(table, {column: new}, *where)
            found = await report(small, invoice)
            await small.tamper(table, {column: old}, *where)
            assert not found.verified
            assert check in {one.check for one in found.differences}
            assert found.differences_count >= len(found.differences) > 0
    assert (await report(small, invoice)).verified


@pytest.mark.parametrize("table", [USAGE, LINES, ENTRIES, PAYMENTS, CREDIT_NOTES, TRANSACTIONS])
async def test_what_somebody_deleted_is_missed(small: Shop, invoice: Invoice, table: Table) -> None:
    _, where = await first(small, table)
    async with small.database.begin() as work:
        await work.connection.execute(delete(table).where(*where))
    assert not (await report(small, invoice)).verified


async def test_who_pays_while_an_invoice_is_worked_out_again_is_no_fault(shop: Shop) -> None:
    for _ in range(20):
        await shop.use()
    invoice = await shop.sent()
    found = await asyncio.gather(
        *(report(shop, invoice) for _ in range(3)),
        *(shop.pay(invoice, "0.01") for _ in range(12)),
    )
    assert all(one.verified for one in found[:3] if isinstance(one, Report))
    assert (await report(shop, invoice)).verified


async def test_a_clock_that_is_set_back_between_two_acts_is_no_fault(small: Shop) -> None:
    await small.use()
    invoice = await small.sent()
    payment = await small.pay(invoice, "20.00")
    # Or another process wrote it, whose clock is behind.
    small.clock.jump(-5)
    await small.books.paying.refund(HERE, payment.id, Decimal("15.00"), None)
    found = await report(small, invoice)
    assert found.verified, found.differences


async def test_a_draft_that_was_voided_charges_nothing_and_verifies(small: Shop) -> None:
    await small.use()
    draft = await small.draft()
    await small.books.settling.move(HERE, draft.id, InvoiceStatus.VOID)
    found = await report(small, draft)
    assert found.verified, found.differences
    assert found.usages == 0
