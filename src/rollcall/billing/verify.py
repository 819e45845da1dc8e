# SPDX-License-Identifier: Apache-2.0
"""Working an invoice out again, from what was told of each usage to the ledger's last entry.

Nothing that is kept is believed: quantities come from what was told, prices from the rate card's
version, sums from usages, tax and totals from lines, the books from documents. What differs in its
last digit is found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Table, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.billing import ledger
from rollcall.billing.books_errors import InvoiceNotFound
from rollcall.billing.books_repository import credit_notes_of, with_lines
from rollcall.billing.books_rows import payment_of, refund_of
from rollcall.billing.books_tables import (
    CREDIT_NOTES,
    ENTRIES,
    INVOICES,
    NUMBERS,
    PAYMENTS,
    REFUNDS,
    TRANSACTIONS,
)
from rollcall.billing.credit_notes import SERIES as CREDIT_NOTE_SERIES
from rollcall.billing.currencies import minor
from rollcall.billing.invoice_lines import Gathering, InvoiceLine
from rollcall.billing.invoice_usages import charges, chunks, of_invoice
from rollcall.billing.invoices import SERIES, Invoice, InvoiceStatus, due_on, totals
from rollcall.billing.ledger import Act
from rollcall.billing.models import CardVersion
from rollcall.billing.payments import PaymentStatus
from rollcall.billing.rate_cards import built_in
from rollcall.billing.rows import usage_of, version_of
from rollcall.billing.tables import CARD_VERSIONS, USAGE
from rollcall.billing.usage_checks import Difference, differences, shown
from rollcall.sql import Sql

SHOWN: Final = 20
"""How many differences a report names; it counts them all."""
CHUNK: Final = 1000

CHECKS: Final = {
    "usages": "each usage is priced again from what was told of it",
    "lines": "the lines are added up again, each rounded once",
    "totals": "subtotal, tax and dates follow from the lines and the terms",
    "number": "the numbers of all invoices have no gap",
    "ledger": "the books say what the documents say, and balance",
}


class Check(msgspec.Struct, frozen=True):
    """What was looked at.

    Args:
        name: As in `CHECKS`.
        says: What is checked, for people.
        compared: How many things were compared.
        ok: Whether all were as they must be.
    """

    name: str
    says: str
    compared: int
    ok: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What working an invoice out again has shown.

    Args:
        verified: Whether everything is as it must be.
        usages: How many usages were priced again.
        differences: The first of what is not.
        differences_count: How many there are.
    """

    invoice_id: str
    number: str | None
    status: str
    verified: bool
    usages: int
    total_amount: Decimal
    currency: str
    checks: tuple[Check, ...]
    differences: tuple[Difference, ...]
    differences_count: int


