# SPDX-License-Identifier: Apache-2.0
"""Questions in document 5's words, put to the core."""

from __future__ import annotations

import asyncio
from typing import Final

from rollcall.kernel.clock import within
from rollcall.kernel.errors import InvalidInput
from rollcall.orchestration.models import AgentRegistryConfig, AgentStatus
from rollcall.orchestration.views import statuses
from rollcall.registry.index import Found
from rollcall.registry.query import Match, Query
from rollcall.registry.scan import scan
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status

_FILTERS: Final = {None: None, **{status: statuses(status) for status in AgentStatus}}


class Finder:
    """Finds agents of a namespace, within the limits that the settings give.

    Attributes:
        queries: Searches by capability so far.
    """

    def __init__(
        self, service: RegistryService, config: AgentRegistryConfig, namespace: str
    ) -> None:
        self.queries = 0
        self._service = service
        self._config = config
        self._namespace = namespace
        self._searching = asyncio.Semaphore(config.max_concurrent_queries)

    def listed(self, runtime_id: str | None, status: AgentStatus | None) -> list[int]:
        """The slots of the agents of a runtime and a status; the longest registered first."""
        query = Query(runtime=runtime_id, statuses=_wanted(status))
        state = self._service.state
        slots = [one.slot for one in state.index.search(self._namespace, query)]
        slots.sort(key=state.slots.births.__getitem__)
        return slots

    async def found(self, capability: str, status: AgentStatus | None, match: str) -> list[Found]:
        """Who can do it, best first. See `AgentRegistry.find_agents_by_capability`."""
        self.queries += 1
        if not capability.strip():
            raise InvalidInput("capability", "must not be blank: say what the agent should do")
        try:
            how = Match(match)
        except ValueError:
            raise InvalidInput("match", f"{match!r} is none of {', '.join(Match)}") from None
        query = Query(text=capability, match=how, statuses=_wanted(status))
        if how is Match.LEXICAL:
            if not self._config.enable_capability_indexing:
                return scan(self._service.state, self._namespace, query)
            return await self._service.search(self._namespace, query)
        return await within(
            self._service.clock, self._config.query_timeout, self._find_by_meaning(query)
        )

    async def _find_by_meaning(self, query: Query) -> list[Found]:
        async with self._searching:
            return await self._service.search(self._namespace, query)


def _wanted(status: AgentStatus | None) -> frozenset[Status] | None:
    """The effective statuses that pass a filter; None: all do."""
    try:
        return _FILTERS[status]
    except KeyError:
        words = ", ".join(AgentStatus)
        raise InvalidInput("status_filter", f"{status!r} is none of {words}, None") from None
