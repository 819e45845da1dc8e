"""Changes of definitions and memories beside the events that tell of them: do they fit?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, select

from rollcall.agents.tables import DEFINITIONS
from rollcall.agents.tables import VERSIONS as AGENT_VERSIONS
from rollcall.backends.sql import outbox
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.events.envelope import Event
from rollcall.kernel.ids import derived
from rollcall.memory.graph import SOURCE as GRAPH
from rollcall.memory.graph_tables import FACTS, SOURCES
from rollcall.memory.tables import MEMORIES
from rollcall.memory.tables import VERSIONS as MEMORY_VERSIONS
from support.datawriters import address, number_in

EXTRACTED = "memory.entity.extracted"
_SOURCES = {"agent": "/agents", "memory": "/memory"}


@dataclass(frozen=True)
class Accounts:
    """What stands in a database, row by row."""

    events: Sequence[Event]
    definitions: Sequence[Any]
    versions: Sequence[Any]
    memories: Sequence[Any]
    earlier: Sequence[Any]
    sources: Sequence[Any]
    facts: Sequence[Any]


async def accounts_of(url: str) -> Accounts:
    """What stands in the database at `url`, which nobody else has open if it is a file."""
    database = Database(dialect_of(url))
    await database.open()
    try:
        async with database.reading() as connection:

            async def rows(table: Table) -> Sequence[Any]:
                return (await connection.execute(select(table))).all()

            events: list[Event] = []
            position = 0
            while entries := await outbox.read(connection, position, 1000):
                position = entries[-1].position
                events += [entry.event for entry in entries]
            return Accounts(
                events,
                await rows(DEFINITIONS),
                await rows(AGENT_VERSIONS),
                await rows(MEMORIES),
                await rows(MEMORY_VERSIONS),
                await rows(SOURCES),
                await rows(FACTS),
            )
    finally:
        await database.close()


def faults_of(accounts: Accounts, changes: Mapping[str, int]) -> list[str]:
    """What does not fit together.

    Args:
        accounts: What there is.
        changes: By definition and memory, how often it was changed; whoever did it counted.
    """
    told = _told(accounts)
    found = _counted(changes, told)
    found += _definitions(accounts, told)
    found += _memories(accounts, told)
    return found + graph_faults(accounts)


def _told(accounts: Accounts) -> dict[str, list[Event]]:
    """By definition and memory, what was told of it."""
    told: dict[str, list[Event]] = {}
    for event in accounts.events:
        if event.source in _SOURCES.values():
            told.setdefault(event.subject, []).append(event)
    return told


def _counted(changes: Mapping[str, int], told: Mapping[str, list[Event]]) -> list[str]:
    return [
        f"{key}: {changes.get(key, 0)} changes, but {len(told.get(key, ()))} events"
        for key in sorted({*changes, *told})
        if changes.get(key, 0) != len(told.get(key, ()))
    ]


def _definitions(accounts: Accounts, told: Mapping[str, list[Event]]) -> list[str]:
    found: list[str] = []
    numbers = _numbers((one.agent_id, one.number) for one in accounts.versions)
    for one in accounts.definitions:
        events = told.get(one.id, [])
        expected = [derived("agent", one.id, str(at)) for at in range(1, one.revision + 1)]
        if [event.id for event in events] != expected:
            found.append(f"{one.id} is at revision {one.revision}, told as {_shown(events)}")
        if one.deleted_at is not None and (not events or events[-1].type != "agent.deleted"):
            found.append(f"{one.id} is gone, told as {_shown(events)}")
        if numbers[one.id] != [*range(1, one.version + 1)]:
            found.append(f"{one.id} is at version {one.version}, and has {numbers[one.id]}")
    there = {one.id for one in accounts.definitions}
    return found + _without_rows("agent", told, there)


def _memories(accounts: Accounts, told: Mapping[str, list[Event]]) -> list[str]:
    found: list[str] = []
    there = {one.id: one.version for one in accounts.memories}
    earlier = _numbers((one.memory_id, one.version) for one in accounts.earlier)
    for key, version in there.items():
        if [event.id for event in told.get(key, [])] != _acts(key, version):
            found.append(f"{key} is at version {version}, told as {_shown(told.get(key, []))}")
        if earlier[key] != [*range(1, version)]:
            found.append(f"{key} is at version {version}, after {earlier[key]}")
    for key, events in told.items():
        if events[0].source != _SOURCES["memory"] or key in there:
            continue
        acts = [*_acts(key, len(events) - 1), derived("memory.deleted", "default", key)]
        if [event.id for event in events] != acts:
            found.append(f"{key} is gone, told as {_shown(events)}")
    return found + [f"{key} is gone, but not what it said" for key in {*earlier} - {*there}]


def graph_faults(accounts: Accounts) -> list[str]:
    """What the graph has not taken in, or has kept."""
    found: list[str] = []
    told = _told(accounts)
    taken = {one.memory_id: one.event_id for one in accounts.sources}
    facts: dict[str, set[str]] = defaultdict(set)
    for one in accounts.facts:
        if one.retracted_at is None and one.name is not None:
            facts[one.memory_id].add(one.name)
    ids = Counter(event.id for event in accounts.events)
    there = {one.id: address(number_in(one.content)) for one in accounts.memories}
    for key, name in there.items():
        if not told.get(key):
            continue
        last = told[key][-1]
        if taken.get(key) != last.id:
            found.append(f"the graph has not taken in the last of {key}")
        if facts[key] != {name}:
            found.append(f"the graph knows {facts[key]} of {key}, not {name}")
        follower = last.follow(EXTRACTED, source=GRAPH, subject=key, time=last.time, data={})
        if ids[follower.id] != 1:
            found.append(f"what was found in {key} was told {ids[follower.id]} times")
    kept = ({*taken} | {key for key, names in facts.items() if names}) - {*there}
    return found + [f"the graph has kept {key}" for key in kept]


def unforwarded(accounts: Accounts, topics: Mapping[str, Sequence[Event]]) -> list[str]:
    """What is not in the topics of a Kafka, or not in its order.

    Args:
        accounts: What was told.
        topics: By type, the events of its topic, in order by key.
    """
    found: list[str] = []
    for kind in sorted({*topics, *(event.type for event in accounts.events)}):
        told = _by_subject(event for event in accounts.events if event.type == kind)
        there = _by_subject(topics.get(kind, ()))
        found += [
            f"{kind} of {subject} is {there[subject]}, not {told[subject]}"
            for subject in sorted({*told, *there})
            # Twice is allowed; only the first time counts for the order.
            if list(dict.fromkeys(there[subject])) != told[subject]
        ]
    return found


def _by_subject(events: Iterable[Event]) -> defaultdict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for event in events:
        found[event.subject].append(event.id)
    return found


def _numbers(rows: Iterable[tuple[str, int]]) -> defaultdict[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for key, number in sorted(rows):
        found[key].append(number)
    return found


def _without_rows(kind: str, told: Mapping[str, list[Event]], there: set[str]) -> list[str]:
    return [
        f"{key} was told as {_shown(events)}, and is not there"
        for key, events in told.items()
        if events[0].source == _SOURCES[kind] and key not in there
    ]


def _acts(key: str, version: int) -> list[str]:
    """The ids of the events of a memory's versions."""
    kinds = ["memory.created", *["memory.updated"] * (version - 1)]
    return [derived(kind, "default", key, str(at)) for at, kind in enumerate(kinds, 1)]


def _shown(events: Iterable[Event]) -> list[str]:
    return [event.type for event in events]
