# SPDX-License-Identifier: Apache-2.0
"""Billing's budgets, as the agent service asks for them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from rollcall.billing.budgets import Budgets
from rollcall.billing.errors import BudgetExhausted as Exhausted
from rollcall.billing.errors import ReservationNotFound
from rollcall.conversations.errors import BudgetExhausted

NOTHING: Final = ""
"""The id of a reservation that keeps nothing."""


class AgentSpending:
    """`Spending` of the agent service. Accounts without a budget cost a look, and nothing more.

    Args:
        budgets: Of billing.
    """

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets

    async def reserve(
        self,
        namespace: str,
        agent_id: str,
        amount: Decimal,
        *,
        conversation_id: str,
        ttl_seconds: float,
    ) -> str:
        """See `Spending`."""
        some, _ = await self._budgets.find(namespace, limit=1)
        if not some:
            return NOTHING
        try:
            return await self._budgets.reserve(
                namespace,
                agent_id,
                amount,
                conversation_id=conversation_id,
                ttl_seconds=ttl_seconds,
            )
        except Exhausted as error:
            raise BudgetExhausted(
                f"a budget of {error.limit} {error.currency} has less left than the"
                f" {error.asked} {error.currency} that an answer may cost"
            ) from error

    async def release(self, namespace: str, reservation_id: str) -> None:
        """See `Spending`."""
        if reservation_id == NOTHING:
            return
        try:
            await self._budgets.release(namespace, reservation_id)
        except ReservationNotFound:
            # It has ended by itself, and is tidied up.
            return
