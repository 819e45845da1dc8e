from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from rollcall.billing.books_errors import (
    InvoiceMoveRefused,
    InvoiceNotFound,
    MoreThanLeft,
    NotFinal,
    PaymentNotFound,
    StillDue,
)
from rollcall.billing.errors import KeyReused
from rollcall.billing.invoices import InvoiceStatus
from rollcall.billing.ledger_accounts import Account
from rollcall.billing.payments import PaymentStatus
from rollcall.kernel.errors import InvalidInput
from support.books import HERE, Shop

# One usage costs 2.10 + 3.15 + 0.10 = 5.35, and 0.43 tax.
TOTAL = Decimal("5.78")


async def test_partial_payments_add_up_until_nothing_is_due(shop: Shop) -> None:
    await shop.use()
    invoice = await shop.sent()
    assert invoice.total_amount == TOTAL
    await shop.pay(invoice, "5.00")
    shown = await shop.shown(invoice)
    assert (shown.invoice.status, shown.amounts.due) == (InvoiceStatus.SENT, Decimal("0.78"))
    await shop.pay(invoice, "0.78")
    shown = await shop.shown(invoice)
    assert (shown.invoice.status, shown.amounts.due) == (InvoiceStatus.PAID, 0)
    assert shown.invoice.paid_date is not None
    balances = await shop.balances()
    assert balances[Account.CASH] == TOTAL
    assert Account.RECEIVABLE not in balances


async def test_what_is_paid_beyond_that_is_the_customers(shop: Shop) -> None:
    await shop.use()
    invoice = await shop.sent()
    await shop.pay(invoice, "10.00")
    assert (await shop.shown(invoice)).amounts.credit == Decimal("4.22")
    assert (await shop.balances())[Account.CUSTOMER_CREDIT] == Decimal("-4.22")


@pytest.mark.parametrize("amount", ["0", "-5.00", "0.001"])
async def test_payments_of_nothing_or_less_or_of_fractions_of_a_cent_are_refused(
    shop: Shop, amount: str
) -> None:
    await shop.use()
    invoice = await shop.sent()
    with pytest.raises(InvalidInput, match="amount"):
        await shop.pay(invoice, amount)
    assert Account.CASH not in await shop.balances()


async def test_only_what_is_finalised_is_paid_in_its_own_currency(shop: Shop) -> None:
    await shop.use()
    draft = await shop.draft()
    with pytest.raises(NotFinal, match="draft"):
        await shop.pay(draft, "1.00")
    invoice = await shop.sent()
    with pytest.raises(InvalidInput, match="USD"):
        await shop.pay(invoice, "1.00", currency="EUR")
    await shop.books.settling.move(HERE, invoice.id, InvoiceStatus.VOID)
    with pytest.raises(NotFinal, match="void"):
        await shop.pay(invoice, "1.00")


async def test_a_payment_of_an_invoice_that_is_not_there_is_named(shop: Shop) -> None:
    await shop.use()
    draft = await shop.draft()
    from msgspec.structs import replace

    with pytest.raises(InvoiceNotFound):
        await shop.pay(replace(draft, id="inv_none"), "1.00")
    with pytest.raises(PaymentNotFound):
        await shop.books.paying.refund(HERE, "pay_none", None, None)


async def test_the_same_key_is_the_same_payment_however_many_send_it_at_once(shop: Shop) -> None:
    await shop.use()
    invoice = await shop.sent()
    paid = await asyncio.gather(*(shop.pay(invoice, "1.00", idempotency_key="k") for _ in range(8)))
    assert len({one.id for one in paid}) == 1
    assert (await shop.shown(invoice)).amounts.paid == Decimal("1.00")
    with pytest.raises(KeyReused, match="k"):
        await shop.pay(invoice, "2.00", idempotency_key="k")


async def test_one_transaction_of_a_provider_is_one_payment(shop: Shop) -> None:
    await shop.use()
    invoice = await shop.sent()
    first = await shop.pay(invoice, "1.00", transaction_id="t1")
    again = await shop.pay(invoice, "1.00", transaction_id="t1")
    assert again.id == first.id
    other = await shop.pay(invoice, "1.00", transaction_id="t1", payment_method="bank")
    assert other.id != first.id
    with pytest.raises(KeyReused, match="t1"):
        await shop.pay(invoice, "3.00", transaction_id="t1")


