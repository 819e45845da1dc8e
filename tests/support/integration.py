# SPDX-License-Identifier: Apache-2.0
"""Snippets of document 3, run as they stand but for what is mended, each mend with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollcall.agents import AgentRepository, AgentService, CapabilityService
from rollcall.agents.repository import SqlAgentStore
from rollcall.backends.memories import memory_store
from rollcall.backends.sql import outbox
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.memory import MemoryService

SNIPPETS = Path(__file__).parents[1] / "spec" / "document_3"


@dataclass(frozen=True)
class Mend:
    """Something of a snippet that cannot stand as it does.

    Args:
        old: What stands there.
        new: What is to stand there.
        why: What is wrong with it, or different with us.
    """

    old: str
    new: str
    why: str


_OUTBOX = (
    "It writes its events in the transaction of its change, so it is given no publisher, but a"
    " clock and a source of ids: a call of a publisher behind a commit is lost in a crash."
)
AGENT_SERVICE = Mend(
    "AgentService(agent_repo, event_publisher)",
    "AgentService(agent_repo, clock, ids)",
    _OUTBOX,
)
CAPABILITY_SERVICE = Mend(
    "CapabilityService(capability_repo, agent_repo)",
    "CapabilityService(capability_repo, clock, ids)",
    "Agents and capabilities are in one store, so that both can be locked in one transaction.",
)
MEMORY_SERVICE = Mend(
    "MemoryService(memory_repo, event_publisher)",
    "MemoryService(memory_repo, clock, ids)",
    _OUTBOX,
)


def snippet(name: str, *mends: Mend) -> str:
    """The text of a snippet, mended."""
    text = (SNIPPETS / f"{name}.txt").read_text(encoding="utf-8")
    for mend in mends:
        assert mend.old in text, f"{name} does not say {mend.old!r}"
        text = text.replace(mend.old, mend.new)
    return text


def run(source: str, names: dict[str, Any]) -> None:
    """Run a snippet in `names`, which it may use and adds to."""
    exec(compile(source, "document 3", "exec"), names)  # noqa: S102


def given(url: str) -> dict[str, Any]:
    """What the snippets use without saying where it comes from.

    Args:
        url: Of the database that they are to use.
    """

    async def opened() -> Database:
        database = Database(dialect_of(url))
        await database.open()
        return database

    def memories(database: Database) -> Any:
        return memory_store(database, url)

    return {
        "AgentService": AgentService,
        "CapabilityService": CapabilityService,
        "MemoryService": MemoryService,
        # The URL decides which database it is, not the name of a class.
        "PostgresAgentRepository": SqlAgentStore,
        "PostgresCapabilityRepository": SqlAgentStore,
        "PostgresMemoryRepository": memories,
        "create_database_pool": opened,
        "create_test_db_pool": opened,
        "clock": SystemClock(),
        "ids": RandomIds(),
    }


async def published(database: Database) -> list[dict[str, Any]]:
    """The events of a log, in order, each with its topic as document 3 calls it."""
    async with database.reading() as connection:
        entries = await outbox.read(connection, 0, 1_000)
    return [{"topic": one.event.type, **one.event.data} for one in entries]


def repository(database: Database) -> AgentRepository:
    """Document 3's repository of agents."""
    return AgentRepository(AgentService(SqlAgentStore(database), SystemClock(), RandomIds()))
