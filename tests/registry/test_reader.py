from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.kernel.errors import Compacted, InvalidInput, MissingExtra
from rollcall.kernel.ids import RandomIds
from rollcall.kernel.record_errors import RecordNotFound
from rollcall.registry.models import Address, Capability, Grant, Kind, LeasePolicy, Record
from rollcall.registry.query import Match, Query
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.testing.clock import FrozenClock
from rollcall.testing.faulty_store import FaultyStore
from rollcall.testing.store_contract.case import record
from support.registries import OpenRegistry

POLICY = LeasePolicy(30, 60, 90)

NAMES = ["code generation", "code review", "chess", "writing code"]
TAGS = ["fast", "Code", "games"]
CAPABILITIES = st.builds(
    Capability,
    st.sampled_from(NAMES),
    st.sampled_from(["", "writes code fast"]),
    st.lists(st.sampled_from(TAGS), max_size=2, unique=True).map(tuple),
)
RECORDS = st.lists(
    st.builds(
        msgspec.structs.replace,
        st.just(record()),
        id=st.sampled_from("abcdef"),
        name=st.sampled_from(["Alice", "Bob"]),
        kind=st.sampled_from([Kind.AGENT, Kind.TOOL]),
        reported=st.sampled_from([Status.ACTIVE, Status.BUSY, Status.STOPPING]),
        capabilities=st.lists(CAPABILITIES, max_size=3).map(tuple),
        tags=st.lists(st.sampled_from(TAGS), max_size=2, unique=True).map(tuple),
        runtime=st.sampled_from(["", "pod"]),
        address=st.sampled_from([None, Address("host", 80)]),
        metadata=st.sampled_from([None, {"region": "eu"}]),
    ),
    max_size=8,
)


def rarely(values: st.SearchStrategy[Any], default: object) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(default), st.just(default), values)


QUERIES = st.builds(
    Query,
    text=st.sampled_from(["", " ", "code", "CODE generation", "generation code", "ode", "fast"]),
    statuses=rarely(st.frozensets(st.sampled_from([Status.ACTIVE, Status.OFFLINE])), None),
    kinds=rarely(st.frozensets(st.sampled_from(Kind), max_size=2), None),
    name=rarely(st.just("lic"), ""),
    tags=rarely(st.just(("FAST",)), ()),
    capabilities=rarely(st.just(("Chess",)), ()),
    runtime=rarely(st.sampled_from(["", "pod"]), None),
    metadata=rarely(st.just({"region": "eu"}), None),
    addressed=rarely(st.booleans(), None),
)


@given(RECORDS, QUERIES)
def test_an_explanation_agrees_with_the_answer(records: list[Record], query: Query) -> None:
    async def run() -> None:
        clock = FrozenClock()
        registry = RegistryService(InMemoryStore(clock, RandomIds()), clock=clock)
        await registry.start()
        for doc in records:
            await registry.register(doc)
        found = await registry.search("default", query)
        answer = [registry.view(one.slot).record.id for one in found]
        for key in {doc.id for doc in records}:
            explanation = await registry.explain("default", key, query)
            failed = [rule.name for rule in explanation.rules if not rule.passed]
            if explanation.rank is None:
                assert key not in answer
                assert failed
            else:
                assert answer[explanation.rank - 1] == key
                assert found[explanation.rank - 1].hit == explanation.hit
                assert not failed
            assert all(rule.detail for rule in explanation.rules)
        assert registry.demand.total == (not found and bool(query.text.strip()))
        await registry.stop()

    asyncio.run(run())