async def test_a_key_for_two_invoices_at_once_is_one_payment_and_one_refusal(shop: Shop) -> None:
    await shop.use("a")
    await shop.use("b")
    invoices = [await shop.sent("a"), await shop.sent("b")]
    done = await asyncio.gather(
        *(shop.pay(one, "1.00", idempotency_key="k") for one in invoices), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["KeyReused", "Payment"]


async def test_a_refund_makes_a_paid_invoice_owed_again(shop: Shop) -> None:
    await shop.use()
    invoice = await shop.sent()
    payment = await shop.pay(invoice, TOTAL)
    back, new = await shop.books.paying.refund(HERE, payment.id, Decimal("1.00"), None)
    assert (back.refunded_amount, back.status, new) == (
        Decimal("1.00"),
        PaymentStatus.COMPLETED,
        True,
    )
    shown = await shop.shown(invoice)
    assert (shown.invoice.status, shown.amounts.due) == (InvoiceStatus.SENT, Decimal("1.00"))
    assert shown.invoice.paid_date is None
    back, _ = await shop.books.paying.refund(HERE, payment.id, None, None)
    assert back.status is PaymentStatus.REFUNDED
    assert Account.CASH not in await shop.balances()
    with pytest.raises(MoreThanLeft):
        await shop.books.paying.refund(HERE, payment.id, None, None)


async def test_nobody_gets_back_more_than_was_paid(shop: Shop) -> None:
    await shop.use()
    payment = await shop.pay(await shop.sent(), "2.00")
    refunds = (shop.books.paying.refund(HERE, payment.id, Decimal("0.50"), None) for _ in range(8))
    done = await asyncio.gather(*refunds, return_exceptions=True)
    assert sum(isinstance(one, MoreThanLeft) for one in done) == 4
    assert Account.CASH not in await shop.balances()


async def test_the_same_refund_key_is_one_refund(shop: Shop) -> None:
    await shop.use()
    payment = await shop.pay(await shop.sent(), "2.00")
    refund = shop.books.paying.refund
    assert (await refund(HERE, payment.id, Decimal("0.50"), "r"))[1]
    again, new = await refund(HERE, payment.id, Decimal("0.50"), "r")
    assert (again.refunded_amount, new) == (Decimal("0.50"), False)
    with pytest.raises(KeyReused):
        await refund(HERE, payment.id, Decimal("0.60"), "r")
    # Half a dollar is not all that there is.
    with pytest.raises(KeyReused):
        await refund(HERE, payment.id, None, "r")
    assert (await refund(HERE, payment.id, None, "rest"))[1]
    again, new = await refund(HERE, payment.id, None, "rest")
    assert (again.refunded_amount, new) == (Decimal("2.00"), False)


async def test_an_invoice_is_paid_by_payments_and_not_by_saying_so(shop: Shop) -> None:
    await shop.use()
    invoice = await shop.sent()
    with pytest.raises(StillDue, match=r"5\.78 USD"):
        await shop.books.settling.move(HERE, invoice.id, InvoiceStatus.PAID)


@pytest.mark.parametrize(
    ("before", "wanted", "allowed"),
    [
        ("draft", "paid", ("sent", "void")),
        ("draft", "overdue", ("sent", "void")),
        ("sent", "draft", ("paid", "void")),
        ("sent", "sent", ("paid", "void")),
        ("sent", "overdue", ("paid", "void")),
        ("paid", "void", ()),
        ("void", "sent", ()),
    ],
)
async def test_a_status_that_cannot_follow_is_refused_and_those_that_can_are_named(
    shop: Shop, before: str, wanted: str, allowed: tuple[str, ...]
) -> None:
    await shop.use()
    invoice = await shop.draft()
    if before != "draft":
        invoice = await shop.sent()
    if before == "paid":
        await shop.pay(invoice, TOTAL)
    if before == "void":
        await shop.books.settling.move(HERE, invoice.id, InvoiceStatus.VOID)
    with pytest.raises(InvoiceMoveRefused) as refused:
        await shop.books.settling.move(HERE, invoice.id, InvoiceStatus(wanted))
    assert refused.value.allowed == allowed


async def test_an_invoice_of_nothing_is_paid_by_saying_so(shop: Shop) -> None:
    await shop.use(input_tokens=0, output_tokens=0, requests=0)
    invoice = await shop.sent()
    assert (invoice.number, invoice.total_amount, invoice.status) == (
        "INV-000001",
        0,
        InvoiceStatus.SENT,
    )
    paid = await shop.books.settling.move(HERE, invoice.id, InvoiceStatus.PAID)
    assert paid.status is InvoiceStatus.PAID


async def test_what_is_not_paid_in_time_turns_overdue_and_paid_when_it_is(shop: Shop) -> None:
    await shop.use()
    invoice = await shop.sent()
    await shop.move_to(datetime(2026, 11, 25, 23, 59, tzinfo=UTC))
    assert await shop.books.settling.sweep() == 0
    await shop.move_to(datetime(2026, 11, 26, 0, 0, 1, tzinfo=UTC))
    assert await shop.books.settling.sweep() == 1
    assert await shop.books.settling.sweep() == 0
    assert (await shop.shown(invoice)).invoice.status is InvoiceStatus.OVERDUE
    await shop.pay(invoice, "1.00")
    assert (await shop.shown(invoice)).invoice.status is InvoiceStatus.OVERDUE
    await shop.pay(invoice, "4.78")
    assert (await shop.shown(invoice)).invoice.status is InvoiceStatus.PAID


async def test_voiding_a_sent_invoice_takes_all_of_it_back(shop: Shop) -> None:
    await shop.use()
    invoice = await shop.sent()
    await shop.pay(invoice, "1.00")
    await shop.books.settling.move(HERE, invoice.id, InvoiceStatus.VOID)
    shown = await shop.shown(invoice)
    assert (shown.invoice.status, shown.amounts.due) == (InvoiceStatus.VOID, 0)
    assert shown.amounts.credit == Decimal("1.00")
    assert await shop.balances() == {
        Account.CASH: Decimal("1.00"),
        Account.CUSTOMER_CREDIT: Decimal("-1.00"),
    }
    assert await shop.books.invoicing.generate(HERE) == []


async def test_credit_notes_take_back_a_part_and_have_numbers_of_their_own(shop: Shop) -> None:
    await shop.use()
    invoice = await shop.sent()
    credit = shop.books.settling.credit
    note, _ = await credit(HERE, invoice.id, "slow", amount=Decimal("1.08"))
    assert (note.number, note.subtotal, note.tax_amount) == (
        "CN-000001",
        Decimal("1.00"),
        Decimal("0.08"),
    )
    assert (await shop.shown(invoice)).amounts.due == Decimal("4.70")
    line, _ = await credit(HERE, invoice.id, "wrong", lines={3: None})
    assert (line.number, line.subtotal, line.tax_amount) == (
        "CN-000002",
        Decimal("0.10"),
        Decimal("0.01"),
    )
    with pytest.raises(MoreThanLeft):
        await credit(HERE, invoice.id, "all", amount=Decimal("5.00"))
    with pytest.raises(InvalidInput, match="no line 9"):
        await credit(HERE, invoice.id, "which", lines={9: None})
    with pytest.raises(InvalidInput, match="above zero"):
        await credit(HERE, invoice.id, "again", lines={3: None})
    await credit(HERE, invoice.id, "rest", amount=Decimal("4.59"))
    shown = await shop.shown(invoice)
    assert (shown.invoice.status, shown.amounts.due) == (InvoiceStatus.PAID, 0)
    assert await shop.balances() == {}


async def test_the_same_key_is_the_same_credit_note(shop: Shop) -> None:
    await shop.use()
    invoice = await shop.sent()
    credit = shop.books.settling.credit
    first, new = await credit(HERE, invoice.id, "slow", amount=Decimal("1.00"), key="c")
    again, old = await credit(HERE, invoice.id, "slow", amount=Decimal("1.00"), key="c")
    assert (again, new, old) == (first, True, False)
    with pytest.raises(KeyReused):
        await credit(HERE, invoice.id, "slow", amount=Decimal("2.00"), key="c")


async def test_payments_are_told_of(shop: Shop) -> None:
    await shop.use()
    await shop.pay(await shop.sent(), "5.00")
    (event,) = await shop.told("payment.recorded")
    assert event.data["amount_due"] == "0.78"
    assert event.data["invoice_status"] == "sent"
