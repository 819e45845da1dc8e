# SPDX-License-Identifier: Apache-2.0
"""Answers a query by looking at every record: for whoever switched the index off."""

from __future__ import annotations

from rollcall.registry.index import Found
from rollcall.registry.matching import folded_text, passes, text_hits
from rollcall.registry.query import Query
from rollcall.registry.state import RegistryState


def scan(state: RegistryState, namespace: str, query: Query) -> list[Found]:
    """What `Index.search` finds, per record and best first, at the cost of the whole fleet."""
    space = state.spaces.get(namespace)
    if space is None:
        return []
    text = folded_text(query)
    found: list[Found] = []
    for slot in space.records.values():
        record = state.slots.record(slot)
        if not passes(record, state.status(slot), query):
            continue
        if not text:
            found.append(Found(slot))
        elif hits := text_hits(record, text):
            found.append(Found(slot, hits[0]))
    births = state.slots.births
    found.sort(key=lambda one: (-one.hit.score if one.hit else 0.0, births[one.slot]))
    return found
