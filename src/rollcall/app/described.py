# SPDX-License-Identifier: Apache-2.0
"""What definitions say of agents, as analytics asks for it."""

from __future__ import annotations

from rollcall.agents.ports import AgentStore
from rollcall.analytics.ports import Described


class DescribedAgents:
    """`Agents` of analytics.

    Args:
        store: Where definitions are.
    """

    def __init__(self, store: AgentStore) -> None:
        self._store = store

    async def describe(self, namespace: str, agent_id: str) -> Described | None:
        """See `Agents`."""
        found = await self._store.get(namespace, agent_id)
        if found is None:
            return None
        content = found.content
        return Described(content.name, content.industry, found.status.value)
