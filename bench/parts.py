# SPDX-License-Identifier: Apache-2.0
"""The parts that have a table of their own, beside that of the registry in the process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from bench.agent import measure as agent
from bench.billing import measure as billing
from bench.events import measure as events
from bench.facts import measure as facts
from bench.first_token import measure as first_token
from bench.gateway import measure as gateway
from bench.graph import measure as graph
from bench.memories import measure as memories
from bench.service import measure as service
from bench.service import peers
from bench.widget import measure as widget


def _service(quick: bool) -> str:
    peers.install()
    return service.page(service.measured(1 if quick else 5))


def _agent(quick: bool) -> str:
    return agent.page(*agent.measured(1 if quick else 5, 1 if quick else 3))


def _events(quick: bool) -> str:
    return events.page(events.measured(1 if quick else 4, 1 if quick else 3))


def _memories(quick: bool) -> str:
    mine = 1_000
    sizes = (mine, 10_000) if quick else (mine, 100_000)
    searches, added = (50, 60) if quick else (500, 600)
    found = memories.measured(sizes, mine=mine, searches=searches, added=added)
    return memories.page(found, mine)


def _graph(quick: bool) -> str:
    entities = 5_000 if quick else 100_000
    return graph.page(graph.measured(entities, 50 if quick else 500), entities)


def _facts(quick: bool) -> str:
    million = 1_000_000
    sizes = (10_000, 100_000) if quick else (million, 10 * million)
    return facts.page(facts.measured(sizes, asked=5 if quick else 21, batches=5 if quick else 40))


def _billing(quick: bool) -> str:
    return billing.page(billing.measured(2_000 if quick else 100_000))


def _gateway(quick: bool) -> str:
    peers.install()
    return gateway.page(gateway.measured(1 if quick else 3, 1 if quick else 3))


def _first_token(quick: bool) -> str:
    return first_token.page(first_token.measured(10 if quick else 300))


def _widget(quick: bool) -> str:
    return widget.page(widget.measured())


PARTS: Final[Mapping[str, Callable[[bool], str]]] = {
    "service": _service,
    "agent": _agent,
    "events": _events,
    "memories": _memories,
    "graph": _graph,
    "facts": _facts,
    "gateway": _gateway,
    "first-token": _first_token,
    "billing": _billing,
    "widget": _widget,
}
"""By name, what measures a part and says it as Markdown, given whether it is to be quick."""
