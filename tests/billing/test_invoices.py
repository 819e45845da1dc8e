from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from rollcall.billing.invoices import (
    Invoice,
    InvoiceStatus,
    Terms,
    due_on,
    is_overdue,
    numbered,
    standing_status,
)

SENT = datetime(2026, 3, 27, 23, 30, tzinfo=UTC)


def terms(zone: str, days: int = 15) -> Terms:
    return Terms(currency="EUR", time_zone=zone, tax_rate=Decimal(0), terms_days=days)


def invoice(zone: str, status: InvoiceStatus, total: str = "1.00") -> Invoice:
    return Invoice(
        namespace="n",
        id="inv_1",
        sequence=1,
        number="INV-000001",
        billing_period_id="per_2026-03",
        agent_id="a",
        business_name="b",
        status=status,
        terms=terms(zone),
        subtotal=Decimal(total),
        tax_amount=Decimal(0),
        generated_date=SENT,
        finalised_date=SENT,
        due_date=date(2026, 4, 11),
    )


@pytest.mark.parametrize(
    ("zone", "due"),
    [
        ("UTC", date(2026, 4, 11)),
        # There the next day had begun, and the clocks changed before it was due.
        ("Europe/Berlin", date(2026, 4, 12)),
        ("America/New_York", date(2026, 4, 11)),
    ],
)
def test_it_is_due_so_many_days_after_the_day_in_the_accounts_zone(zone: str, due: date) -> None:
    assert due_on(SENT, terms(zone)) == due


@pytest.mark.parametrize(
    ("zone", "last"),
    [
        ("UTC", datetime(2026, 4, 12, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 4, 11, 22, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 4, 12, 4, tzinfo=UTC)),
    ],
)
def test_it_is_overdue_from_the_midnight_on_that_ends_the_day(zone: str, last: datetime) -> None:
    one = invoice(zone, InvoiceStatus.SENT)
    assert is_overdue(one, last)
    assert not is_overdue(one, datetime.fromtimestamp(last.timestamp() - 1, UTC))


def test_what_is_due_says_how_it_stands() -> None:
    now, later = SENT, datetime(2026, 5, 1, tzinfo=UTC)
    one = invoice("UTC", InvoiceStatus.SENT)
    assert standing_status(one, 1, now) is InvoiceStatus.SENT
    assert standing_status(one, 1, later) is InvoiceStatus.OVERDUE
    assert standing_status(one, 0, later) is InvoiceStatus.PAID
    paid = replace(one, status=InvoiceStatus.PAID)
    assert standing_status(paid, 1, now) is InvoiceStatus.SENT
    void = replace(one, status=InvoiceStatus.VOID)
    assert standing_status(void, 1, later) is InvoiceStatus.VOID
    nothing = invoice("UTC", InvoiceStatus.SENT, "0.00")
    assert standing_status(nothing, 0, later) is InvoiceStatus.SENT


def test_numbers_are_counted_with_six_digits_and_more_where_they_run_out() -> None:
    assert numbered("INV", 1) == "INV-000001"
    assert numbered("INV", 1_234_567) == "INV-1234567"
