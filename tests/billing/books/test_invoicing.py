from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from rollcall.billing.accounts import AccountChange
from rollcall.billing.books_errors import InvoiceNotFound
from rollcall.billing.books_repository import BooksWork
from rollcall.billing.errors import AgentNotTracked
from rollcall.billing.invoices import InvoiceStatus
from rollcall.billing.ledger_accounts import Account
from rollcall.billing.models import Item, Unit
from rollcall.kernel.errors import InvalidInput
from support.books import HERE, NOVEMBER, Shop

DECEMBER = datetime(2026, 12, 3, 9, tzinfo=UTC)


async def test_a_draft_adds_up_what_an_agent_used_in_a_period(shop: Shop) -> None:
    await shop.use()
    await shop.use()
    await shop.use("other")
    draft = await shop.draft()
    assert (draft.status, draft.number, draft.billing_period_id) == (
        InvoiceStatus.DRAFT,
        None,
        "per_2026-11",
    )
    assert [(one.key.unit, one.quantity, one.amount) for one in draft.lines] == [
        ("input_token", Decimal(2000), Decimal("4.20")),
        ("output_token", Decimal(1000), Decimal("6.30")),
        ("request", Decimal(2), Decimal("0.20")),
    ]
    assert (draft.subtotal, draft.tax_amount, draft.total_amount) == (
        Decimal("10.70"),
        Decimal("0.86"),
        Decimal("11.56"),
    )
    assert await shop.balances() == {}


async def test_making_drafts_again_brings_them_up_to_date_and_makes_no_second_one(
    shop: Shop,
) -> None:
    await shop.use()
    first = await shop.draft()
    assert await shop.draft() == first
    await shop.use()
    second = await shop.draft()
    assert second.id == first.id
    assert second.usages == 2
    found, _ = await shop.books.reads.invoices(HERE, limit=10)
    assert [one.invoice.id for one in found] == [first.id]


async def test_many_who_make_drafts_at_once_make_one(shop: Shop) -> None:
    await shop.use()
    made = await asyncio.gather(*(shop.draft() for _ in range(8)))
    assert len({one.id for one in made}) == 1


async def test_a_dry_run_writes_nothing(shop: Shop) -> None:
    await shop.use()
    (shown,) = await shop.books.invoicing.generate(HERE, dry_run=True)
    assert shown.total_amount
    with pytest.raises(InvoiceNotFound):
        await shop.books.reads.invoice(HERE, shown.id)


async def test_each_agent_and_period_has_its_invoice(shop: Shop) -> None:
    await shop.use("a")
    await shop.use("b", at=datetime(2026, 10, 31, tzinfo=UTC))
    await shop.use("b")
    made = await shop.books.invoicing.generate(HERE)
    assert [(one.agent_id, one.billing_period_id) for one in made] == [
        ("b", "per_2026-10"),
        ("a", "per_2026-11"),
        ("b", "per_2026-11"),
    ]
    (one,) = await shop.books.invoicing.generate(HERE, period_id="per_2026-10")
    assert one.agent_id == "b"


async def test_what_nobody_has_is_named(shop: Shop) -> None:
    with pytest.raises(InvalidInput, match="per_2026-11"):
        await shop.books.invoicing.generate(HERE, period_id="november")
    with pytest.raises(AgentNotTracked):
        await shop.books.invoicing.generate(HERE, agent_id="nobody")
    with pytest.raises(InvoiceNotFound):
        await shop.books.settling.move(HERE, "inv_none", InvoiceStatus.SENT)
    assert await shop.books.invoicing.generate(HERE) == []


async def test_finalising_gives_a_number_fixes_the_lines_and_writes_the_books(shop: Shop) -> None:
    used = await shop.use()
    invoice = await shop.sent()
    assert (invoice.number, invoice.status) == ("INV-000001", InvoiceStatus.SENT)
    assert invoice.due_date == date(2026, 11, 25)
    assert await shop.balances() == {
        Account.RECEIVABLE: invoice.total_amount,
        Account.REVENUE: -invoice.subtotal,
        Account.TAX_PAYABLE: -invoice.tax_amount,
    }
    (event,) = await shop.told("invoice.finalised")
    assert event.data["total_amount"] == str(invoice.total_amount)
    assert len(event.data["lines"]) == 3
    _, usages, _ = await shop.books.reads.line_usages(HERE, invoice.id, 1, limit=10)
    assert [one.usage_id for one in usages] == [used.id]
    assert (await shop.shown(invoice)).amounts.due == invoice.total_amount


async def test_a_price_that_changes_later_does_not_change_what_is_invoiced(shop: Shop) -> None:
    await shop.use()
    before = await shop.sent()
    await shop.accounts.change(HERE, AccountChange(tax_rate=Decimal("0.20")))
    after = (await shop.shown(before)).invoice
    assert after == before


async def test_it_goes_to_the_business_as_it_is_called_when_it_is_sent(shop: Shop) -> None:
    await shop.use()
    draft = await shop.draft()
    assert draft.business_name == "writer"
    await shop.accounts.change(HERE, AccountChange(business_name="Acme", tax_rate=Decimal(0)))
    final = await shop.books.settling.move(HERE, draft.id, InvoiceStatus.SENT)
    assert (final.business_name, final.tax_amount) == ("Acme", 0)