class Verifying:
    """Works invoices out again.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Sql) -> None:
        self._database = database

    async def verify(self, namespace: str, invoice_id: str) -> Report:
        """Work an invoice out again, in one state of the database.

        Raises:
            InvoiceNotFound: There is none.
        """
        async with self._database.reading() as connection:
            wanted = select(INVOICES).where(
                INVOICES.c.namespace == namespace, INVOICES.c.id == invoice_id
            )
            row = (await connection.execute(wanted)).one_or_none()
            if row is None:
                raise InvoiceNotFound(invoice_id)
            return await _Verification(connection, await with_lines(connection, row)).run()


class _Verification:
    """One invoice that is being worked out again."""

    def __init__(self, connection: AsyncConnection, invoice: Invoice) -> None:
        self._connection = connection
        self._invoice = invoice
        self._found: list[Difference] = []
        self._count = dict.fromkeys(CHECKS, 0)
        self._wrong = dict.fromkeys(CHECKS, 0)

    async def run(self) -> Report:
        invoice = self._invoice
        lines = await self._usages()
        self._lines(lines)
        self._totals()
        if invoice.number is not None:
            await self._number()
        await self._ledger()
        total = sum(self._wrong.values())
        return Report(
            invoice_id=invoice.id,
            number=invoice.number,
            status=invoice.status.value,
            verified=not total,
            usages=self._count["usages"],
            total_amount=invoice.total_amount,
            currency=invoice.currency,
            checks=tuple(
                Check(name, says, self._count[name], not self._wrong[name])
                for name, says in CHECKS.items()
            ),
            differences=tuple(self._found),
            differences_count=total,
        )

    async def _usages(self) -> tuple[InvoiceLine, ...]:
        """Price the usages again; the lines that they come to."""
        cards: dict[tuple[str, int], CardVersion | None] = {}
        sums = Gathering()
        where = of_invoice(self._invoice)
        async for rows in chunks(self._connection, where, tuple(USAGE.c), size=CHUNK):
            wanted = {(row.rate_card_id, row.rate_card_version) for row in rows} - cards.keys()
            if wanted:
                cards |= await _versions(self._connection, self._invoice, wanted)
            self._count["usages"] += len(rows)
            self._note(await asyncio.to_thread(_priced_again, rows, cards, sums, self._invoice))
        return sums.lines(self._invoice.currency)

    def _lines(self, again: Sequence[InvoiceLine]) -> None:
        if self._invoice.status is InvoiceStatus.VOID and self._invoice.finalised_date is None:
            # What it would have charged is another draft's now.
            return
        kept = self._invoice.lines
        self._compare("lines", "the invoice", "usages", self._count["usages"], self._invoice.usages)
        self._compare("lines", "the invoice", "number of lines", len(again), len(kept))
        for new, old in zip(again, kept, strict=False):
            for field in InvoiceLine.__struct_fields__:
                where = f"line {old.number}"
                self._compare("lines", where, field, getattr(new, field), getattr(old, field))

    def _totals(self) -> None:
        invoice = self._invoice
        subtotal, tax = totals(invoice.lines, invoice.terms)
        self._compare("totals", "the invoice", "subtotal", subtotal, invoice.subtotal)
        self._compare("totals", "the invoice", "tax_amount", tax, invoice.tax_amount)
        if invoice.finalised_date is not None:
            due = due_on(invoice.finalised_date, invoice.terms)
            self._compare("totals", "the invoice", "due_date", due, invoice.due_date)

    async def _number(self) -> None:
        invoice = self._invoice
        assert invoice.number is not None
        await self._series(INVOICES, SERIES, invoice.number)
        notes = await credit_notes_of(self._connection, invoice.namespace, invoice.id)
        for note in notes:
            await self._series(CREDIT_NOTES, CREDIT_NOTE_SERIES, note.number)

    async def _series(self, table: Table, series: str, number: str) -> None:
        """Compare how many numbers of a series were given with how many are there."""
        namespace = self._invoice.namespace
        there = select(func.count(table.c.number)).where(table.c.namespace == namespace)
        last = select(NUMBERS.c.last).where(
            NUMBERS.c.namespace == namespace, NUMBERS.c.series == series
        )
        # By one statement: somebody else may be given the next number meanwhile.
        both = select(there.scalar_subquery(), last.scalar_subquery())
        count, given = (await self._connection.execute(both)).one()
        self._compare("number", f"all of {series}", "how many numbers were given", given, count)
        place = number.removeprefix(f"{series}-")
        inside = place.isdecimal() and 1 <= int(place) <= (given or 0)
        self._compare("number", number, "is one of those that were given", True, inside)

    async def _ledger(self) -> None:
        """Compare the ledger's transactions with what the documents must have written."""
        wanted, standing = await self._documents()
        found = await self._transactions()
        for key in sorted(wanted.keys() | found.keys()):
            act, reference = key
            self._compare(
                "ledger", f"{act} {reference}", "entries", wanted.get(key), found.get(key)
            )
        for key, entries in sorted(found.items()):
            total = sum(amount for _, amount in entries)
            self._compare("ledger", " ".join(key), "sum of the entries", 0, total)
        sums: dict[str, int] = {}
        for entries in found.values():
            for account, amount in entries:
                sums[account] = sums.get(account, 0) + amount
        self._compare("ledger", "receivable", "balance", standing.due, sums.get("receivable", 0))
        credit = -sums.get("customer_credit", 0)
        self._compare("ledger", "customer_credit", "balance", standing.credit, credit)
        if self._invoice.status is InvoiceStatus.PAID:
            self._compare("ledger", "the paid invoice", "due", 0, standing.due)

    async def _documents(
        self,
    ) -> tuple[dict[tuple[str, str], list[tuple[str, int]]], ledger.Standing]:
        """What the documents of the invoice must have written, in the order in which they came."""
        invoice, currency = self._invoice, self._invoice.currency
        wanted: dict[tuple[str, str], list[tuple[str, int]]] = {}
        if invoice.finalised_date is None:
            return wanted, ledger.Standing(total=0)
        parts = invoice.parts
        net = total = parts.total
        if total:
            wanted[Act.INVOICE, invoice.id] = _sides(ledger.invoiced(parts.subtotal, parts.tax))
        # Not by their times: clocks of several processes differ, and may be set back.
        order = {
            (row.act, row.reference): place
            for place, row in enumerate(await self._rows(TRANSACTIONS))
        }
        acts: list[tuple[tuple[str, str], int, Any]] = []
        credited = paid = refunded = 0
        for note in await credit_notes_of(self._connection, invoice.namespace, invoice.id):
            acts.append(((Act.CREDIT_NOTE, note.id), note.parts.total, note.parts))
            credited += note.parts.total
        for row in await self._rows(PAYMENTS):
            payment = payment_of(row)
            if payment.status in (PaymentStatus.COMPLETED, PaymentStatus.REFUNDED):
                units = minor(payment.amount, currency)
                acts.append(((Act.PAYMENT, payment.id), units, None))
                paid += units
        for row in await self._rows(REFUNDS):
            refund = refund_of(row)
            units = minor(refund.amount, currency)
            acts.append(((Act.REFUND, refund.id), units, None))
            refunded += units
        for key, units, of in sorted(acts, key=lambda act: order.get(act[0], len(order))):
            if key[0] == Act.CREDIT_NOTE:
                wanted[key] = _sides(ledger.credited(net, of.subtotal, of.tax))
                net -= units
            elif key[0] == Act.PAYMENT:
                wanted[key] = _sides(ledger.paid(net, units))
                net -= units
            else:
                wanted[key] = _sides(ledger.refunded(net, units))
                wanted[Act.PAYOUT, key[1]] = _sides(ledger.paid_out(units))
                net += units
        standing = ledger.Standing(total=total, credited=credited, paid=paid, refunded=refunded)
        return wanted, standing

    async def _transactions(self) -> dict[tuple[str, str], list[tuple[str, int]]]:
        acts = {row.id: (row.act, row.reference) for row in await self._rows(TRANSACTIONS)}
        found: dict[tuple[str, str], list[tuple[str, int]]] = {key: [] for key in acts.values()}
        for row in await self._rows(ENTRIES):
            where = f"an entry of {row.transaction_id}"
            self._compare("ledger", where, "currency", self._invoice.currency, row.currency)
            key = acts.get(row.transaction_id, ("unknown", row.transaction_id))
            found.setdefault(key, []).append((row.account, row.amount))
        return {key: sorted(entries) for key, entries in found.items()}

    async def _rows(self, table: Any) -> Sequence[Any]:
        """The invoice's rows of a table, in the order in which they were written."""
        wanted = select(table).where(
            table.c.namespace == self._invoice.namespace,
            table.c.invoice_id == self._invoice.id,
        )
        if table is TRANSACTIONS:
            wanted = wanted.order_by(table.c.place)
        return (await self._connection.execute(wanted)).all()

    def _compare(self, check: str, where: str, field: str, expected: object, found: object) -> None:
        self._count[check] += 1
        if expected != found:
            self._note([Difference(check, where, field, _shown(expected), _shown(found))])

    def _note(self, differences: Iterable[Difference]) -> None:
        for one in differences:
            self._wrong[one.check] += 1
            if len(self._found) < SHOWN:
                self._found.append(one)


