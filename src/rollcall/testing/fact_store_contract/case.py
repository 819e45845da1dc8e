# SPDX-License-Identifier: Apache-2.0
"""What the parts of the suite share: a store, and facts to put into it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

import pytest_asyncio
from msgspec import structs

from rollcall.analytics.models import (
    AgentFact,
    AnyFact,
    ChargeFact,
    ConversationFact,
    InvoiceLineFact,
    Kind,
    Status,
    UsageFact,
    quarter_of,
)
from rollcall.analytics.ports import FactStore, Row
from rollcall.analytics.questions import Span
from rollcall.testing.fact_store_contract.oracle import Facts

Store = FactStore

NOON: Final = datetime(2026, 3, 28, 12, 0, 0, 250_000, UTC)
"""The day before Europe's clocks go forward."""
SPAN: Final = Span(quarter_of(NOON) - 96 * 5, quarter_of(NOON) + 96 * 5)
"""Five days around it."""
TINY: Final = Decimal("0.000000000001")
HUGE: Final = Decimal("999999999999999.999999999999")


def talk(id_: str, minutes: float = 0, **fields: Any) -> ConversationFact:
    """A conversation with the agent `a`."""
    at = NOON + timedelta(minutes=minutes)
    return structs.replace(ConversationFact(namespace="n", id=id_, at=at, agent_id="a"), **fields)


def usage(id_: str, minutes: float = 0, **fields: Any) -> UsageFact:
    """A usage of the agent `a`."""
    at = NOON + timedelta(minutes=minutes)
    return structs.replace(UsageFact(namespace="n", id=id_, at=at, agent_id="a"), **fields)


def latest(facts: Iterable[AnyFact]) -> Facts:
    """What a store must hold of facts that were put in this order."""
    kept: dict[tuple[Kind, str, str], AnyFact] = {}
    for fact in facts:
        name = (fact.kind, fact.namespace, fact.id)
        if name not in kept or kept[name].revision < fact.revision:
            kept[name] = fact
    return kept


def drawn(random: Random, ids: int = 40) -> AnyFact:
    """Any fact, of few ids, so that many are told again."""
    # What a revision says depends on what it is of alone: the same one never says two things.
    kind, revision = random.choice(tuple(Kind)), random.randint(1, 3)
    number, namespace = random.randrange(ids), random.choice("nnnm")
    of = Random(f"{kind} {revision} {number} {namespace}")
    common: dict[str, Any] = {
        "namespace": namespace,
        "id": f"id-{number}",
        "at": NOON + timedelta(microseconds=of.randrange(-4 * 10**11, 4 * 10**11)),
        "revision": revision,
    }
    agent_id = of.choice(("a", "b", "c'\"; --"))
    currency = of.choice(("USD", "JPY"))
    version, model = of.choice((None, "1", "2")), of.choice((None, "x", "y"))
    match kind:
        case Kind.CONVERSATION:
            return ConversationFact(
                **common,
                agent_id=agent_id,
                agent_version=version,
                model=model,
                session=of.choice((None, 1, 2, 3, 2**62)),
                status=of.choice(tuple(Status)),
                error_type=of.choice((None, "timeout")),
                response_us=of.choice((None, 0, 1, of.randrange(500), of.randrange(10**8))),
                satisfaction=of.choice((None, None, 1, 5)),
                hidden=of.random() < 0.1,
            )
        case Kind.USAGE:
            split = of.random() < 0.7
            return UsageFact(
                **common,
                agent_id=agent_id,
                agent_version=version,
                model=model,
                provider=of.choice((None, "p")),
                requests=of.randrange(4),
                tokens=of.randrange(10**6),
                input_tokens=of.randrange(1000) if split else None,
                output_tokens=of.randrange(1000) if split else None,
                cached_tokens=of.randrange(1000) if split else None,
                estimated=of.random() < 0.5,
                cost=of.choice((None, Decimal(0), TINY, HUGE, Decimal("0.1"))),
                currency=currency,
            )
        case Kind.CHARGE:
            return ChargeFact(
                **common,
                agent_id=agent_id,
                model=model,
                period="per_2026-03",
                amount=of.choice((TINY, HUGE, -HUGE, Decimal("12.50"))),
                currency=currency,
            )
        case Kind.INVOICE_LINE:
            return InvoiceLineFact(
                **common,
                invoice_id="inv_1",
                number="2026-0001",
                line=of.randint(1, 9),
                agent_id=agent_id,
                quantity=TINY,
                amount=HUGE,
                currency=currency,
            )
        case Kind.AGENT:
            return AgentFact(
                **common,
                name=of.choice((None, "An agent \u65e5\u672c \U0001f600 \u202e")),
                industry=of.choice((None, "retail")),
                status="active",
                deleted=of.random() < 0.3,
            )


def ordered(rows: Iterable[Row]) -> list[tuple[tuple[str, Any], ...]]:
    """Rows in an order of our own, so that two answers can be compared."""
    return sorted((tuple(row.items()) for row in rows), key=repr)


class Case(ABC):
    """A store for each test."""

    store: Store

    @abstractmethod
    async def make_store(self) -> Store:
        """A new and empty store, not opened yet. Called once in a test."""

    @pytest_asyncio.fixture(autouse=True)
    async def opened(self) -> AsyncIterator[None]:
        self.store = await self.make_store()
        await self.store.open()
        yield
        await self.store.close()
