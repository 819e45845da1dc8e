# SPDX-License-Identifier: Apache-2.0
"""What the rows of invoices, payments and the ledger mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from rollcall.billing.books_errors import BooksDamaged
from rollcall.billing.credit_notes import CreditedLine, CreditNote
from rollcall.billing.currencies import exponent
from rollcall.billing.invoice_lines import InvoiceLine, LineKey
from rollcall.billing.invoices import Invoice, InvoiceStatus, Terms
from rollcall.billing.issuers import Issuer
from rollcall.billing.ledger import Act, Entry, Transaction, Unbalanced
from rollcall.billing.ledger_accounts import Account
from rollcall.billing.payments import Payment, PaymentStatus, Refund
from rollcall.billing.rows import as_json, moment, plain
from rollcall.kernel.clock import utc

_key: Final = msgspec.json.Decoder(LineKey).decode
_credited: Final = msgspec.json.Decoder(tuple[CreditedLine, ...]).decode


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else utc(seconds)


def invoice_row(one: Invoice) -> dict[str, Any]:
    """The row of an invoice, without its lines."""
    return {
        "namespace": one.namespace,
        "id": one.id,
        "agent_id": one.agent_id,
        "period_id": one.billing_period_id,
        "currency": one.currency,
        "sequence": one.sequence,
        "number": one.number,
        "business_name": one.business_name,
        "status": one.status.value,
        "time_zone": one.terms.time_zone,
        "tax_rate": plain(one.terms.tax_rate),
        "terms_days": one.terms.terms_days,
        "issuer": one.terms.issuer.name or None,
        "issuer_tax_id": one.terms.issuer.tax_id or None,
        "subtotal": plain(one.subtotal),
        "tax_amount": plain(one.tax_amount),
        "usages": one.usages,
        "revision": one.revision,
        "generated_at": one.generated_date.timestamp(),
        "finalised_at": moment(one.finalised_date),
        "due_date": None if one.due_date is None else one.due_date.isoformat(),
        "paid_at": moment(one.paid_date),
        "voided_at": moment(one.voided_date),
    }


def invoice_of(row: Row[Any], lines: Sequence[InvoiceLine] = ()) -> Invoice:
    """The invoice of a row."""
    return Invoice(
        namespace=row.namespace,
        id=row.id,
        sequence=row.sequence,
        number=row.number,
        billing_period_id=row.period_id,
        agent_id=row.agent_id,
        business_name=row.business_name,
        status=InvoiceStatus(row.status),
        terms=Terms(
            currency=row.currency,
            time_zone=row.time_zone,
            tax_rate=Decimal(row.tax_rate),
            terms_days=row.terms_days,
            issuer=Issuer(name=row.issuer or "", tax_id=row.issuer_tax_id or ""),
        ),
        subtotal=Decimal(row.subtotal),
        tax_amount=Decimal(row.tax_amount),
        generated_date=utc(row.generated_at),
        finalised_date=_moment(row.finalised_at),
        due_date=None if row.due_date is None else date.fromisoformat(row.due_date),
        paid_date=_moment(row.paid_at),
        voided_date=_moment(row.voided_at),
        usages=row.usages,
        revision=row.revision,
        lines=tuple(lines),
    )


def line_rows(one: Invoice) -> list[dict[str, Any]]:
    """The rows of an invoice's lines."""
    return [
        {
            "namespace": one.namespace,
            "invoice_id": one.id,
            "number": line.number,
            "key": as_json(line.key),
            "quantity": plain(line.quantity),
            "exact_amount": plain(line.exact_amount),
            "amount": plain(line.amount),
            "usages": line.usages,
            "service_from": line.service_from.timestamp(),
            "service_to": line.service_to.timestamp(),
        }
        for line in one.lines
    ]


def line_of(row: Row[Any]) -> InvoiceLine:
    """The line of a row."""
    return InvoiceLine(
        number=row.number,
        key=_key(row.key),
        quantity=Decimal(row.quantity),
        exact_amount=Decimal(row.exact_amount),
        amount=Decimal(row.amount),
        usages=row.usages,
        service_from=utc(row.service_from),
        service_to=utc(row.service_to),
    )


def credit_note_row(one: CreditNote) -> dict[str, Any]:
    """The row of a credit note."""
    return {
        "namespace": one.namespace,
        "id": one.id,
        "number": one.number,
        "invoice_id": one.invoice_id,
        "currency": one.currency,
        "subtotal": plain(one.subtotal),
        "tax_amount": plain(one.tax_amount),
        "reason": one.reason,
        "lines": as_json(one.lines),
        "idempotency_key": one.idempotency_key,
        "created_at": one.created_date.timestamp(),
    }