async def test_a_view_is_the_record_as_it_reads_at_its_revision(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.register(record("permanent"))
    await registry.register(record("a", Grant(POLICY)))
    await clock.advance(12)
    await registry.renew("default", "a")
    at = clock.now()
    await clock.advance(5)
    view = registry.get("default", "a")
    assert (view.record.id, view.status, view.revision) == ("a", Status.ACTIVE, 2)
    assert view.renewed_at == pytest.approx(at)
    assert registry.get("default", "permanent").renewed_at is None


async def test_the_renewals_of_a_member_are_those_of_its_shared_lease(
    registry: RegistryService, clock: FrozenClock
) -> None:
    await registry.grant("default", "x", POLICY)
    await registry.register(record("a", "x"))
    await clock.advance(12)
    await registry.renew_lease("default", "x")
    assert registry.get("default", "a").renewed_at == pytest.approx(clock.now())


async def test_what_is_not_there_is_not_found(registry: RegistryService) -> None:
    await registry.register(record("a"))
    await registry.grant("default", "x", POLICY)
    for namespace, key in (("default", "b"), ("other", "a"), ("default", "x")):
        with pytest.raises(RecordNotFound):
            registry.get(namespace, key)
        with pytest.raises(RecordNotFound):
            registry.evidence(namespace, key)
        with pytest.raises(RecordNotFound):
            await registry.explain(namespace, key, Query())


async def test_among_equals_the_longest_registered_comes_first(registry: RegistryService) -> None:
    for key in "abc":
        await registry.register(record(key))
    await registry.deregister("default", "a")
    await registry.register(record("d"))
    found = await registry.search("default", Query())
    assert [registry.view(one.slot).record.id for one in found] == ["b", "c", "d"]


async def test_a_search_that_finds_nothing_is_counted_as_unmet_demand(
    registry: RegistryService,
) -> None:
    await registry.register(msgspec.structs.replace(record(), capabilities=(Capability("chess"),)))
    for text in ("Juggling", "juggling ", "chess", ""):
        await registry.search("default", Query(text=text))
    await registry.search("default", Query(name="nobody"))
    (wish,) = registry.demand.top()
    assert (wish.text, wish.count, wish.namespace) == ("juggling", 2, "default")


@pytest.mark.parametrize("text", ["x" * 1001, "a\0b"])
async def test_words_that_cannot_be_searched_for_are_refused(
    text: str, registry: RegistryService
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await registry.search("default", Query(text=text))
    assert caught.value.field == "text"


@pytest.mark.parametrize("match", [Match.SEMANTIC, Match.AUTO])
async def test_to_ask_for_meaning_without_an_encoder_says_what_to_install(
    match: Match, registry: RegistryService
) -> None:
    with pytest.raises(MissingExtra, match="semantic"):
        await registry.search("default", Query(text="juggling", match=match))


async def test_one_may_wait_for_a_revision_of_another_replica(
    remote: FaultyStore, open_registry: OpenRegistry, clock: FrozenClock
) -> None:
    one, other = await open_registry(remote), await open_registry(remote)
    await other.reached(0)
    remote.hold_feed(at=0)
    change = await one.register(record())
    waiting = asyncio.create_task(other.reached(change.revision))
    await clock.settle()
    assert not waiting.done()
    remote.release_feed()
    await asyncio.wait_for(waiting, 1)
    assert other.get("default", "a").record == record()


async def test_one_may_wait_for_a_revision_that_told_nothing(
    remote: FaultyStore, open_registry: OpenRegistry
) -> None:
    one, other = await open_registry(remote), await open_registry(remote)
    for number in range(3):
        change = await one.grant("default", f"x{number}", POLICY)
        await asyncio.wait_for(other.reached(change.revision), 1)
        assert other.state.revision == change.revision


async def test_who_waits_for_a_revision_is_let_go_when_the_registry_stops(
    registry: RegistryService,
) -> None:
    waiting = asyncio.create_task(registry.reached(7))
    await asyncio.sleep(0)
    await registry.stop()
    await asyncio.wait_for(waiting, 1)


async def test_a_list_and_its_position_go_together(registry: RegistryService) -> None:
    await registry.register(record("a"))
    position = registry.position
    await registry.register(record("b"))
    subscription = registry.events(after=position)
    event = subscription.poll()
    assert getattr(event, "id", None) == "b"
    assert subscription.poll() is None


async def test_a_position_survives_a_restart_or_is_told_to_be_gone(
    memory: InMemoryStore, open_registry: OpenRegistry
) -> None:
    first = await open_registry(memory)
    await first.register(record("a"))
    old, position = first.position._replace(revision=0), first.position
    await first.stop()
    again = await open_registry(memory)
    await again.register(record("b"))
    assert getattr(again.events(after=position).poll(), "id", None) == "b"
    with pytest.raises(Compacted):
        again.events(after=old._replace(ordinal=0))
