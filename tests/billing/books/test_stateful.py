"""Whatever is done to the books in whatever order, they balance, and say what a model says."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.billing.books_errors import InvoiceMoveRefused, MoreThanLeft, NotFinal
from rollcall.billing.errors import AgentNotTracked
from rollcall.billing.invoices import InvoiceStatus
from rollcall.billing.ledger_accounts import Account
from rollcall.kernel.clock import utc
from support.books import HERE, Shop

pytestmark = pytest.mark.slow

T = TypeVar("T")

AGENTS = st.sampled_from(["writer", "painter"])
CENTS = st.integers(1, 3000).map(lambda cents: Decimal(cents).scaleb(-2))
PLACE = st.integers(0, 10**6)
ZERO = Decimal(0)


@dataclass
class Model:
    """An invoice as it must stand."""

    total: Decimal
    credited: Decimal = ZERO
    void: bool = False
    payments: dict[str, list[Decimal]] = field(default_factory=dict[str, list[Decimal]])

    @property
    def net(self) -> Decimal:
        paid = sum((amount - back for amount, back in self.payments.values()), ZERO)
        return self.total - self.credited - paid


class Books(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.invoices: dict[str, Model] = {}
        self.uncharged: dict[str, Decimal] = {}
        self.numbers = 0
        self.rates: dict[str, Decimal] = {}

        async def opened() -> Shop:
            database = Database(dialect_of(f"sqlite:///{Path(self.folder.name)}/x.db"))
            await database.open()
            shop = Shop(database)
            await shop.open()
            return shop

        self.shop = self.do(opened())

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            self.do(self.shop.database.close())
            self.loop.close()
            self.folder.cleanup()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def some(self, place: int) -> tuple[str, Model]:
        ids = sorted(self.invoices)
        id_ = ids[place % len(ids)]
        return id_, self.invoices[id_]

    @rule(agent=AGENTS, tokens=st.integers(0, 9999), days_ago=st.integers(0, 70))
    def use(self, agent: str, tokens: int, days_ago: int) -> None:
        at = utc(self.shop.clock.now()) - timedelta(days=days_ago)
        self.do(self.shop.use(agent, at=at, input_tokens=tokens))
        self.rates.setdefault(agent, Decimal("0.08"))

    @rule(days=st.integers(1, 20))
    def wait(self, days: int) -> None:
        self.do(self.shop.clock.advance(days * 86400))
        self.do(self.shop.books.settling.sweep())

    @rule(agent=AGENTS)
    def draft(self, agent: str) -> None:
        made = self.do(self.shop.books.invoicing.generate(HERE))
        assert all(one.status is InvoiceStatus.DRAFT for one in made)

    @rule(place=PLACE)
    def finalise(self, place: int) -> None:
        drafts = self.do(self.shop.books.invoicing.generate(HERE))
        if not drafts:
            return
        draft = drafts[place % len(drafts)]
        final = self.do(self.shop.books.settling.move(HERE, draft.id, InvoiceStatus.SENT))
        self.numbers += 1
        assert final.number == f"INV-{self.numbers:06}"
        assert final.total_amount == draft.total_amount
        assert final.terms.tax_rate == self.rates[final.agent_id]
        exact = final.subtotal * self.rates[final.agent_id]
        assert abs(final.tax_amount - exact) <= Decimal("0.005")
        self.invoices[final.id] = Model(final.total_amount)

    @rule(agent=AGENTS, percent=st.integers(0, 100) | st.none())
    def tax(self, agent: str, percent: int | None) -> None:
        rate = None if percent is None else Decimal(percent) / 100
        try:
            self.do(self.shop.books.tax_rates.put(HERE, agent, rate))
        except AgentNotTracked:
            assert agent not in self.rates
        else:
            self.rates[agent] = Decimal("0.08") if rate is None else rate

    @rule(place=PLACE)
    def drop_a_draft(self, place: int) -> None:
        drafts = self.do(self.shop.books.invoicing.generate(HERE))
        if drafts:
            chosen = drafts[place % len(drafts)]
            self.do(self.shop.books.settling.move(HERE, chosen.id, InvoiceStatus.VOID))

    @precondition(lambda self: self.invoices)
    @rule(place=PLACE, amount=CENTS)
    def pay(self, place: int, amount: Decimal) -> None:
        id_, model = self.some(place)
        invoice = self.do(self.shop.books.reads.invoice(HERE, id_)).invoice
        try:
            payment = self.do(self.shop.pay(invoice, amount))
        except NotFinal:
            assert model.void
        else:
            model.payments[payment.id] = [amount, ZERO]

    @precondition(lambda self: any(one.payments for one in self.invoices.values()))
    @rule(place=PLACE, amount=CENTS | st.none())
    def refund(self, place: int, amount: Decimal | None) -> None:
        paid = [(one, id_) for one in self.invoices.values() for id_ in one.payments]
        model, id_ = paid[place % len(paid)]
        whole, back = model.payments[id_]
        wanted = whole - back if amount is None else amount
        try:
            self.do(self.shop.books.paying.refund(HERE, id_, amount, None))
        except MoreThanLeft:
            assert not 0 < wanted <= whole - back
        else:
            model.payments[id_][1] += wanted

    @precondition(lambda self: self.invoices)
    @rule(place=PLACE, amount=CENTS)
    def credit(self, place: int, amount: Decimal) -> None:
        id_, model = self.some(place)
        try:
            self.do(self.shop.books.settling.credit(HERE, id_, "why", amount=amount))
        except NotFinal:
            assert model.void
        except MoreThanLeft:
            assert amount > model.total - model.credited
        else:
            model.credited += amount

    @precondition(lambda self: self.invoices)
    @rule(place=PLACE)
    def void(self, place: int) -> None:
        id_, model = self.some(place)
        paid = not model.void and model.net <= 0 and model.total > 0
        try:
            self.do(self.shop.books.settling.move(HERE, id_, InvoiceStatus.VOID))
        except InvoiceMoveRefused:
            assert model.void or paid
        else:
            assert not paid
            model.void = True
            model.credited = model.total

    @invariant()
    def the_books_balance(self) -> None:
        if not hasattr(self, "shop"):
            return
        balances = self.do(self.shop.balances())
        models = self.invoices.values()
        zero = Decimal(0)
        assert balances.get(Account.RECEIVABLE, zero) == sum(
            (max(m.net, zero) for m in models), zero
        )
        assert balances.get(Account.CUSTOMER_CREDIT, zero) == sum(
            (min(m.net, zero) for m in models), zero
        )
        assert balances.get(Account.CASH, zero) == sum(
            (amount - back for m in models for amount, back in m.payments.values()), zero
        )
        assert not balances.get(Account.REFUNDS_PAYABLE)

    @invariant()
    def each_invoice_stands_as_the_model_says(self) -> None:
        for id_, model in getattr(self, "invoices", {}).items():
            shown = self.do(self.shop.books.reads.invoice(HERE, id_))
            assert shown.amounts.due == max(model.net, ZERO)
            assert shown.amounts.credit == max(-model.net, ZERO)
            assert shown.amounts.credited == model.credited
            status = shown.invoice.status
            if model.void:
                assert status is InvoiceStatus.VOID
            elif model.total:
                assert (status is InvoiceStatus.PAID) == (model.net <= 0)

    @invariant()
    def every_invoice_verifies(self) -> None:
        for id_ in list(getattr(self, "invoices", {}))[-2:]:
            report = self.do(self.shop.books.verifying.verify(HERE, id_))
            assert report.verified, report.differences


Books.TestCase.settings = settings(
    max_examples=10,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestBooks = Books.TestCase