def _priced_again(
    rows: Sequence[Any],
    cards: dict[tuple[str, int], CardVersion | None],
    sums: Gathering,
    invoice: Invoice,
) -> list[Difference]:
    return list(_each(rows, cards, sums, invoice))


def _each(
    rows: Sequence[Any],
    cards: dict[tuple[str, int], CardVersion | None],
    sums: Gathering,
    invoice: Invoice,
) -> Iterator[Difference]:
    zone = ZoneInfo(invoice.terms.time_zone)
    for row in rows:
        card = cards.get((row.rate_card_id, row.rate_card_version))
        try:
            yield from differences(usage_of(row), card, invoice.currency)
            for charge in charges(row, zone):
                sums.add(charge)
        except (msgspec.MsgspecError, ArithmeticError, ValueError) as error:
            yield Difference("usages", f"usage {row.id}", "row", "can be read", str(error))


async def _versions(
    connection: AsyncConnection, invoice: Invoice, wanted: Collection[tuple[str, int]]
) -> dict[tuple[str, int], CardVersion | None]:
    """Versions of rate cards; None: it is not there."""
    columns = CARD_VERSIONS.c
    found = await connection.execute(
        select(CARD_VERSIONS).where(
            columns.namespace == invoice.namespace,
            tuple_(columns.card_id, columns.version).in_(sorted(wanted)),
        )
    )
    there: dict[tuple[str, int], CardVersion | None] = dict.fromkeys(wanted)
    for one in built_in(invoice.currency).versions:
        if (one.card_id, one.version) in there:
            there[one.card_id, one.version] = one
    return there | {(row.card_id, row.version): version_of(row) for row in found}


def _sides(entries: Iterable[ledger.Entry]) -> list[tuple[str, int]]:
    return sorted((one.account.value, one.amount) for one in entries)


def _shown(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else shown(value)
