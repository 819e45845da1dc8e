"""What events tell billing, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.sql.database import Database
from rollcall.billing.errors import AgentNotTracked
from rollcall.billing.feed import GROUP
from rollcall.billing.metering import Recorded, Told
from rollcall.billing.models import Unit, Usage
from rollcall.billing.module import module
from rollcall.billing.repository import SqlBillingStore
from rollcall.billing.service import BillingService
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.envelope import Event
from rollcall.events.subscriptions import DeliverySettings
from rollcall.kernel.errors import InvalidInput
from rollcall.policies.retry import RetryPolicy
from rollcall.testing.clock import FrozenClock
from support.billing import (
    MIDDAY,
    MODEL,
    NAMESPACE,
    feed_of,
    give_card,
    priced,
    told,
    usage,
)


def event(type_: str, id_: str, data: dict[str, Any], at: datetime = MIDDAY) -> Event:
    return Event(
        id=id_,
        type=type_,
        source="/conversations",
        subject="s",
        time=at,
        data=data,
        namespace=NAMESPACE,
    )


def used(id_: str = "u1", conversation: str = "t1", **more: Any) -> Event:
    data = {
        "conversation_id": conversation,
        "agent_id": "a",
        "session_id": "s",
        "model_used": MODEL,
        "provider": "us",
        "tokens_used": 110,
        "input_tokens": 100,
        "output_tokens": 10,
        "cached_tokens": 0,
        "requests": 2,
        "estimated": False,
        "cost": "5",
        "currency": "USD",
        "priced_by": "x",
    }
    return event("usage.recorded", id_, data | more)


def ended(id_: str = "e1", conversation: str = "t1", milliseconds: float = 90_000) -> Event:
    data = {
        "conversation_id": conversation,
        "agent_id": "a",
        "session_id": "s",
        "user_message": "?",
        "agent_response": "!",
        "response_time_ms": milliseconds,
        "tools": [],
    }
    return event("conversation.completed", id_, data)


async def hear(database: Database, billing: BillingService, *events: Event) -> None:
    async with database.begin() as work:
        await feed_of(database, billing).handle(events, work)


async def name_of(database: Database) -> str:
    agent = await SqlBillingStore(database).agent(NAMESPACE, "a")
    assert agent is not None
    return agent.name


async def usages(billing: BillingService) -> list[Usage]:
    return list((await billing.agent_usage(NAMESPACE, "a", limit=100)).usages)


async def test_a_conversation_is_charged_with_what_it_used_of_a_model(
    billing: BillingService, database: Database
) -> None:
    await give_card(
        billing,
        priced(Unit.INPUT_TOKEN, "0.001"),
        priced(Unit.OUTPUT_TOKEN, "0.002"),
        priced(Unit.REQUEST, "1"),
        priced(Unit.CONVERSATION, "0.5"),
        priced(Unit.MINUTE, "0.1"),
    )
    await hear(database, billing, ended(), used())
    found = {one.key: one for one in await usages(billing)}
    assert found["e1"].amount == Decimal("0.65")
    assert found["u1"].amount == Decimal("2.12")
    assert found["u1"].reported_cost == 5
    assert found["u1"].source == "/conversations"
    charged = await told(database, "usage.charged")
    assert {one.correlation_id for one in charged} == {"e1", "u1"}


async def test_the_same_event_charges_once(billing: BillingService, database: Database) -> None:
    await hear(database, billing, used(), used())
    await hear(database, billing, used())
    assert len(await usages(billing)) == 1


async def test_an_event_and_a_caller_who_tell_of_one_conversation_by_one_key_are_charged_once(
    billing: BillingService, database: Database
) -> None:
    posted = Told(usage=usage(conversation_id="t1", model=MODEL, tokens_used=110), key="u1")
    await hear(database, billing, used())
    (outcome,) = await billing.metering.record(NAMESPACE, [posted])
    assert isinstance(outcome, Recorded)
    assert not outcome.new
    other = Told(usage=usage(conversation_id="t2", model=MODEL, tokens_used=110), key="u2")
    (outcome,) = await billing.metering.record(NAMESPACE, [other])
    assert isinstance(outcome, Recorded)
    await hear(database, billing, used("u2", "t2"))
    assert len(await usages(billing)) == 2


async def test_an_event_is_never_lost_to_a_key_that_somebody_chose(
    billing: BillingService, database: Database
) -> None:
    taken = Told(usage=usage(conversation_id="elsewhere", input_tokens=1), key="u1")
    await billing.metering.record(NAMESPACE, [taken])
    await hear(database, billing, used())
    await hear(database, billing, used())
    assert len(await usages(billing)) == 2


async def test_a_new_agent_has_its_costs_tracked_at_once(
    billing: BillingService, database: Database
) -> None:
    with pytest.raises(AgentNotTracked):
        await billing.agent_usage(NAMESPACE, "new", limit=10)
    await hear(database, billing, event("agent.created", "c", {"agent_id": "new", "name": "New"}))
    found = await billing.agent_usage(NAMESPACE, "new", limit=10)
    assert (list(found.usages), found.totals) == ([], (0, 0, 0))
    await hear(database, billing, event("agent.deleted", "d", {"agent_id": "new"}))
    assert (await billing.agent_usage(NAMESPACE, "new", limit=10)).totals.usages == 0


async def test_an_agent_is_known_by_its_business_and_by_its_newest_name(
    billing: BillingService, database: Database
) -> None:
    agent = {"agent_id": "a"}
    created = event("agent.created", "1", {**agent, "name": "Clerk", "business_name": "Acme"})
    await hear(database, billing, created, event("agent.deleted", "2", agent))
    assert await name_of(database) == "Acme"
    changes = {**agent, "changes": []}
    updated = event("agent.updated", "3", {**changes, "name": "Clerk", "business_name": "Roe"})
    # As it was told by earlier versions of us.
    await hear(database, billing, updated, event("agent.updated", "4", changes))
    assert await name_of(database) == "Roe"


@pytest.mark.parametrize(
    "bad",
    [
        used("bad", input_tokens=-1),
        used("bad", input_tokens="many"),
        used("bad", agent_id=7),
        event("agent.created", "bad", {"agent_id": None, "name": ""}),
    ],
)
async def test_an_event_that_says_nothing_is_refused_with_its_batch(
    small: BillingService, sqlite: Database, bad: Event
) -> None:
    with pytest.raises(InvalidInput):
        await hear(sqlite, small, used(), bad)
    with pytest.raises(AgentNotTracked):
        await usages(small)


async def test_what_a_server_counts_beside_its_cache_is_no_fault(
    small: BillingService, sqlite: Database
) -> None:
    await hear(sqlite, small, used(cached_tokens=5000))
    (one,) = await usages(small)
    assert one.quantities.cached_tokens == 100


async def test_a_bad_event_is_parked_alone_and_the_rest_is_charged_once(
    small: BillingService, sqlite: Database, clock: FrozenClock
) -> None:
    subscriptions = module(feed_of(sqlite, small)).subscriptions
    settings = DeliverySettings(retry=RetryPolicy(max_retries=0))
    dispatcher = Dispatcher(SqlEventLog(sqlite), clock, subscriptions, settings)
    await dispatcher.start()
    async with sqlite.begin() as work:
        for number in range(30):
            one = used(f"u{number}", f"t{number}")
            bad = {**one.data, "input_tokens": -1}
            work.publish(msgspec.structs.replace(one, subject=f"s{number}"))
            if number == 15:
                work.publish(event("usage.recorded", "bad", bad))
    await asyncio.wait_for(dispatcher.drained(), 30)
    (parked,) = await dispatcher.parked(GROUP)
    await dispatcher.stop()
    assert parked.event.id == "bad"
    assert {one.key for one in await usages(small)} == {f"u{number}" for number in range(30)}
    assert len(await told(sqlite, "usage.charged")) == 30
