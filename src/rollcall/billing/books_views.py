# SPDX-License-Identifier: Apache-2.0
"""From the books to what HTTP says of them: pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from rollcall.billing import books_wire as wire
from rollcall.billing.amounts import amount_text, decimal_text
from rollcall.billing.books_reads import Balance, Shown
from rollcall.billing.credit_notes import CreditNote
from rollcall.billing.currencies import major
from rollcall.billing.invoice_lines import InvoiceLine
from rollcall.billing.invoice_usages import LineUsage
from rollcall.billing.invoice_words import description_of
from rollcall.billing.ledger import Transaction
from rollcall.billing.payments import Payment
from rollcall.billing.usage_reports import Group, UsageReport
from rollcall.billing.verify import Report
from rollcall.kernel.clock import utc

_FORMULA: Final = re.compile(r"^[\s]*[=+\-@\t\r]")
"""What a spreadsheet would take for a formula."""


def invoice_view(shown: Shown) -> wire.InvoiceView:
    """What HTTP says of an invoice."""
    one, amounts = shown
    currency = one.currency

    def money(amount: Decimal) -> str:
        return amount_text(amount, currency)

    return wire.InvoiceView(
        id=one.id,
        number=one.number,
        billing_period_id=one.billing_period_id,
        agent_id=one.agent_id,
        business_name=one.business_name,
        status=one.status,
        subtotal=money(one.subtotal),
        tax_rate=decimal_text(one.terms.tax_rate),
        tax_amount=money(one.tax_amount),
        total_amount=money(one.total_amount),
        amount_paid=money(amounts.paid),
        amount_credited=money(amounts.credited),
        amount_due=money(amounts.due),
        customer_credit=money(amounts.credit),
        currency=currency,
        time_zone=one.terms.time_zone,
        terms_days=one.terms.terms_days,
        issuer=one.terms.issuer.name or None,
        issuer_tax_id=one.terms.issuer.tax_id or None,
        generated_date=one.generated_date,
        finalised_date=one.finalised_date,
        due_date=one.due_date,
        paid_date=one.paid_date,
        voided_date=one.voided_date,
        usages=one.usages,
        revision=one.revision,
        lines=[line_view(line, currency) for line in one.lines],
    )


def line_view(line: InvoiceLine, currency: str) -> wire.LineView:
    """What HTTP says of a line."""
    key = line.key
    return wire.LineView(
        number=line.number,
        description=description_of(line),
        unit=key.unit,
        model=None if key.model in ("", "*") else key.model,
        quantity=decimal_text(line.quantity),
        unit_price=amount_text(Decimal(key.unit_price), currency) if key.unit_price else None,
        markup=decimal_text(Decimal(key.markup)) if key.markup else None,
        exact_amount=amount_text(line.exact_amount, currency),
        amount=amount_text(line.amount, currency),
        usages=line.usages,
        rate_card_id=key.rate_card_id,
        rate_card_version=key.rate_card_version,
        tier=None if key.tier < 0 else key.tier,
        estimated=key.estimated,
        late=key.late,
        service_period=key.service_period,
        service_from=line.service_from,
        service_to=line.service_to,
        note=key.note,
    )


def line_usage_view(one: LineUsage) -> wire.LineUsageView:
    """What HTTP says of a usage in a line."""
    return wire.LineUsageView(
        usage_id=one.usage_id,
        conversation_id=one.conversation_id,
        model=one.model,
        served_at=utc(one.charge.at),
        quantity=decimal_text(one.charge.quantity),
        amount=amount_text(one.charge.amount, one.currency),
    )


def credit_note_view(one: CreditNote) -> wire.CreditNoteView:
    """What HTTP says of a credit note."""
    return wire.CreditNoteView(
        id=one.id,
        number=one.number,
        invoice_id=one.invoice_id,
        currency=one.currency,
        subtotal=amount_text(one.subtotal, one.currency),
        tax_amount=amount_text(one.tax_amount, one.currency),
        total_amount=amount_text(one.total_amount, one.currency),
        reason=one.reason,
        created_date=one.created_date,
        lines=[
            wire.CreditedLineView(number=line.number, amount=amount_text(line.amount, one.currency))
            for line in one.lines
        ],
    )


def payment_view(one: Payment) -> wire.PaymentView:
    """What HTTP says of a payment."""
    return wire.PaymentView(
        id=one.id,
        invoice_id=one.invoice_id,
        amount=amount_text(one.amount, one.currency),
        refunded_amount=amount_text(one.refunded_amount, one.currency),
        currency=one.currency,
        payment_method=one.payment_method,
        provider=one.provider or None,
        transaction_id=one.transaction_id,
        idempotency_key=one.idempotency_key,
        status=one.status,
        created_date=one.created_date,
        processed_date=one.processed_date,
    )


def report_view(report: Report) -> wire.ReportView:
    """What HTTP says of an invoice that was worked out again."""
    return wire.ReportView.model_validate(
        {
            **msgspec.structs.asdict(report),
            "total_amount": amount_text(report.total_amount, report.currency),
            "checks": [msgspec.structs.asdict(one) for one in report.checks],
            "differences": [one._asdict() for one in report.differences],
        }
    )


def ledger_view(balances: Sequence[Balance]) -> wire.LedgerView:
    """What HTTP says of the ledger's accounts."""
    trial: dict[str, list[Decimal]] = {}
    for one in balances:
        sums = trial.setdefault(one.currency, [Decimal(0), Decimal(0)])
        sums[0] += one.debits
        sums[1] += one.credits
    return wire.LedgerView(
        accounts=[
            wire.BalanceView(
                account=one.account,
                currency=one.currency,
                normal=one.account.normal,
                debits=amount_text(one.debits, one.currency),
                credits=amount_text(one.credits, one.currency),
                balance=amount_text(one.balance, one.currency),
            )
            for one in balances
        ],
        trial_balance=[
            wire.TrialBalance(
                currency=currency,
                debits=amount_text(debits, currency),
                credits=amount_text(credited, currency),
                difference=amount_text(debits - credited, currency),
            )
            for currency, (debits, credited) in trial.items()
        ],
        balanced=all(debits == credited for debits, credited in trial.values()),
    )


