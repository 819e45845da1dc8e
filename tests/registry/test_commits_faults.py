"""Whatever goes wrong with the store: nothing acknowledged is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from rollcall.kernel.errors import (
    IncompatibleStore,
    InvalidInput,
    OutcomeUnknown,
    RollcallError,
    Unavailable,
)
from rollcall.kernel.ids import RandomIds
from rollcall.registry.events import Event, EventType
from rollcall.registry.models import Grant, LeasePolicy, Record, Table
from rollcall.registry.service import RegistryService
from rollcall.registry.status import Status
from rollcall.registry.store import Change, Conflict, Write
from rollcall.testing.clock import FrozenClock
from rollcall.testing.faulty_store import (
    Delayed,
    DroppedWake,
    Fault,
    FaultyStore,
    LostAnswer,
    LostCommit,
    Odds,
    Refused,
)
from rollcall.testing.store_contract.case import key_of, put, record, remove
from support.registries import RemoteStore

POLICY = LeasePolicy(30, 60, 90)
ODDS: list[tuple[float, Fault]] = [
    (0.06, Refused()),
    (0.08, LostAnswer()),
    (0.08, LostCommit()),
    (0.15, Delayed(0.3)),
    (0.3, Refused("settle")),
    (0.2, Refused("changes")),
    (0.2, Refused("renew")),
    (0.02, DroppedWake()),
]


class Trial:
    """Several writers, another replica and a store that fails, all drawn from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = FrozenClock()
        self.inner = RemoteStore(self.clock, RandomIds())
        self.store = FaultyStore(self.inner, self.clock, Odds(random.Random(seed), ODDS))
        self.registry = RegistryService(self.store, clock=self.clock)
        self.events: list[Event] = []
        self.acknowledged: list[Change] = []
        self.refused: set[str] = set()
        self.unknown: set[str] = set()
        self.foreign = 0

    async def run(self, acts: int) -> None:
        with_luck = self.store._odds
        self.store._odds = None
        await self.registry.start()
        self.registry.feed.taps.append(self.events.append)
        self.store._odds = with_luck
        writers = [asyncio.create_task(self.write(f"w{n}", acts)) for n in range(4)]
        others = asyncio.create_task(self.write_elsewhere(acts))
        while not all(task.done() for task in (*writers, others)):
            await self.clock.advance(0.5)
            self.store.release()
        await asyncio.gather(*writers, others)
        self.store._odds = None
        self.store.faults.clear()
        for _ in range(10):
            self.store.release()
            await self.clock.advance(1)
        await self.registry.commits.catch_up()

    async def write(self, who: str, acts: int) -> None:
        registry = self.registry
        for number in range(acts):
            op = f"{who}-{number}"
            key = self.rng.choice("abcdef")
            try:
                match self.rng.randrange(5):
                    case 0 | 1:
                        doc = record(key, Grant(POLICY), name=op)
                        done = await registry.register(doc, op=op)
                    case 2:
                        done = await registry.update(
                            "default", key, lambda old, name=op: renamed(old, name), op=op
                        )
                    case 3:
                        done = await registry.deregister("default", key, op=op)
                    case _:
                        await registry.renew("default", key)
                        done = None
                if done is not None:
                    self.acknowledged.append(done)
            except OutcomeUnknown:
                self.unknown.add(op)
            except Unavailable:
                self.refused.add(op)
            except RollcallError:
                pass
            await self.clock.sleep(self.rng.choice([0.0, 0.0, 0.1, 1.0]))

    async def write_elsewhere(self, acts: int) -> None:
        for number in range(acts):
            doc = record(self.rng.choice("abcdef"), Grant(POLICY), name="elsewhere")
            make = put if self.rng.random() < 0.7 else remove
            outcome = await self.inner.commit([make(doc, f"elsewhere-{number}")])
            self.foreign += isinstance(outcome[0], Change)
            await self.clock.sleep(self.rng.choice([0.0, 0.2, 1.0]))


def renamed(old: Record, name: str) -> Record:
    return Record(
        old.namespace, old.id, old.kind, name, Status.BUSY, old.created_at, 3.0, lease=old.lease
    )


