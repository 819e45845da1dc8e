# SPDX-License-Identifier: Apache-2.0
"""Agents whose usage is taxed otherwise than the account's other usage."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rollcall.billing.accounts import check_tax_rate
from rollcall.billing.errors import AgentNotTracked
from rollcall.billing.tables import AGENTS
from rollcall.sql import Sql


class TaxRates:
    """Tax rates of agents. What is final keeps the rate that it was written by.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Sql) -> None:
        self._database = database

    async def get(self, namespace: str, agent_id: str) -> Decimal | None:
        """An agent's own rate, a share; None: it has the account's.

        Raises:
            AgentNotTracked: There is no such agent.
        """
        async with self._database.reading() as connection:
            wanted = select(AGENTS.c.tax_rate).where(*_of(namespace, agent_id))
            row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            raise AgentNotTracked(agent_id)
        return None if row.tax_rate is None else Decimal(row.tax_rate)

    async def put(self, namespace: str, agent_id: str, rate: Decimal | None) -> None:
        """Have invoices that are not final yet taxed by another rate.

        Args:
            rate: A share from 0 to 1; None: the account's.

        Raises:
            InvalidInput: It is no rate.
            AgentNotTracked: There is no such agent.
        """
        kept = None if rate is None else format(check_tax_rate(rate), "f")
        changed = update(AGENTS).where(*_of(namespace, agent_id)).values(tax_rate=kept)
        async with self._database.begin() as work:
            if not (await work.connection.execute(changed)).rowcount:
                raise AgentNotTracked(agent_id)


async def rate_of(connection: AsyncConnection, namespace: str, agent_id: str) -> Decimal | None:
    """An agent's own rate; None: it has the account's."""
    wanted = select(AGENTS.c.tax_rate).where(*_of(namespace, agent_id))
    found = (await connection.execute(wanted)).scalar_one_or_none()
    return None if found is None else Decimal(found)


def _of(namespace: str, agent_id: str) -> tuple[Any, Any]:
    return AGENTS.c.namespace == namespace, AGENTS.c.agent_id == agent_id