def transaction_view(one: Transaction) -> wire.TransactionView:
    """What HTTP says of a transaction."""
    return wire.TransactionView(
        id=one.id,
        act=one.act,
        invoice_id=one.invoice_id,
        reference=one.reference,
        currency=one.currency,
        at=one.at,
        entries=[
            wire.EntryView(
                account=entry.account,
                amount=amount_text(major(entry.amount, one.currency), one.currency),
            )
            for entry in one.entries
        ],
    )


def usage_report_view(report: UsageReport) -> wire.UsageReportView:
    """What HTTP says of a report on usage."""
    return wire.UsageReportView(
        from_day=report.from_day,
        to_day=report.to_day,
        time_zone=report.time_zone,
        currency=report.currency,
        group_by=report.group_by,
        rows=[_group_view(one, report.currency) for one in report.rows],
        total=_group_view(report.total, report.currency),
    )


def usage_report_csv(report: UsageReport) -> str:
    """A report on usage as CSV (RFC 4180), the total in its last line."""
    made = io.StringIO()
    writer = csv.writer(made)
    names = [name for name in Group.__struct_fields__ if name != "key"]
    writer.writerow([report.group_by.value, *names, "currency"])
    for one in (*report.rows, report.total):
        view = _group_view(one, report.currency).model_dump()
        key = "total" if one is report.total else view["key"]
        writer.writerow(_harmless([key, *(view[name] for name in names), report.currency]))
    return made.getvalue()


def _harmless(cells: Iterable[Any]) -> list[Any]:
    """Cells that no spreadsheet takes for formulas."""
    return [
        f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell for cell in cells
    ]


def _group_view(one: Group, currency: str) -> wire.GroupView:
    return wire.GroupView.model_validate(
        {**msgspec.structs.asdict(one), "amount": amount_text(one.amount, currency)}
    )
