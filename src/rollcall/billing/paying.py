# SPDX-License-Identifier: Apache-2.0
"""Taking payments, and paying them back: each of them once, however often it is told of."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from msgspec.structs import replace
from sqlalchemy import select

from rollcall.billing import books_told, ledger
from rollcall.billing.books_errors import InvoiceNotFound, MoreThanLeft, NotFinal, PaymentNotFound
from rollcall.billing.books_repository import BooksWork
from rollcall.billing.books_tables import INVOICES
from rollcall.billing.currencies import major, minor
from rollcall.billing.errors import KeyReused
from rollcall.billing.invoices import Invoice, InvoiceStatus
from rollcall.billing.invoicing import transaction_id
from rollcall.billing.payments import (
    FOLLOWS,
    Payment,
    PaymentStatus,
    Refund,
    Told,
    positive_amount,
)
from rollcall.billing.settling import Settling, again, locked
from rollcall.billing.webhooks import REMEMBERED, Notice
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import IdSource, derived
from rollcall.sql import Sql

_IN_THE_BOOKS: Final = (PaymentStatus.COMPLETED, PaymentStatus.REFUNDED)


class Paying:
    """Records payments and refunds.

    Args:
        database: Where they are.
        settling: Has an invoice read as it stands.
        clock: Time.
        ids: Names what nothing else names.
    """

    def __init__(self, database: Sql, settling: Settling, clock: Clock, ids: IdSource) -> None:
        self._database = database
        self._settling = settling
        self._clock = clock
        self._ids = ids

    async def record(self, namespace: str, told: Told) -> tuple[Payment, bool]:
        """Record a payment for an invoice.

        What is paid beyond what is due is the customer's, and can be paid back.

        Returns:
            The payment, and whether it is new.

        Raises:
            InvoiceNotFound: There is no such invoice.
            InvalidInput: The amount is not above zero, has a fraction of the currency's smallest
                unit, or is in another currency.
            NotFinal: The invoice is a draft or void.
            KeyReused: Its key or its transaction stands for another payment.
        """

        async def once() -> tuple[Payment, bool]:
            async with self._database.begin() as unit:
                work = BooksWork(unit)
                invoice = await locked(work, namespace, told.invoice_id)
                return await self._take(work, invoice, told)

        return await again(once)

    async def refund(
        self, namespace: str, payment_id: str, amount: Decimal | None, key: str | None
    ) -> tuple[Payment, bool]:
        """Pay a payment back, in whole or in part.

        Args:
            amount: How much; None: all that is left of it.
            key: The same key is the same refund.

        Returns:
            The payment as it is now, and whether this refund is new.

        Raises:
            PaymentNotFound: There is none.
            InvalidInput: The amount is not above zero, or has a fraction of the smallest unit.
            MoreThanLeft: Less of it is left.
            KeyReused: The key stands for another refund.
        """

        async def once() -> tuple[Payment, bool]:
            async with self._database.begin() as unit:
                work = BooksWork(unit)
                payment = await self._locked(work, namespace, payment_id)
                if key is not None:
                    known = await work.refund_of_key(namespace, key)
                    if known is not None:
                        if known.id != _refund_id(payment, amount, key):
                            raise KeyReused(key, known.id)
                        return payment, False
                return await self._pay_back(work, payment, amount, key), True

        return await again(once)

    async def heed(self, provider: str, notice: Notice) -> bool:
        """Do what a provider's webhook tells of; it was checked who sent it.

        Returns:
            Whether it is new; False: it was told of before, and nothing was changed.

        Raises:
            InvoiceNotFound: There is no such invoice.
            InvalidInput: It cannot be used.
            PaymentNotFound: Nobody has told of the payment that was refunded.
            MoreThanLeft: It was not completed yet, or less of it is left.
            KeyReused: The transaction stands for a payment of another amount or invoice, or the
                refund's id for another refund.
        """

        async def once() -> bool:
            now = self._clock.now()
            async with self._database.begin() as unit:
                work = BooksWork(unit)
                if not await work.first_time(provider, notice.id, now):
                    return False
                await work.forget_webhooks(now - REMEMBERED)
                namespace = await self._namespace(work, notice.invoice_id)
                invoice = await locked(work, namespace, notice.invoice_id)
                await self._heed(work, invoice, notice.told(provider), notice.refund_id)
                return True

        return await again(once)

    async def _heed(
        self, work: BooksWork, invoice: Invoice, told: Told, refund_id: str | None
    ) -> None:
        if told.status is PaymentStatus.REFUNDED:
            known = await work.known_payments(
                invoice.namespace, None, told.provider, told.transaction_id
            )
            if not known:
                raise PaymentNotFound(told.transaction_id or "")
            payment = known[0]
            if payment.invoice_id != invoice.id:
                raise KeyReused(told.transaction_id or "", payment.id)
            _check_currency(told, invoice)
            if refund_id is not None:
                refund = await work.refund_of_key(invoice.namespace, refund_id)
                if refund is not None:
                    if (refund.payment_id, refund.amount) != (payment.id, told.amount):
                        raise KeyReused(refund_id, refund.id)
                    return
            # One that is not completed yet has nothing to give back: the provider is refused, and
            # tells it again.
            if payment.status is not PaymentStatus.REFUNDED:
                await self._pay_back(work, payment, told.amount, refund_id)
            return
        await self._take(work, invoice, told, received=True)

    async def _take(
        self, work: BooksWork, invoice: Invoice, told: Told, *, received: bool = False
    ) -> tuple[Payment, bool]:
        """Take a payment for an invoice that is locked.

        Args:
            received: Whether the money is there whatever we say: then a void invoice's payment is
                the customer's credit.
        """
        _check_currency(told, invoice)
        amount = positive_amount(told.amount, invoice.currency)
        now = utc(self._clock.now())
        payment = Payment(
            namespace=invoice.namespace,
            id=f"pay_{derived(invoice.namespace, self._ids.hex(32), digits=24)}",
            invoice_id=invoice.id,
            amount=amount,
            currency=invoice.currency,
            payment_method=told.payment_method,
            provider=told.provider,
            transaction_id=told.transaction_id,
            idempotency_key=told.idempotency_key,
            status=told.status,
            created_date=now,
            processed_date=None if told.status is PaymentStatus.PENDING else now,
        )
        known = await work.known_payments(
            invoice.namespace, told.idempotency_key, payment.channel, told.transaction_id
        )
        for one in known:
            if one.content != payment.content:
                raise KeyReused(told.idempotency_key or told.transaction_id or "", one.id)
        if known:
            return await self._follow(work, invoice, known[0], told.status), False
        refused = (InvoiceStatus.DRAFT,) if received else (InvoiceStatus.DRAFT, InvoiceStatus.VOID)
        if invoice.status in refused:
            raise NotFinal(invoice.id, invoice.status.value, "payments")
        await work.add_payment(payment)
        await self._enter(work, invoice, payment)
        return payment, True

    async def _follow(
        self, work: BooksWork, invoice: Invoice, known: Payment, status: PaymentStatus
    ) -> Payment:
        """Have a payment that is known read as it is told of now, where that can follow."""
        if status not in FOLLOWS[known.status]:
            return known
        payment = replace(known, status=status, processed_date=utc(self._clock.now()))
        await work.put_payment(payment)
        await self._enter(work, invoice, payment)
        return payment

    async def _enter(self, work: BooksWork, invoice: Invoice, payment: Payment) -> None:
        """Write a payment into the books, where it is completed, and tell of it."""
        if payment.status is PaymentStatus.COMPLETED:
            before = await work.net(invoice.namespace, invoice.id)
            entries = ledger.paid(before, minor(payment.amount, payment.currency))
            await self._note(work, ledger.Act.PAYMENT, payment.id, invoice, entries)
            invoice = await self._settling.restand(work, invoice)
        await self._tell(work, payment, invoice)

    async def _pay_back(
        self, work: BooksWork, payment: Payment, amount: Decimal | None, key: str | None
    ) -> Payment:
        """Pay back a payment whose invoice is locked."""
        currency, left = payment.currency, payment.refundable
        wanted = left if amount is None else positive_amount(amount, currency)
        if not 0 < wanted <= left:
            raise MoreThanLeft("refund", payment.id, wanted, left, currency)
        invoice = await locked(work, payment.namespace, payment.invoice_id)
        back = payment.refunded_amount + wanted
        refund = Refund(
            namespace=payment.namespace,
            id=_refund_id(payment, amount, key),
            payment_id=payment.id,
            invoice_id=invoice.id,
            amount=wanted,
            currency=currency,
            idempotency_key=key,
            created_date=utc(self._clock.now()),
        )
        await work.add_refund(refund)
        status = PaymentStatus.REFUNDED if back == payment.amount else payment.status
        paid_back = replace(payment, refunded_amount=back, status=status)
        await work.put_payment(paid_back)
        units = minor(wanted, currency)
        before = await work.net(invoice.namespace, invoice.id)
        granted = ledger.refunded(before, units)
        await self._note(work, ledger.Act.REFUND, refund.id, invoice, granted)
        await self._note(work, ledger.Act.PAYOUT, refund.id, invoice, ledger.paid_out(units))
        await self._tell(work, paid_back, await self._settling.restand(work, invoice))
        return paid_back

    async def _note(
        self,
        work: BooksWork,
        act: ledger.Act,
        reference: str,
        invoice: Invoice,
        entries: Sequence[ledger.Entry],
    ) -> None:
        await work.note(
            ledger.Transaction(
                namespace=invoice.namespace,
                id=transaction_id(act, reference),
                act=act,
                invoice_id=invoice.id,
                reference=reference,
                currency=invoice.currency,
                at=utc(self._clock.now()),
                entries=tuple(entries),
            )
        )

    async def _tell(self, work: BooksWork, payment: Payment, invoice: Invoice) -> None:
        due = max(0, await work.net(invoice.namespace, invoice.id))
        now = utc(self._clock.now())
        work.publish(books_told.recorded(payment, invoice, major(due, invoice.currency), now))

    async def _locked(self, work: BooksWork, namespace: str, payment_id: str) -> Payment:
        """A payment whose invoice is locked, as it is then."""
        seen = await work.payment(namespace, payment_id)
        if seen is None:
            raise PaymentNotFound(payment_id)
        await locked(work, namespace, seen.invoice_id)
        payment = await work.payment(namespace, payment_id)
        assert payment is not None, "payments are never deleted"
        return payment

    async def _namespace(self, work: BooksWork, invoice_id: str) -> str:
        """Whose an invoice is: ids are derived from the namespace too, so no two share one."""
        wanted = select(INVOICES.c.namespace).where(INVOICES.c.id == invoice_id)
        found = (await work.connection.execute(wanted)).scalars().first()
        if found is None:
            raise InvoiceNotFound(invoice_id)
        return found


def _check_currency(told: Told, invoice: Invoice) -> None:
    if told.currency not in (None, invoice.currency):
        raise InvalidInput(
            "currency", f"must be that of the invoice, {invoice.currency}, or left out"
        )


def _refund_id(payment: Payment, amount: Decimal | None, key: str | None) -> str:
    """The id of a refund: under a key it says what was asked for, else which of the payment's it
    is.
    """
    asked = "all" if amount is None else format(amount.normalize(), "f")
    word = ("at", format(payment.refunded_amount, "f")) if key is None else ("key", key, asked)
    return f"ref_{derived(payment.namespace, payment.id, *word, digits=24)}"
