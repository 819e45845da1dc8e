"""Watching a question: whoever follows the moves knows the answer."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import RandomIds
from rollcall.registry.events import Cause
from rollcall.registry.models import Capability, Grant, LeasePolicy, Record
from rollcall.registry.query import Match, Query
from rollcall.registry.service import RegistryOptions, RegistryService
from rollcall.registry.status import Status
from rollcall.registry.watch import Turn, Watch
from rollcall.testing.clock import FrozenClock
from rollcall.testing.store_contract.case import record

POLICY = LeasePolicy(30, 60, 90)
CODE, CHESS = Capability("code generation"), Capability("chess")
QUERIES = st.builds(
    lambda text, statuses, runtime, name: Query(
        text=text, statuses=statuses, runtime=runtime, name=name
    ),
    st.sampled_from(["", "code", "chess"]),
    st.sampled_from([None, frozenset({Status.ACTIVE}), frozenset({Status.BUSY, Status.OFFLINE})]),
    st.sampled_from([None, "pod"]),
    st.sampled_from(["", "an", "other"]),
)
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["register", "report", "remove", "renew", "release", "wait", "wait"]),
        st.sampled_from("abcd"),
        st.sampled_from([(CODE,), (CHESS,), (CODE, CHESS), ()]),
        st.sampled_from([Status.ACTIVE, Status.BUSY]),
        st.sampled_from(["", "pod"]),
        st.sampled_from([None, Grant(POLICY), "x"]),
    ),
    max_size=25,
)


def able(key: str, *capabilities: Capability) -> Record:
    return msgspec.structs.replace(record(key), capabilities=capabilities)


async def followed(watch: Watch) -> dict[str, Record]:
    """Who is in the answer, by what the watch has said; it is polled until it has no more."""
    inside = {one.id: one for one, _ in watch.present}
    while True:
        coming = asyncio.ensure_future(anext(watch))
        for _ in range(3):
            await asyncio.sleep(0)
        if not coming.done():
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            return inside
        move = coming.result()
        if move.turn is Turn.ENTERED:
            assert move.record.id not in inside
            inside[move.record.id] = move.record
        else:
            del inside[move.record.id]


@given(QUERIES, ACTS, st.sampled_from([2, 5, 1000]), st.integers(0, 25))
def test_the_moves_lead_from_the_first_answer_to_the_one_now(
    query: Query,
    acts: list[tuple[str, str, tuple[Capability, ...], Status, str, Grant | str | None]],
    keep: int,
    begin: int,
) -> None:
    async def run() -> None:
        clock = FrozenClock()
        options = RegistryOptions(keep_events=keep)
        store = InMemoryStore(clock, RandomIds())
        registry = RegistryService(store, clock=clock, options=options)
        await registry.start()
        watch = registry.watch("default", query)
        for number, (act, key, capabilities, reported, runtime, lease) in enumerate(acts):
            if number == begin:
                watch = registry.watch("default", query)
            if act == "wait":
                await clock.advance(31)
                continue
            if act == "release":
                if registry.state.lease_slot("default", "x") is not None:
                    await registry.release("default", "x")
                continue
            if act == "register":
                if lease == "x":
                    await registry.grant("default", "x", POLICY)
                await registry.register(
                    msgspec.structs.replace(
                        record(key, lease),
                        capabilities=capabilities,
                        reported=reported,
                        runtime=runtime,
                    )
                )
            elif registry.state.slot("default", key) is None:
                continue
            elif act == "report":
                await registry.report("default", key, reported)
            elif act == "renew":
                await registry.renew("default", key)
            else:
                await registry.deregister("default", key)
        inside = await followed(watch)
        found = await registry.search("default", query)
        assert set(inside) == {registry.view(one.slot).record.id for one in found}
        await registry.stop()

    asyncio.run(run())


async def test_a_move_says_who_and_why(registry: RegistryService, clock: FrozenClock) -> None:
    await registry.register(able("a", CODE))
    available = frozenset({Status.ACTIVE, Status.BUSY})
    watch = registry.watch("default", Query(text="code", statuses=available))
    assert [(one.id, status) for one, status in watch.present] == [("a", Status.ACTIVE)]
    await registry.register(msgspec.structs.replace(able("b", CODE), lease=Grant(POLICY)))
    entered = await anext(watch)
    assert (entered.turn, entered.record.id, entered.status) == (Turn.ENTERED, "b", Status.ACTIVE)
    assert entered.cause == Cause.REGISTERED
    await clock.advance(30)
    left = await anext(watch)
    assert (left.turn, left.record.id, left.status) == (Turn.EXITED, "b", Status.UNHEALTHY)
    assert left.cause == Cause.MISSED
    await registry.renew("default", "b")
    assert (await anext(watch)).cause == Cause.RENEWED
    await registry.deregister("default", "b")
    gone = await anext(watch)
    assert (gone.turn, gone.status, gone.cause) == (Turn.EXITED, None, Cause.DEREGISTERED)
    assert gone.revision == registry.state.revision


async def test_who_loses_the_capability_leaves(registry: RegistryService) -> None:
    await registry.register(able("a", CODE))
    watch = registry.watch("default", Query(text="code"))
    await registry.register(able("a", CHESS))
    assert (await anext(watch)).turn is Turn.EXITED


async def test_a_held_record_leaves_with_the_reason(
    registry: RegistryService, clock: FrozenClock
) -> None:
    for number in range(10):
        await registry.register(record(str(number), Grant(POLICY)))
    watch = registry.watch("default", Query(statuses=frozenset({Status.ACTIVE})))
    await clock.advance(30)
    assert "10 of 10 leases fell due" in (await anext(watch)).cause


async def test_a_watch_ends_with_the_registry(registry: RegistryService) -> None:
    watch = registry.watch("default", Query())
    await registry.register(record())
    await registry.stop()
    assert [move.turn async for move in watch] == [Turn.ENTERED]


async def test_other_namespaces_are_not_watched(registry: RegistryService) -> None:
    watch = registry.watch("default", Query())
    await registry.register(record("a", namespace="other"))
    await registry.stop()
    assert [move async for move in watch] == []


@pytest.mark.parametrize("match", [Match.SEMANTIC, Match.AUTO])
async def test_a_question_by_meaning_cannot_be_watched(
    match: Match, registry: RegistryService
) -> None:
    with pytest.raises(InvalidInput) as caught:
        registry.watch("default", Query(text="code", match=match))
    assert caught.value.field == "match"