async def test_late_usage_is_on_the_next_invoice_marked_with_when_it_was(shop: Shop) -> None:
    await shop.use()
    await shop.move_to(DECEMBER)
    november = await shop.sent()
    served = datetime(2026, 11, 20, tzinfo=UTC)
    late = await shop.use(at=served)
    await shop.use()
    december = await shop.draft()
    assert (late.late, december.billing_period_id) == (True, "per_2026-12")
    lines = [one for one in december.lines if one.key.late]
    assert {one.key.service_period for one in lines} == {"per_2026-11"}
    assert {one.service_from for one in lines} == {served}
    assert sum(one.usages for one in december.lines if one.key.unit == "input_token") == 2
    assert (await shop.shown(november)).invoice == november


async def test_the_flat_price_of_a_month_is_charged_once_however_late_usage_is_told(
    empty: Shop,
) -> None:
    await empty.open(items=(Item(unit=Unit.FLAT, price=Decimal(5)),))
    await empty.use()
    assert (await empty.sent()).subtotal == Decimal("5.00")
    await empty.move_to(DECEMBER)
    await empty.use(at=NOVEMBER)
    december = await empty.draft()
    assert (december.usages, december.subtotal) == (1, 0)
    await empty.use()
    await empty.use(at=NOVEMBER)
    (line,) = (await empty.sent()).lines
    assert (line.amount, line.key.late) == (Decimal("5.00"), False)
    # Of a month in which nothing else was used it is charged, however late that is told.
    await empty.use(at=datetime(2026, 10, 5, tzinfo=UTC))
    (october,) = await empty.books.invoicing.generate(HERE)
    assert (october.billing_period_id, october.subtotal) == ("per_2026-10", Decimal("5.00"))
    found = await empty.books.verifying.verify(HERE, december.id)
    assert found.verified, found.differences


async def test_a_draft_that_is_voided_gives_its_usages_to_the_next_one(shop: Shop) -> None:
    await shop.use()
    first = await shop.draft()
    await shop.books.settling.move(HERE, first.id, InvoiceStatus.VOID)
    second = await shop.draft()
    assert second.id != first.id
    assert second.total_amount == first.total_amount
    assert (await shop.sent()).number == "INV-000001"


@pytest.mark.parametrize(
    ("currency", "price", "subtotal", "tax", "total"),
    [
        ("JPY", "1.5", "1500", "120", "1620"),
        ("KWD", "0.0015555", "1.556", "0.124", "1.680"),
        ("EUR", "0.0015555", "1.56", "0.12", "1.68"),
    ],
)
async def test_amounts_have_the_digits_of_their_currency(
    empty: Shop, currency: str, price: str, subtotal: str, tax: str, total: str
) -> None:
    item = Item(unit=Unit.INPUT_TOKEN, price=Decimal(price))
    await empty.open(items=(item,), currency=currency)
    await empty.use()
    invoice = await empty.sent()
    assert (str(invoice.subtotal), str(invoice.tax_amount), str(invoice.total_amount)) == (
        subtotal,
        tax,
        total,
    )
    await empty.pay(invoice, total)
    assert (await empty.shown(invoice)).invoice.status is InvoiceStatus.PAID


async def test_it_is_due_by_the_terms_in_the_accounts_zone(empty: Shop) -> None:
    await empty.open(time_zone="Pacific/Auckland", terms_days=7, tax_rate=Decimal(0))
    await empty.move_to(datetime(2026, 11, 10, 20, tzinfo=UTC))
    await empty.use()
    invoice = await empty.sent()
    assert invoice.due_date == date(2026, 11, 18)
    assert not invoice.tax_amount


async def test_numbers_have_no_gap_and_no_double_however_many_finalise_at_once(
    shop: Shop,
) -> None:
    agents = [f"agent-{number:02}" for number in range(32)]
    for agent in agents:
        await shop.use(agent)
    drafts = await shop.books.invoicing.generate(HERE)

    async def finalise(place: int, invoice_id: str) -> None:
        if place % 4 == 0:
            # It takes a number, and comes to nothing.
            with pytest.raises(ZeroDivisionError):
                await fail_with_a_number(shop)
        await shop.books.settling.move(HERE, invoice_id, InvoiceStatus.SENT)

    await asyncio.gather(*(finalise(place, one.id) for place, one in enumerate(drafts)))
    assert await shop.numbers() == [f"INV-{number:06}" for number in range(1, 33)]


async def fail_with_a_number(shop: Shop) -> None:
    async with shop.database.begin() as work:
        await BooksWork(work).next_number(HERE, "INV")
        raise ZeroDivisionError


async def test_an_invoice_that_many_finalise_at_once_is_finalised_once(shop: Shop) -> None:
    await shop.use()
    draft = await shop.draft()
    done = await asyncio.gather(
        *(shop.books.settling.move(HERE, draft.id, InvoiceStatus.SENT) for _ in range(8)),
        return_exceptions=True,
    )
    assert sum(not isinstance(one, Exception) for one in done) == 1
    assert await shop.numbers() == ["INV-000001"]
    assert len(await shop.told("invoice.finalised")) == 1


async def test_what_is_used_while_an_invoice_is_finalised_is_charged_once(shop: Shop) -> None:
    await shop.use()
    draft = await shop.draft()
    work = [shop.use() for _ in range(24)]
    work.insert(8, shop.books.settling.move(HERE, draft.id, InvoiceStatus.SENT))
    await asyncio.gather(*work)
    await shop.books.invoicing.generate(HERE)
    found, _ = await shop.books.reads.invoices(HERE, limit=10)
    assert sum(one.invoice.usages for one in found) == 25
    for one in found:
        report = await shop.books.verifying.verify(HERE, one.invoice.id)
        assert report.verified, report.differences
