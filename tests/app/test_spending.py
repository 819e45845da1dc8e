# SPDX-License-Identifier: Apache-2.0
"""Billing's budgets, as the agent service asks for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from rollcall.app.spending import NOTHING, AgentSpending
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.billing.accounts import AccountDefaults, Accounts
from rollcall.billing.budgets import Budgets
from rollcall.billing.repository import SqlBillingStore
from rollcall.billing.tables import RESERVATIONS
from rollcall.conversations.errors import BudgetExhausted
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock

HALF = Decimal("0.50")


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    one = Database(dialect_of(f"sqlite:///{tmp_path}/x.db"))
    await one.open()
    yield one
    await one.close()


@pytest.fixture
def budgets(database: Database) -> Budgets:
    store, clock = SqlBillingStore(database), FrozenClock()
    return Budgets(store, Accounts(store, clock, AccountDefaults()), RandomIds())


async def kept(spending: AgentSpending, turn: str, agent: str = "clerk") -> str:
    return await spending.reserve("acme", agent, HALF, conversation_id=turn, ttl_seconds=60)


async def test_an_account_without_a_budget_keeps_nothing(
    budgets: Budgets, database: Database
) -> None:
    spending = AgentSpending(budgets)
    assert await kept(spending, "turn_1") == NOTHING
    await spending.release("acme", NOTHING)
    async with database.reading() as connection:
        found = await connection.execute(select(func.count()).select_from(RESERVATIONS))
        assert found.scalar_one() == 0


async def test_a_hard_budget_refuses_what_it_cannot_pay_and_takes_back_what_is_released(
    budgets: Budgets,
) -> None:
    await budgets.create("acme", Decimal("0.80"), agent_id="clerk", hard=True)
    spending = AgentSpending(budgets)
    first = await kept(spending, "turn_1")
    with pytest.raises(BudgetExhausted, match=r"a budget of 0\.8\w* USD has less left"):
        await kept(spending, "turn_2")
    assert await kept(spending, "turn_3", agent="other") != NOTHING
    await spending.release("acme", first)
    await spending.release("acme", first)
    await spending.release("acme", "res_nobody")
    assert await kept(spending, "turn_2") != NOTHING
