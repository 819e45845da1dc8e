"""Many who write at the same moment, on SQLite and on PostgreSQL: nothing is lost."""

from __future__ import annotations

import asyncio

from rollcall.agents import AgentService, CapabilityService
from rollcall.agents.changes import change_of
from rollcall.agents.errors import AgentExists, CapabilityInUse, CapabilityNotFound
from rollcall.agents.models import Status
from rollcall.backends.sql.database import Database
from rollcall.kernel.record_errors import RevisionMismatch
from support.definitions import told

WRITERS = 32


async def test_of_32_who_give_a_capability_none_is_lost(
    agents: AgentService, capabilities: CapabilityService, database: Database
) -> None:
    await agents.create(change_of({"name": "n"}), agent_id="a")
    ids = [f"c{n:02}" for n in range(WRITERS)]
    for one in ids:
        await capabilities.create(one, capability_id=one)

    done = await asyncio.gather(
        *(capabilities.add_capability_to_agent("a", one, {"by": one}) for one in ids)
    )

    found = await agents.get("a")
    assert found.content.capabilities == {one: {"by": one} for one in ids}
    assert found.version == WRITERS + 1
    assert sorted(one.version for one in done) == list(range(2, WRITERS + 2))
    history, _ = await agents.versions("a", limit=100)
    assert [one.number for one in history] == list(range(WRITERS + 1, 0, -1))
    assert [len(one.content.capabilities) for one in history] == list(range(WRITERS, -1, -1))
    events = [one for one in await told(database) if one.type == "agent.updated"]
    assert [one.data["version"] for one in events] == [str(n) for n in range(2, WRITERS + 2)]


async def test_of_32_who_change_what_they_saw_one_does_and_the_others_are_told(
    agents: AgentService,
) -> None:
    seen = frozenset({(await agents.create(change_of({"name": "n"}), agent_id="a")).revision})

    async def change(number: int) -> bool:
        try:
            await agents.update("a", change_of({"description": f"{number}"}), accepted=seen)
        except RevisionMismatch:
            return False
        return True

    done = await asyncio.gather(*map(change, range(WRITERS)))
    found = await agents.get("a")
    assert sum(done) == 1
    assert found.content.description == str(done.index(True))
    assert found.version == 2


async def test_of_many_who_make_the_same_one_does(agents: AgentService, database: Database) -> None:
    async def make(number: int) -> bool:
        try:
            await agents.create(change_of({"name": f"n{number}"}), agent_id="a")
        except AgentExists:
            return False
        return True

    done = await asyncio.gather(*map(make, range(8)))
    assert sum(done) == 1
    assert (await agents.get("a")).content.name == f"n{done.index(True)}"
    assert [one.type for one in await told(database)] == ["agent.created"]


async def test_a_capability_is_not_deleted_under_those_who_are_given_it(
    agents: AgentService, capabilities: CapabilityService
) -> None:
    for round_ in range(6):
        await capabilities.create("c", capability_id="c")
        for one in "ab":
            await agents.create(change_of({"name": one}), agent_id=f"{one}{round_}")

        async def give(agent_id: str) -> bool:
            try:
                await capabilities.add_capability_to_agent(agent_id, "c", {})
            except CapabilityNotFound:
                return False
            return True

        async def take() -> bool:
            try:
                await capabilities.delete("c")
            except CapabilityInUse:
                return False
            return True

        first, gone, second = await asyncio.gather(give(f"a{round_}"), take(), give(f"b{round_}"))
        for one, given in (("a", first), ("b", second)):
            has = (await agents.get(f"{one}{round_}")).content.capabilities
            assert has == ({"c": {}} if given else {})
        assert gone is not (first or second)
        if not gone:
            await capabilities.delete("c", force=True)


async def test_giving_and_forcing_at_once_end_without_a_deadlock(
    agents: AgentService, capabilities: CapabilityService
) -> None:
    for one in "xyz":
        await agents.create(change_of({"name": one}), agent_id=one)
    for one in "cd":
        await capabilities.create(one, capability_id=one)

    async def give(agent_id: str, capability_id: str) -> None:
        try:
            await capabilities.add_capability_to_agent(agent_id, capability_id, {})
        except CapabilityNotFound:
            return

    pairs = [(agent, capability) for agent in "xyz" for capability in "cd"]
    await asyncio.gather(*(give(*pair) for pair in pairs))
    await asyncio.gather(
        capabilities.delete("c", force=True),
        *(give(*pair) for pair in pairs),
        capabilities.delete("d", force=True),
        *(agents.move(one, Status.PAUSED) for one in "xyz"),
    )
    for one in "xyz":
        found = await agents.get(one)
        assert (found.status, found.content.capabilities) == (Status.PAUSED, {})


async def test_a_capability_is_taken_from_those_that_are_left_while_others_are_deleted(
    agents: AgentService, capabilities: CapabilityService
) -> None:
    ids = [f"a{number}" for number in range(12)]
    for round_ in range(4):
        await capabilities.create("c", capability_id="c")
        for one in ids:
            wanted = change_of({"name": one, "capabilities": {"c": {}}})
            await agents.create(wanted, agent_id=one)

        gone = ids[round_::2]
        await asyncio.gather(
            *map(agents.delete, gone[:3]),
            capabilities.delete("c", force=True),
            *map(agents.delete, gone[3:]),
        )

        for one in set(ids) - set(gone):
            assert (await agents.get(one)).content.capabilities == {}
            await agents.delete(one)