@pytest.fixture(params=range(12))
async def trial(request: pytest.FixtureRequest) -> Trial:
    trial = Trial(request.param)
    await trial.run(acts=25)
    return trial


async def test_every_promise_is_kept_whatever_fails(trial: Trial) -> None:
    registry, store = trial.registry, trial.inner
    assert trial.store.struck.total() > 20
    assert trial.foreign > 10
    snapshot = await store.open()
    log = await store.changes(0, 100_000)
    state = registry.state

    # The state is what the store holds.
    held = {}
    for space in state.spaces.values():
        for slot in (*space.records.values(), *space.leases.values()):
            doc = state.slots.docs[slot]
            assert doc is not None
            held[key_of(doc)] = (doc, state.slots.revisions[slot])
    records = [one for one in snapshot.docs if key_of(one.doc)[0] is not Table.HOLD]
    assert held == {key_of(one.doc): (one.doc, one.revision) for one in records}
    assert state.revision == snapshot.revision == len(log)

    # Acknowledged: in the log, once. Refused: nowhere. Unknown: once at the most.
    ops = Counter(change.op for change in log)
    assert set(ops.values()) <= {1}
    assert {change.op for change in trial.acknowledged} <= ops.keys()
    by_revision = {change.revision: change for change in log}
    assert all(by_revision[change.revision] == change for change in trial.acknowledged)
    assert not trial.refused & ops.keys()

    # Events: without gap or double, in the order of revisions.
    places = [(event.revision, event.ordinal) for event in trial.events]
    assert places == sorted(set(places))
    assert len({event.event_id for event in trial.events}) == len(places)
    told = {event.revision for event in trial.events}
    assert told >= {change.revision for change in log if not change.op.startswith("elsewhere")} - {
        change.revision for change in log if is_quiet(change, by_revision)
    }
    known: set[str] = set()
    for event in trial.events:
        if event.type is EventType.REGISTERED:
            assert event.id not in known
            known.add(event.id)
        elif event.type is EventType.DEREGISTERED:
            known.remove(event.id)
    assert known == set(state.spaces["default"].records if "default" in state.spaces else ())

    await registry.stop()


def is_quiet(change: Change, by_revision: dict[int, Change]) -> bool:
    """Whether a change may mean no event: it is none of a record, or the same again."""
    if change.table is not Table.RECORD:
        return True
    before = next(
        (
            by_revision[revision].doc
            for revision in range(change.revision - 1, 0, -1)
            if by_revision[revision].id == change.id and by_revision[revision].table is Table.RECORD
        ),
        None,
    )
    return before == change.doc


class Choosy(RemoteStore):
    """Refuses a batch in which somebody is called `bad`."""

    async def commit(self, writes: Sequence[Write]) -> list[Change | Conflict]:
        if any(write.id == "bad" for write in writes):
            raise InvalidInput("record.bad", "cannot be kept")
        return await super().commit(writes)


async def test_what_the_store_cannot_keep_fails_nobody_else() -> None:
    clock = FrozenClock()
    registry = RegistryService(Choosy(clock, RandomIds()), clock=clock)
    await registry.start()
    names = ["a", "b", "bad", "c"]
    outcomes = await asyncio.gather(
        *(registry.register(record(name)) for name in names), return_exceptions=True
    )
    assert [isinstance(one, Change) for one in outcomes] == [True, True, False, True]
    assert isinstance(outcomes[2], InvalidInput)
    await registry.stop()


class Unreadable(RemoteStore):
    """Cannot be read for a while."""

    broken = False

    async def changes(self, after: int, limit: int = 1000) -> list[Change]:
        if self.broken:
            raise IncompatibleStore("a node holds what cannot be read")
        return await super().changes(after, limit)


async def test_a_registry_goes_on_following_whatever_the_store_says(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FrozenClock()
    store = Unreadable(clock, RandomIds())
    registry = RegistryService(store, clock=clock)
    await registry.start()
    store.broken = True
    await store.commit([put(record("elsewhere"), "1")])
    await clock.advance(5)
    assert "cannot be read; trying again" in caplog.text
    store.broken = False
    await clock.advance(5)
    assert registry.get("default", "elsewhere").record.id == "elsewhere"
    await registry.stop()
