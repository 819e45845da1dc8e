# SPDX-License-Identifier: Apache-2.0
"""What becomes of invoices: their status, credit notes, and the background look at what is due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Final, TypeVar

from msgspec.structs import replace
from sqlalchemy import select

from rollcall.billing import credit_notes, ledger
from rollcall.billing.books_errors import InvoiceMoveRefused, InvoiceNotFound, NotFinal, StillDue
from rollcall.billing.books_repository import BooksWork, Raced
from rollcall.billing.books_tables import INVOICES
from rollcall.billing.credit_notes import CreditedLine, CreditNote
from rollcall.billing.currencies import major
from rollcall.billing.errors import KeyReused
from rollcall.billing.invoices import (
    MOVES,
    Invoice,
    InvoiceStatus,
    is_overdue,
    numbered,
    standing_status,
)
from rollcall.billing.invoicing import TRIES, Invoicing, paid_since, transaction_id
from rollcall.billing.taxes import Parts
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput, Unavailable
from rollcall.kernel.ids import derived
from rollcall.sql import Sql

T = TypeVar("T")

SWEEP_EVERY: Final = 60.0
"""Seconds between looks for what is overdue."""
_EAST: Final = timedelta(hours=14)
"""No zone is further ahead of UTC: no day ends anywhere before it begins there."""


class Settling:
    """Moves invoices, and credits them.

    Args:
        database: Where they are.
        invoicing: Finalises drafts.
        clock: Time.
    """

    def __init__(self, database: Sql, invoicing: Invoicing, clock: Clock) -> None:
        self._database = database
        self._invoicing = invoicing
        self._clock = clock

    async def move(self, namespace: str, invoice_id: str, wanted: InvoiceStatus) -> Invoice:
        """Give an invoice another status.

        Raises:
            InvoiceNotFound: There is none.
            InvoiceMoveRefused: The status cannot follow the one that it has.
            StillDue: It is to be paid, and is not.
        """

        async def once() -> Invoice:
            async with self._database.begin() as unit:
                work = BooksWork(unit)
                invoice = await locked(work, namespace, invoice_id)
                if (invoice.status, wanted) != (InvoiceStatus.DRAFT, InvoiceStatus.SENT):
                    return await self._move(work, invoice, wanted)
            return await self._invoicing.finalise(namespace, invoice_id)

        return await again(once)

    async def credit(
        self,
        namespace: str,
        invoice_id: str,
        reason: str,
        *,
        amount: Decimal | None = None,
        lines: Mapping[int, Decimal | None] | None = None,
        key: str | None = None,
    ) -> tuple[CreditNote, bool]:
        """Take back what an invoice charged, in whole or in part.

        Args:
            reason: Why, for people.
            amount: How much, tax included.
            lines: Instead: how much of which lines without tax; the tax goes with it.
            key: The same key is the same credit note.

        Returns:
            The credit note, and whether it is new.

        Raises:
            InvoiceNotFound: There is none.
            InvalidInput: Neither `amount` nor `lines` was given, or both, or they cannot be used.
            NotFinal: The invoice is a draft or void.
            MoreThanLeft: There is less left to credit.
            KeyReused: The key stands for another one.
        """
        if (amount is None) == (not lines):
            raise InvalidInput("amount", "must be given, or lines, but not both")

        async def once() -> tuple[CreditNote, bool]:
            async with self._database.begin() as unit:
                work = BooksWork(unit)
                invoice = await locked(work, namespace, invoice_id)
                content = _content(invoice_id, reason, amount, lines)
                if key is not None:
                    known = await work.credit_note_of_key(namespace, key)
                    if known is not None:
                        if known.id != _note_id(namespace, key, content):
                            raise KeyReused(key, known.id)
                        return known, False
                if invoice.status in (InvoiceStatus.DRAFT, InvoiceStatus.VOID):
                    raise NotFinal(invoice_id, invoice.status.value, "credit notes")
                notes = await work.credit_notes(namespace, invoice_id)
                credited: tuple[CreditedLine, ...] = ()
                if amount is not None:
                    parts = credit_notes.parts_of_amount(amount, invoice, notes)
                else:
                    parts, credited = credit_notes.parts_of_lines(lines or {}, invoice, notes)
                made = str(len(notes))
                id_ = _note_id(namespace, key or f"{invoice_id}/{made}", content)
                note, _ = await self._write(
                    work, invoice, parts, reason, id_=id_, lines=credited, key=key
                )
                return note, True

        return await again(once)

    async def sweep(self) -> int:
        """Have what is not paid in time read `overdue`; how many invoices that were."""
        now = utc(self._clock.now())
        wanted = (
            select(INVOICES.c.namespace, INVOICES.c.id, INVOICES.c.subtotal)
            .where(
                INVOICES.c.status == InvoiceStatus.SENT.value,
                INVOICES.c.due_date < (now + _EAST).date().isoformat(),
            )
            .order_by(INVOICES.c.due_date)
        )
        async with self._database.reading() as connection:
            # An invoice of nothing is never late.
            found = [row for row in await connection.execute(wanted) if Decimal(row.subtotal)]
        turned = 0
        for row in found:
            async with self._database.begin() as unit:
                work = BooksWork(unit)
                invoice = await locked(work, row.namespace, row.id)
                before = invoice.status
                turned += before != (await self.restand(work, invoice)).status
        return turned

    async def look_after(self) -> None:
        """Sweep now and then, for ever."""
        while True:
            await self.sweep()
            await self._clock.sleep(SWEEP_EVERY)

    async def restand(self, work: BooksWork, invoice: Invoice) -> Invoice:
        """Have an invoice that is locked read as it stands by the ledger."""
        now = utc(self._clock.now())
        due = max(0, await work.net(invoice.namespace, invoice.id))
        status = standing_status(invoice, due, now)
        return await self._put(work, invoice, status)

    async def _move(self, work: BooksWork, invoice: Invoice, wanted: InvoiceStatus) -> Invoice:
        now = utc(self._clock.now())
        allowed = [one for one in MOVES[invoice.status] if one is not InvoiceStatus.OVERDUE]
        due = max(0, await work.net(invoice.namespace, invoice.id))
        late = due > 0 and invoice.status is InvoiceStatus.SENT and is_overdue(invoice, now)
        if late:
            allowed.append(InvoiceStatus.OVERDUE)
        if wanted not in allowed:
            raise InvoiceMoveRefused(
                invoice.id, invoice.status.value, wanted.value, [one.value for one in allowed]
            )
        if wanted is InvoiceStatus.PAID and due:
            raise StillDue(invoice.id, major(due, invoice.currency), invoice.currency)
        if wanted is InvoiceStatus.VOID and invoice.status is not InvoiceStatus.DRAFT:
            notes = await work.credit_notes(invoice.namespace, invoice.id)
            left = credit_notes.left_of(invoice, notes)
            if left.total:
                id_ = f"cn_{derived(invoice.id, 'void', digits=24)}"
                await self._write(work, invoice, left, "voided", id_=id_, stand=False)
        return await self._put(work, invoice, wanted)

    async def _write(
        self,
        work: BooksWork,
        invoice: Invoice,
        parts: Parts,
        reason: str,
        *,
        id_: str,
        lines: tuple[CreditedLine, ...] = (),
        key: str | None = None,
        stand: bool = True,
    ) -> tuple[CreditNote, Invoice]:
        """Write a credit note and what it does to the books."""
        namespace, currency = invoice.namespace, invoice.currency
        now = utc(self._clock.now())
        before = await work.net(namespace, invoice.id)
        number = await work.next_number(namespace, credit_notes.SERIES)
        note = CreditNote(
            namespace=namespace,
            id=id_,
            number=numbered(credit_notes.SERIES, number),
            invoice_id=invoice.id,
            currency=currency,
            subtotal=major(parts.subtotal, currency),
            tax_amount=major(parts.tax, currency),
            reason=reason,
            created_date=now,
            lines=lines,
            idempotency_key=key,
        )
        await work.add_credit_note(note)
        await work.note(
            ledger.Transaction(
                namespace=namespace,
                id=transaction_id(ledger.Act.CREDIT_NOTE, note.id),
                act=ledger.Act.CREDIT_NOTE,
                invoice_id=invoice.id,
                reference=note.id,
                currency=currency,
                at=now,
                entries=ledger.credited(before, parts.subtotal, parts.tax),
            )
        )
        return note, await self.restand(work, invoice) if stand else invoice

    async def _put(self, work: BooksWork, invoice: Invoice, status: InvoiceStatus) -> Invoice:
        if status is invoice.status:
            return invoice
        now = utc(self._clock.now())
        moved = replace(
            invoice,
            status=status,
            paid_date=paid_since(invoice, status, now),
            voided_date=now if status is InvoiceStatus.VOID else None,
            revision=invoice.revision + 1,
        )
        await work.put_invoice(moved)
        return moved


async def locked(work: BooksWork, namespace: str, invoice_id: str) -> Invoice:
    """An invoice, locked.

    Raises:
        InvoiceNotFound: There is none.
    """
    invoice = await work.invoice(namespace, invoice_id)
    if invoice is None:
        raise InvoiceNotFound(invoice_id)
    return invoice


async def again(once: Callable[[], Awaitable[T]]) -> T:
    """What `once` gives; it is done again where somebody else was quicker."""
    for _ in range(TRIES):
        try:
            return await once()
        except Raced:
            continue
    raise Unavailable("others change the same too quickly: try again")


def _content(
    invoice_id: str,
    reason: str,
    amount: Decimal | None,
    lines: Mapping[int, Decimal | None] | None,
) -> str:
    parts = sorted((lines or {}).items())
    shown = ",".join(f"{number}={_plain(part)}" for number, part in parts)
    return derived(invoice_id, reason, _plain(amount), shown)


def _plain(amount: Decimal | None) -> str:
    return "" if amount is None else format(amount.normalize(), "f")


def _note_id(namespace: str, word: str, content: str) -> str:
    return f"cn_{derived(namespace, word, content, digits=24)}"
