"""A shop that sells what agents use: usage, prices and the books over one database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Table, select, update

from rollcall.backends.sql import outbox
from rollcall.backends.sql.database import Database
from rollcall.billing import books_module, module
from rollcall.billing.accounts import AccountChange, AccountDefaults, Accounts
from rollcall.billing.books_reads import Shown
from rollcall.billing.books_service import BooksService
from rollcall.billing.books_tables import INVOICES
from rollcall.billing.feed import UsageFeed
from rollcall.billing.invoices import Invoice, InvoiceStatus
from rollcall.billing.issuers import NOBODY, Issuer
from rollcall.billing.ledger_accounts import Account
from rollcall.billing.metering import Told
from rollcall.billing.models import Item, Tier, Unit, Usage, UsageInput
from rollcall.billing.payments import Payment
from rollcall.billing.payments import Told as Paid
from rollcall.billing.provider_prices import ListPrices
from rollcall.billing.rate_cards import NewVersion
from rollcall.billing.repository import SqlBillingStore
from rollcall.billing.service import BillingService
from rollcall.billing.webhooks import Secrets
from rollcall.events.envelope import Event
from rollcall.kernel.clock import utc
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.services import ServiceRegistry
from rollcall.testing.clock import FrozenClock
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import Access, OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app

NOVEMBER = datetime(2026, 11, 10, 12, tzinfo=UTC)
HERE = "default"
SECRET = b"secret of the provider"
PRICES = (
    Item(unit=Unit.INPUT_TOKEN, price=Decimal("0.0021")),
    Item(unit=Unit.OUTPUT_TOKEN, price=Decimal("0.0063")),
    Item(
        unit=Unit.REQUEST,
        tiers=(Tier(Decimal(3), Decimal("0.10")), Tier(None, Decimal("0.05"))),
    ),
)


class Shop:
    """What is sold here is priced by one rate card, `standard`."""

    def __init__(
        self, database: Database, at: datetime = NOVEMBER, issuer: Issuer = NOBODY
    ) -> None:
        ids = RandomIds()
        self.database = database
        self.clock = FrozenClock(at.timestamp())
        store, defaults = SqlBillingStore(database), AccountDefaults()
        self.accounts = Accounts(store, self.clock, defaults)
        secrets: Secrets = {"acme": [SECRET]}
        self.books = BooksService(database, self.accounts.get, self.clock, ids, secrets, issuer)
        prices = ListPrices(self.clock)
        self.billing = BillingService(store, prices, self.clock, ids, defaults, self.books.reads)

        self.feed = UsageFeed(store, self.billing.metering)

    async def open(self, *, items: tuple[Item, ...] = PRICES, **account: Any) -> None:
        """Set the prices, and how the account is billed."""
        if account:
            await self.accounts.change(HERE, AccountChange(**account))
        await self.billing.cards.create(
            HERE, "Standard", NewVersion(items=items), card_id="standard"
        )
        await self.accounts.change(HERE, AccountChange(rate_card_id="standard"))

    async def use(self, agent: str = "writer", at: datetime | None = None, **said: Any) -> Usage:
        """Use something; by default 1000 tokens read and 500 written in one request."""
        told = {"input_tokens": 1000, "output_tokens": 500, "model": "gpt-5-mini"} | said
        key = told.pop("key", None)
        usage = UsageInput(agent_id=agent, at=at, **told)
        (outcome,) = await self.billing.metering.record(HERE, [Told(usage=usage, key=key)])
        assert not isinstance(outcome, Exception), outcome
        return outcome.usage

    async def draft(self, agent: str = "writer") -> Invoice:
        """The draft of what an agent has used."""
        (draft,) = await self.books.invoicing.generate(HERE, agent_id=agent)
        return draft

    async def sent(self, agent: str = "writer") -> Invoice:
        """The invoice of what an agent has used, finalised."""
        draft = await self.draft(agent)
        return await self.books.settling.move(HERE, draft.id, InvoiceStatus.SENT)

    async def pay(self, invoice: Invoice, amount: str | Decimal, **said: Any) -> Payment:
        """Pay something for an invoice."""
        told = Paid(
            invoice_id=invoice.id,
            amount=Decimal(amount),
            **({"payment_method": "card"} | said),
        )
        return (await self.books.paying.record(HERE, told))[0]

    async def shown(self, invoice: Invoice) -> Shown:
        """How an invoice stands."""
        return await self.books.reads.invoice(HERE, invoice.id)

    async def balances(self) -> dict[Account, Decimal]:
        """What each account comes to, where that is not nothing; they sum to zero."""
        found = await self.books.reads.balances(HERE)
        assert not sum(one.balance for one in found)
        return {one.account: one.balance for one in found if one.balance}

    async def told(self, type_: str) -> list[Event]:
        """The events of a type that were published, in order."""
        async with self.database.reading() as connection:
            entries = await outbox.read(connection, 0, 100_000)
        return [entry.event for entry in entries if entry.event.type == type_]

    async def tamper(self, table: Table, values: dict[str, Any], *where: Any) -> None:
        """Change a row behind everybody's back."""
        async with self.database.begin() as work:
            done = await work.connection.execute(update(table).where(*where).values(values))
        assert done.rowcount

    async def numbers(self) -> list[str]:
        """The numbers that were given to invoices, sorted."""
        wanted = select(INVOICES.c.number).where(INVOICES.c.number.is_not(None))
        async with self.database.reading() as connection:
            return sorted((await connection.execute(wanted)).scalars())

    async def move_to(self, moment: datetime) -> None:
        """Let time pass."""
        await self.clock.advance((moment - utc(self.clock.now())).total_seconds())

    def app(self, access: Access | None = None) -> FastAPI:
        """HTTP over the books."""
        services = ServiceRegistry()
        services.register("books_service", self.books)
        services.register("billing_service", self.billing)
        kit = Kit(
            "billing",
            "1",
            self.clock,
            RandomIds(),
            access or OpenAccess(),
            InMemoryAuditLog(),
            Drain(),
            services=services,
        )
        parts = books_module.parts(self.books, self.clock)
        return create_app([module.module(self.feed, parts)], kit)

    def client(self, access: Access | None = None) -> httpx.AsyncClient:
        """A caller of `app`."""
        transport = httpx.ASGITransport(self.app(access))
        return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def sent(shop: Shop, client: httpx.AsyncClient) -> dict[str, Any]:
    """An invoice over 5.78 USD."""
    await shop.use()
    (draft,) = (await client.post("/api/invoices/generate", json={})).json()
    answer = await client.patch(f"/api/invoices/{draft['id']}/status", json={"status": "sent"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def problem(answer: httpx.Response) -> str:
    """The kind of an answer that is a problem."""
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["type"].removeprefix("urn:rollcall:problem:")