def credit_note_of(row: Row[Any]) -> CreditNote:
    """The credit note of a row."""
    return CreditNote(
        namespace=row.namespace,
        id=row.id,
        number=row.number,
        invoice_id=row.invoice_id,
        currency=row.currency,
        subtotal=Decimal(row.subtotal),
        tax_amount=Decimal(row.tax_amount),
        reason=row.reason,
        created_date=utc(row.created_at),
        lines=_credited(row.lines),
        idempotency_key=row.idempotency_key,
    )


def payment_row(one: Payment) -> dict[str, Any]:
    """The row of a payment."""
    return {
        "namespace": one.namespace,
        "id": one.id,
        "invoice_id": one.invoice_id,
        "amount": plain(one.amount),
        "refunded_amount": plain(one.refunded_amount),
        "currency": one.currency,
        "payment_method": one.payment_method,
        "provider": one.provider,
        "channel": one.channel,
        "transaction_id": one.transaction_id,
        "idempotency_key": one.idempotency_key,
        "status": one.status.value,
        "created_at": one.created_date.timestamp(),
        "processed_at": moment(one.processed_date),
    }


def payment_of(row: Row[Any]) -> Payment:
    """The payment of a row."""
    return Payment(
        namespace=row.namespace,
        id=row.id,
        invoice_id=row.invoice_id,
        amount=Decimal(row.amount),
        currency=row.currency,
        payment_method=row.payment_method,
        provider=row.provider,
        transaction_id=row.transaction_id,
        idempotency_key=row.idempotency_key,
        status=PaymentStatus(row.status),
        refunded_amount=Decimal(row.refunded_amount),
        created_date=utc(row.created_at),
        processed_date=_moment(row.processed_at),
    )


def refund_row(one: Refund) -> dict[str, Any]:
    """The row of a refund."""
    fields = msgspec.structs.asdict(one)
    created = fields.pop("created_date")
    return {**fields, "amount": plain(one.amount), "created_at": created.timestamp()}


def refund_of(row: Row[Any]) -> Refund:
    """The refund of a row."""
    return Refund(
        namespace=row.namespace,
        id=row.id,
        payment_id=row.payment_id,
        invoice_id=row.invoice_id,
        amount=Decimal(row.amount),
        currency=row.currency,
        idempotency_key=row.idempotency_key,
        created_date=utc(row.created_at),
    )


def transaction_row(one: Transaction, place: int) -> dict[str, Any]:
    """The row of a transaction, the `place`th of its invoice, without its entries."""
    return {
        "namespace": one.namespace,
        "id": one.id,
        "act": one.act.value,
        "invoice_id": one.invoice_id,
        "reference": one.reference,
        "currency": one.currency,
        "place": place,
        "at": one.at.timestamp(),
    }


def entry_rows(one: Transaction) -> list[dict[str, Any]]:
    """The rows of a transaction's entries."""
    return [
        {
            "namespace": one.namespace,
            "transaction_id": one.id,
            "place": place,
            "account": entry.account.value,
            "amount": entry.amount,
            "invoice_id": one.invoice_id,
            "currency": one.currency,
        }
        for place, entry in enumerate(one.entries)
    ]


def account_of(account: str, currency: str, where: str) -> Account:
    """The account that a row names.

    Raises:
        BooksDamaged: There is no such account, or its currency is none.
    """
    try:
        exponent(currency)
        return Account(account)
    except ValueError:
        raise BooksDamaged(where, f"names {account!r} in {currency!r}") from None


def entry_of(row: Row[Any]) -> Entry:
    """The entry of a row.

    Raises:
        BooksDamaged: Somebody has changed it.
    """
    where = f"transaction {row.transaction_id}"
    account = account_of(row.account, row.currency, where)
    if not isinstance(row.amount, int):
        raise BooksDamaged(where, f"has the amount {row.amount!r}")
    return Entry(account, row.amount)


def transaction_of(row: Row[Any], entries: Iterable[Entry]) -> Transaction:
    """The transaction of a row.

    Raises:
        BooksDamaged: Somebody has changed it or its entries.
    """
    where = f"transaction {row.id}"
    try:
        exponent(row.currency)
        return Transaction(
            namespace=row.namespace,
            id=row.id,
            act=Act(row.act),
            invoice_id=row.invoice_id,
            reference=row.reference,
            currency=row.currency,
            at=utc(row.at),
            entries=tuple(entries),
        )
    except Unbalanced as error:
        raise BooksDamaged(where, f"has entries that sum to {error.total}, not to zero") from error
    except (ValueError, TypeError, OverflowError) as error:
        raise BooksDamaged(where, f"cannot be read: {error}") from error
