"""Budgets on SQLite and on PostgreSQL: hard limits hold, alerts come once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from rollcall.backends.sql.database import Database
from rollcall.billing.accounts import AccountChange
from rollcall.billing.budget_models import ReservationStatus, Window
from rollcall.billing.budgets import BudgetChange
from rollcall.billing.errors import (
    BudgetExhausted,
    BudgetNotFound,
    KeyReused,
    ReservationNotFound,
    ReservationNotOpen,
)
from rollcall.billing.metering import Told
from rollcall.billing.models import Unit
from rollcall.billing.service import BillingService
from rollcall.kernel.errors import InvalidInput
from rollcall.testing.clock import FrozenClock
from support.billing import MIDDAY, MODEL, NAMESPACE, give_card, priced, record, told, usage

SPENDERS = 64


async def spend(billing: BillingService, count: int = 1, **said: object) -> None:
    """Use so many requests, at a dollar each."""
    await record(billing.metering, usage(requests=count, **said))


async def cards(billing: BillingService) -> None:
    await give_card(billing, priced(Unit.REQUEST, "1"), agents=("a", "b"))


async def left(billing: BillingService, budget_id: str) -> tuple[Decimal, Decimal]:
    """What is spent, and what is reserved."""
    budget, reserved = await billing.budgets.get(NAMESPACE, budget_id)
    return budget.spent, reserved


async def test_a_hard_limit_holds_under_64_who_spend_at_once(
    billing: BillingService, database: Database
) -> None:
    await cards(billing)
    mine, _ = await billing.budgets.create(NAMESPACE, Decimal(20), agent_id="a", hard=True)
    ours, _ = await billing.budgets.create(NAMESPACE, Decimal(30), hard=True)
    refusals: list[BudgetExhausted] = []

    async def spender(number: int) -> bool:
        agent = "a" if number % 2 else "b"
        try:
            name = await billing.budgets.reserve(NAMESPACE, agent, Decimal(1))
        except BudgetExhausted as refused:
            refusals.append(refused)
            return False
        for budget in (mine, ours):
            spent, reserved = await left(billing, budget.id)
            assert spent + reserved <= budget.limit
        if number % 8 == 7:
            await billing.budgets.release(NAMESPACE, name)
            return False
        await record(billing.metering, Told(usage=usage(agent, requests=1), reservation_id=name))
        return True

    done = await asyncio.gather(*map(spender, range(SPENDERS)))
    assert (await left(billing, ours.id)) == (sum(done), 0)
    assert 0 < sum(done) <= 30
    assert refusals
    assert all(
        Decimal(one.spent) + Decimal(one.reserved) + 1 > Decimal(one.limit) for one in refusals
    )
    assert (await left(billing, mine.id))[0] <= 20
    # What was released can be had by others; in the end nothing more can.
    for _ in range(30 - sum(done)):
        await billing.budgets.reserve(NAMESPACE, "b", Decimal(1))
    with pytest.raises(BudgetExhausted):
        await billing.budgets.reserve(NAMESPACE, "b", Decimal("0.01"))
    exhausted = await told(database, "budget.exhausted")
    assert len({one.identity for one in exhausted}) == len(exhausted)


async def test_usage_without_a_reservation_is_recorded_and_counts(billing: BillingService) -> None:
    await cards(billing)
    budget, _ = await billing.budgets.create(NAMESPACE, Decimal(2), agent_id="a", hard=True)
    await spend(billing, 5)
    assert await left(billing, budget.id) == (5, 0)
    with pytest.raises(BudgetExhausted) as refused:
        await billing.budgets.reserve(NAMESPACE, "a", Decimal(1))
    assert (refused.value.budget_id, refused.value.spent) == (budget.id, "5.00")
    await billing.budgets.reserve(NAMESPACE, "b", Decimal(1))


async def test_each_threshold_is_told_once_in_a_window(
    billing: BillingService, database: Database, clock: FrozenClock
) -> None:
    await cards(billing)
    await billing.budgets.create(NAMESPACE, Decimal(10), period=Window.DAY)

    async def alerts() -> list[str]:
        events = await told(database, "budget.threshold_reached")
        return [one.data["threshold"] for one in events]

    await spend(billing, 4)
    assert await alerts() == []
    await spend(billing, 1)
    await spend(billing, 1)
    assert await alerts() == ["0.5"]
    await spend(billing, 9)
    assert await alerts() == ["0.5", "0.8", "1"]
    assert len(await told(database, "budget.exhausted")) == 1
    await clock.advance(86_400)
    await spend(billing, 5)
    assert await alerts() == ["0.5", "0.8", "1", "0.5"]


async def test_a_new_window_begins_with_nothing_spent(
    billing: BillingService, clock: FrozenClock
) -> None:
    await cards(billing)
    day, _ = await billing.budgets.create(NAMESPACE, Decimal(1), period=Window.DAY, hard=True)
    total, _ = await billing.budgets.create(NAMESPACE, Decimal(9), period=Window.TOTAL, hard=True)
    await spend(billing)
    with pytest.raises(BudgetExhausted):
        await billing.budgets.reserve(NAMESPACE, "a", Decimal(1))
    await clock.advance(86_400)
    assert await left(billing, day.id) == (0, 0)
    await billing.budgets.reserve(NAMESPACE, "a", Decimal(1))
    # What was used yesterday is of yesterday, and of the total.
    await spend(billing, 2, at=MIDDAY)
    assert await left(billing, day.id) == (0, 1)
    assert await left(billing, total.id) == (3, 1)


async def test_nobody_opens_a_window_by_setting_a_clock_forward(
    billing: BillingService, clock: FrozenClock
) -> None:
    await cards(billing)
    await clock.advance(11.5 * 3600)
    budget, _ = await billing.budgets.create(NAMESPACE, Decimal(2), period=Window.DAY, hard=True)
    tomorrow = MIDDAY + timedelta(hours=12, minutes=10)
    await spend(billing, 1)
    await spend(billing, 1, at=tomorrow)
    assert await left(billing, budget.id) == (2, 0)


async def test_a_reservation_expires_by_itself(billing: BillingService, clock: FrozenClock) -> None:
    budget, _ = await billing.budgets.create(NAMESPACE, Decimal(1), hard=True)
    name = await billing.budgets.reserve(NAMESPACE, "a", Decimal(1), ttl_seconds=60)
    await clock.advance(59)
    with pytest.raises(BudgetExhausted):
        await billing.budgets.reserve(NAMESPACE, "a", Decimal(1))
    await clock.advance(1)
    assert await left(billing, budget.id) == (0, 0)
    found = await billing.budgets.reservation(NAMESPACE, name)
    assert found.status is ReservationStatus.EXPIRED
    await billing.budgets.reserve(NAMESPACE, "a", Decimal(1))


async def test_the_usage_of_a_conversation_settles_what_was_reserved_for_it(
    billing: BillingService,
) -> None:
    await cards(billing)
    budget, _ = await billing.budgets.create(NAMESPACE, Decimal(10), hard=True)
    name = await billing.budgets.reserve(NAMESPACE, "a", Decimal(4), conversation_id="t")
    # How it ended is told first, and of no model.
    await spend(billing, 0, conversation_id="t", conversation=True)
    assert await left(billing, budget.id) == (0, 4)
    (used,) = await record(billing.metering, usage(requests=1, conversation_id="t"))
    assert await left(billing, budget.id) == (1, 0)
    found = await billing.budgets.reservation(NAMESPACE, name)
    assert (found.status, found.usage_id) == (ReservationStatus.SETTLED, used.id)


async def test_what_another_agent_uses_for_a_conversation_settles_nothing(
    billing: BillingService,
) -> None:
    await billing.budgets.create(NAMESPACE, Decimal(10), hard=True)
    kept = await billing.budgets.reserve(NAMESPACE, "a", Decimal(10), conversation_id="t1")
    await record(billing.metering, usage("b", conversation_id="t1", input_tokens=1, model=MODEL))
    assert (await billing.budgets.reservation(NAMESPACE, kept)).status is ReservationStatus.OPEN
    with pytest.raises(BudgetExhausted):
        await billing.budgets.reserve(NAMESPACE, "b", Decimal(1))
    await record(billing.metering, usage("a", conversation_id="t1", input_tokens=1, model=MODEL))
    assert (await billing.budgets.reservation(NAMESPACE, kept)).status is ReservationStatus.SETTLED


async def test_a_reservation_is_settled_once(billing: BillingService) -> None:
    await cards(billing)
    name = await billing.budgets.reserve(NAMESPACE, "a", Decimal(1))
    first = Told(usage=usage(), key="k", reservation_id=name)
    second = Told(usage=usage(), reservation_id=name)
    stranger = Told(usage=usage("b"), reservation_id=name)
    nobody = Told(usage=usage(), reservation_id="res_0")
    outcomes = await billing.metering.record(NAMESPACE, [stranger, nobody, first, second])
    assert isinstance(outcomes[0], InvalidInput)
    assert isinstance(outcomes[1], ReservationNotFound)
    assert isinstance(outcomes[3], ReservationNotOpen)
    (again,) = await record(billing.metering, first)
    assert (await billing.budgets.reservation(NAMESPACE, name)).usage_id == again.id
    (refused,) = await billing.metering.record(NAMESPACE, [second])
    assert isinstance(refused, ReservationNotOpen)


async def test_to_release_twice_changes_nothing(billing: BillingService) -> None:
    budget, _ = await billing.budgets.create(NAMESPACE, Decimal(1), hard=True)
    name = await billing.budgets.reserve(NAMESPACE, "a", Decimal(1))
    for _ in range(2):
        ended = await billing.budgets.release(NAMESPACE, name)
        assert ended.status is ReservationStatus.RELEASED
    assert await left(billing, budget.id) == (0, 0)


async def test_what_ended_long_ago_is_forgotten(
    billing: BillingService, clock: FrozenClock
) -> None:
    name = await billing.budgets.reserve(NAMESPACE, "a", Decimal(1), ttl_seconds=60)
    await clock.advance(6 * 86_400)
    await billing.budgets.reserve(NAMESPACE, "a", Decimal(1))
    await billing.budgets.reservation(NAMESPACE, name)
    await clock.advance(2 * 86_400)
    await billing.budgets.reserve(NAMESPACE, "a", Decimal(1))
    with pytest.raises(ReservationNotFound):
        await billing.budgets.reservation(NAMESPACE, name)


async def test_a_new_budget_counts_what_was_spent_in_its_window(billing: BillingService) -> None:
    await cards(billing)
    await spend(billing, 3)
    await spend(billing, 2, at=MIDDAY - timedelta(days=1))
    await spend(billing, 1, at=MIDDAY - timedelta(days=40))
    await record(billing.metering, usage("b", requests=7))
    spent: dict[tuple[str, str | None], Decimal] = {}
    for period in Window:
        for agent in ("a", None):
            made, _ = await billing.budgets.create(
                NAMESPACE, Decimal(100), period=period, agent_id=agent
            )
            spent[period.value, agent] = made.spent
    assert spent == {
        ("day", "a"): 3,
        ("day", None): 10,
        ("month", "a"): 5,
        ("month", None): 12,
        ("total", "a"): 6,
        ("total", None): 13,
    }


async def test_what_a_new_limit_makes_true_is_told(
    billing: BillingService, database: Database
) -> None:
    await cards(billing)
    budget, _ = await billing.budgets.create(NAMESPACE, Decimal(100))
    await spend(billing, 6)
    changed = await billing.budgets.change(NAMESPACE, budget.id, BudgetChange(limit=Decimal(10)))
    assert (changed.alerted, changed.revision) == ((Decimal("0.5"),), 2)
    assert len(await told(database, "budget.threshold_reached")) == 1
    assert await billing.budgets.change(NAMESPACE, budget.id, BudgetChange()) == changed


async def test_the_same_key_makes_one_budget_and_one_reservation(billing: BillingService) -> None:
    budgets = billing.budgets
    made, new = await budgets.create(NAMESPACE, Decimal(5), key="k")
    again, newer = await budgets.create(NAMESPACE, Decimal(5), key="k")
    assert (new, newer, again.id) == (True, False, made.id)
    with pytest.raises(KeyReused):
        await budgets.create(NAMESPACE, Decimal(6), key="k")
    first, _ = await budgets.make_reservation(NAMESPACE, "a", Decimal(1), key="r")
    second, newer = await budgets.make_reservation(NAMESPACE, "a", Decimal(1), key="r")
    assert (first, newer) == (second, False)
    with pytest.raises(KeyReused):
        await budgets.make_reservation(NAMESPACE, "a", Decimal(2), key="r")
    assert await left(billing, made.id) == (0, 1)


async def test_a_day_with_two_midnights_begins_with_the_first(
    small: BillingService, clock: FrozenClock
) -> None:
    await cards(small)
    # In Havana the hour after midnight came twice that night.
    await small.accounts.change(NAMESPACE, AccountChange(time_zone="America/Havana"))
    clock.jump(datetime(2025, 11, 2, 4, 30, tzinfo=UTC).timestamp() - clock.now())
    await spend(small, 1)
    clock.jump(3600)
    budget, _ = await small.budgets.create(NAMESPACE, Decimal(10), period=Window.DAY)
    assert (budget.window, budget.spent) == ("2025-11-02", 1)


async def test_of_those_who_use_one_key_at_once_all_get_the_first_ones_answer(
    billing: BillingService, database: Database
) -> None:
    budgets = billing.budgets
    made = await asyncio.gather(*(budgets.create(NAMESPACE, Decimal(5), key="k") for _ in range(8)))
    assert len({one.id for one, _ in made}) == sum(new for _, new in made) == 1
    kept = await asyncio.gather(
        *(budgets.make_reservation(NAMESPACE, "a", Decimal(1), key="r") for _ in range(8))
    )
    assert len({one.id for one, _ in kept}) == sum(new for _, new in kept) == 1
    others = await asyncio.gather(
        *(budgets.create(NAMESPACE, Decimal(limit), key="other") for limit in range(1, 9)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, KeyReused) for one in others) == 7


async def test_a_deleted_budget_stops_nobody(billing: BillingService) -> None:
    budget, _ = await billing.budgets.create(NAMESPACE, Decimal(0), hard=True)
    with pytest.raises(BudgetExhausted):
        await billing.budgets.reserve(NAMESPACE, "a", Decimal(1))
    await billing.budgets.delete(NAMESPACE, budget.id)
    await billing.budgets.reserve(NAMESPACE, "a", Decimal(1))
    with pytest.raises(BudgetNotFound):
        await billing.budgets.get(NAMESPACE, budget.id)


async def test_a_budget_that_is_set_anew_under_its_old_key_tells_of_its_limits_again(
    billing: BillingService, database: Database, clock: FrozenClock
) -> None:
    await give_card(billing, priced(Unit.REQUEST, "6"))
    await record(billing.metering, usage())
    for _ in range(2):
        clock.jump(1)
        made, new = await billing.budgets.create(
            NAMESPACE, Decimal(10), alert_at=[Decimal("0.5")], key="k"
        )
        assert new
        await billing.budgets.delete(NAMESPACE, made.id)
    assert len(await told(database, "budget.threshold_reached")) == 2
