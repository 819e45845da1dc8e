"""Billing over a database, with prices that a test knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fastapi import FastAPI

from rollcall.backends.sql import outbox
from rollcall.backends.sql.database import Database
from rollcall.billing.accounts import AccountDefaults
from rollcall.billing.feed import UsageFeed
from rollcall.billing.metering import Metering, Recorded, Told
from rollcall.billing.models import (
    CardVersion,
    Item,
    ProviderCost,
    Quantities,
    Tier,
    Unit,
    Usage,
    UsageInput,
)
from rollcall.billing.module import module
from rollcall.billing.ports import ListedModel, Outstanding
from rollcall.billing.rate_cards import NewVersion
from rollcall.billing.repository import SqlBillingStore
from rollcall.billing.service import BillingService
from rollcall.events.envelope import Event
from rollcall.kernel.clock import Clock
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.services import ServiceRegistry
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import Access, OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, create_app

NAMESPACE = "default"
MODEL = "house-1"
"""A dollar for a million tokens read, three for those written, ten cents for those of a cache."""
MIDDAY = datetime(2025, 6, 15, 12, tzinfo=UTC)
"""About where the frozen clock stands."""


class KnownPrices:
    """Knows what `MODEL` costs, and nothing else."""

    source = "a list in the drawer"

    def cost(
        self, model: str, provider: str | None, quantities: Quantities, at: datetime
    ) -> ProviderCost | None:
        if model != MODEL:
            return None
        fresh = quantities.input_tokens - quantities.cached_tokens
        dear = fresh + 3 * quantities.output_tokens
        micro = Decimal(dear) + Decimal("0.1") * quantities.cached_tokens
        return ProviderCost(micro / 1_000_000, self.source)

    def models(self) -> Sequence[ListedModel]:
        return [
            ListedModel(MODEL, "House", "us", "Us", Decimal(1), Decimal(3), Decimal("0.1")),
            ListedModel("stepped", "Stepped", "us", "Us", None, None, None),
        ]


def service_of(
    database: Database,
    clock: Clock,
    defaults: AccountDefaults | None = None,
    outstanding: Outstanding | None = None,
) -> BillingService:
    """Billing over a database."""
    store = SqlBillingStore(database)
    return BillingService(store, KnownPrices(), clock, RandomIds(), defaults, outstanding)


def feed_of(database: Database, billing: BillingService) -> UsageFeed:
    """What billing hears."""
    return UsageFeed(SqlBillingStore(database), billing.metering)


def app_of(
    database: Database, clock: Clock, billing: BillingService, access: Access | None = None
) -> FastAPI:
    """HTTP over billing."""
    services = ServiceRegistry()
    services.register("billing_service", billing)
    access = access or OpenAccess()
    kit = Kit(
        "billing", "1", clock, RandomIds(), access, InMemoryAuditLog(), Drain(), services=services
    )
    return create_app([module(feed_of(database, billing))], kit)


async def told(database: Database, type_: str | None = None) -> list[Event]:
    """The events that were published, in order."""
    async with database.reading() as connection:
        events = [entry.event for entry in await outbox.read(connection, 0, 10_000)]
    return [one for one in events if type_ in (None, one.type)]


def usage(agent_id: str = "a", **said: Any) -> UsageInput:
    """A usage, as it is told."""
    return UsageInput(agent_id=agent_id, **said)


async def record(metering: Metering, *every: Told | UsageInput) -> list[Usage]:
    """What becomes of usages that must all be recorded."""
    outcomes = await metering.record(
        NAMESPACE, [one if isinstance(one, Told) else Told(usage=one) for one in every]
    )
    usages: list[Usage] = []
    for one in outcomes:
        if not isinstance(one, Recorded):
            raise one
        usages.append(one.usage)
    return usages


def priced(unit: Unit, price: str, **more: Any) -> Item:
    """An item with a price."""
    return Item(unit=unit, price=Decimal(price), **more)


def tiered(unit: Unit, *tiers: tuple[int | None, str], **more: Any) -> Item:
    """An item with tiers."""
    made = (Tier(None if end is None else Decimal(end), Decimal(each)) for end, each in tiers)
    return Item(unit=unit, tiers=tuple(made), **more)


def version(*items: Item, number: int = 1, **more: Any) -> CardVersion:
    """A version of a card."""
    return CardVersion(
        card_id="c",
        version=number,
        effective_from=None,
        items=items,
        created_at=MIDDAY,
        author="x",
        **more,
    )


async def give_card(
    billing: BillingService, *items: Item, agents: Iterable[str] = ("a",), **more: Any
) -> str:
    """Make a rate card and give it to agents; its id."""
    card, _ = await billing.cards.create(NAMESPACE, "card", NewVersion(items=items, **more))
    for agent in agents:
        await billing.cards.assign(NAMESPACE, "agents", agent, card.id)
    return card.id
