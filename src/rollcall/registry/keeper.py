# SPDX-License-Identifier: Apache-2.0
"""The keeper of leases: turns deadlines that have passed into committed changes.

It only ever proposes: a lease that was renewed, regranted or removed meanwhile fails its
compare-and-set and is looked at anew. Nothing is an event before it is committed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from contextlib import suppress
from typing import Final

import msgspec

from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import Unavailable
from rollcall.kernel.ids import derived
from rollcall.registry.commits import BATCH, Commits
from rollcall.registry.events import Cause
from rollcall.registry.expiry import HOLD_TTLS, PreservationPolicy, Window, upcoming
from rollcall.registry.models import HOLD_ID, Grant, Hold, Lease, Record, Table
from rollcall.registry.state import RegistryState
from rollcall.registry.status import LeasePhase, Status
from rollcall.registry.store import Conflict, Write
from rollcall.registry.timers import LeaseTimers

PULSE: Final = 1.0
"""Seconds between looks at the clock at the most, so that a stall of our own is noticed."""

_RETRY: Final = 0.5
"""Seconds until an expiry that could not be committed is proposed again."""

_TRIES: Final = 20

_log = logging.getLogger("rollcall.registry")


class LeaseDue(msgspec.Struct, frozen=True, gc=False):
    """A proposal: the lease in `slot` has been silent too long.

    Args:
        slot: Of the record, or of the shared lease.
        key: Names the lease across restarts of the slot's use.
        doc: What held the lease when it was seen.
        grant: The lease itself; its epoch makes the proposal void once it was granted anew.
        revision: That of the document.
        renewed: Its last renewal in monotonic seconds; one that comes later makes it void as well.
        spared: Overdue only since nobody could renew, so that it is never believed now.
    """

    slot: int
    key: str
    doc: Record | Lease
    grant: Grant
    revision: int
    renewed: float
    spared: bool = False


class LeaseStats:
    """Counts since the start.

    Attributes:
        missed: Leases that ran out (unhealthy or offline, or removed).
        deregistered: Leases that were removed for silence.
        held: Expiries that self-preservation held.
        stalls: Times at which our own process stood still or its store was gone.
    """

    def __init__(self) -> None:
        self.missed = 0
        self.deregistered = 0
        self.held = 0
        self.stalls = 0


class LeaseKeeper:
    """Watches deadlines.

    Args:
        state: Where leases are looked up.
        timers: Their deadlines.
        commits: Where proposals go.
        clock: Time.
        policy: When many deaths at once are not believed.
    """

    def __init__(
        self,
        state: RegistryState,
        timers: LeaseTimers,
        commits: Commits,
        clock: Clock,
        policy: PreservationPolicy,
    ) -> None:
        self.stats = LeaseStats()
        self._state = state
        self._timers = timers
        self._commits = commits
        self._clock = clock
        self._policy = policy
        self._windows: defaultdict[str, Window] = defaultdict(lambda: Window(policy))
        self._nearer = asyncio.Event()
        self._deaf = ""
        self._unsaid: set[int] = set()
        timers.on_nearer = self._nearer.set

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._sleep()
            try:
                await self.tick()
            except Exception:
                # The keeper must outlive whatever goes wrong with one lease.
                _log.exception("leases could not be looked at; trying again")
                self._timers.table.recheck()
                await self._clock.sleep(PULSE)

    async def _sleep(self) -> None:
        """Until the next deadline, or a nearer one that comes in, or the next pulse."""
        now = self._clock.monotonic()
        planned = now + PULSE
        if self._commits.down_since is None:
            planned = min(planned, self._timers.table.earliest)
        self._timers.planned = planned
        if planned <= now:
            return
        self._nearer.clear()
        with suppress(TimeoutError):
            await within(self._clock, planned - now, self._nearer.wait())
        late = self._clock.monotonic() - planned
        if late > self._policy.stall:
            self.heard_again(f"the registry itself stood still for {late:.1f} s")

    def heard_again(self, reason: str) -> None:
        """Nobody could renew until now: grant everyone grace, and hold what is overdue."""
        _log.warning("leases get grace: %s", reason)
        self.stats.stalls += 1
        self._timers.heard_again(self._clock.monotonic())
        self._deaf = reason
        self._nearer.set()

    async def revive(self, slot: int) -> None:
        """The lease in `slot`, which had run down, was renewed: commit that it is fresh again.

        While the store does not answer, the renewal stands and its commit is made up for later.
        """
        for _ in range(_TRIES):
            due = self._see(slot)
            if due is None or due.grant.phase is LeasePhase.FRESH:
                return
            fresh = Grant(due.grant.policy, due.grant.epoch + 1)
            try:
                outcome = await self._commits.submit(
                    self._write(due, Cause.RENEWED, _with(due.doc, fresh), "renewed", guard=False)
                )
                if not isinstance(outcome, Conflict):
                    return
                await self._commits.catch_up()
            except Unavailable:
                break
        self._unsaid.add(slot)

    async def tick(self) -> None:
        """Propose whatever is due now."""
        if self._commits.down_since is not None:
            # Cut off from the store: nothing can be committed, so nothing expires here.
            return
        now = self._clock.monotonic()
        deaf, self._deaf = self._deaf, ""
        proposals: defaultdict[str, list[LeaseDue]] = defaultdict(list)
        for slot in self._timers.table.due(now):
            due = self._look(slot, now)
            if due is not None and (not due.spared or (deaf and due.grant.policy.preserve)):
                proposals[due.doc.namespace].append(due)
        for namespace, dues in proposals.items():
            await self._decide(namespace, dues, now, deaf)
        unsaid, self._unsaid = self._unsaid, set()
        for slot in unsaid:
            await self.revive(slot)
        await self._lift_holds()
        for namespace in [one for one, window in self._windows.items() if not window.recent(now)]:
            del self._windows[namespace]

    def _look(self, slot: int, now: float) -> LeaseDue | None:
        """What there is to propose of a slot whose deadline has passed; None: nothing."""
        due = self._see(slot)
        if due is None or upcoming(due.grant) is None:
            self._timers.table.disarm(slot)
            return None
        if self._timers.due(slot, due.grant, now):
            return due
        return msgspec.structs.replace(due, spared=True)

    def _see(self, slot: int) -> LeaseDue | None:
        """The lease in a slot as it stands; None: there is none."""
        doc = self._state.slots.docs[slot]
        grant = doc.grant if isinstance(doc, Lease) else doc.lease if doc else None
        if doc is None or not isinstance(grant, Grant):
            return None
        table = Table.LEASE if isinstance(doc, Lease) else Table.RECORD
        revision, renewed = self._state.slots.revisions[slot], self._timers.table.renewed[slot]
        return LeaseDue(slot, f"{table}/{doc.id}", doc, grant, revision, renewed)

    async def _decide(self, namespace: str, dues: list[LeaseDue], now: float, deaf: str) -> None:
        """Believe the silence of these leases, or hold their expiry."""
        space = self._state.spaces.get(namespace)
        if space is None:
            return
        window = self._windows[namespace]
        doubtful = [
            due
            for due in dues
            if due.grant.policy.preserve and due.grant.phase is not LeasePhase.HELD
        ]
        fresh = [due for due in doubtful if due.grant.phase is LeasePhase.FRESH]
        reason = deaf
        extra: list[LeaseDue] = []
        if space.hold is not None and self._clock.now() < space.hold.until:
            reason = reason or space.hold.reason
        elif fresh and window.is_mass(now, [due.key for due in fresh], space.leased):
            known = {due.slot for due in doubtful}
            extra = self._retract(namespace, window, now, known)
            reason = reason or (
                f"{len(fresh) + len(extra)} of {space.leased} leases fell due within"
                f" {self._policy.window:g} s"
            )
        if not (reason and doubtful):
            for due in fresh:
                window.note(now, due.key)
            believed = [due for due in dues if not due.spared]
            await self._commit([self._expiry(due) for due in believed], believed)
            return
        held = doubtful + extra
        doubted = {due.slot for due in doubtful}
        believed = [due for due in dues if due.slot not in doubted and not due.spared]
        self.stats.held += len(held)
        if space.hold is None:
            hold = self._hold(namespace, reason, held, space.leased)
            try:
                await self._commits.submit(hold)
            except Unavailable:
                self._put_off(dues)
                return
        await self._commit([self._holding(due, reason) for due in held], held)
        await self._commit([self._expiry(due) for due in believed], believed)

    def _retract(
        self, namespace: str, window: Window, now: float, known: set[int]
    ) -> list[LeaseDue]:
        """Those, but the known, whose silence was believed a moment ago and is not any more."""
        found: list[LeaseDue] = []
        for key in window.recent(now):
            table, _, name = key.partition("/")
            shared = table == Table.LEASE
            slot = (self._state.lease_slot if shared else self._state.slot)(namespace, name)
            if slot is None or slot in known:
                continue
            due = self._see(slot)
            if due and due.grant.phase in (LeasePhase.UNHEALTHY, LeasePhase.OFFLINE):
                found.append(due)
        return found

    def _expiry(self, due: LeaseDue) -> Write:
        step = upcoming(due.grant)
        assert step is not None, "a lease without a next step has no deadline"
        if step.to is None:
            return self._write(due, Cause.MISSED, None, "gone")
        grant = Grant(due.grant.policy, due.grant.epoch, step.to)
        return self._write(due, Cause.MISSED, _with(due.doc, grant), step.to.name)

    def _holding(self, due: LeaseDue, reason: str) -> Write:
        grant = Grant(due.grant.policy, due.grant.epoch, LeasePhase.HELD, reason)
        return self._write(due, Cause.HELD, _with(due.doc, grant), "HELD")

    def _write(
        self,
        due: LeaseDue,
        cause: str,
        doc: Record | Lease | None,
        transition: str,
        *,
        guard: bool = True,
    ) -> Write:
        # The same transition of the same lease is the same act wherever it is proposed.
        op = derived(
            due.doc.namespace, due.key, str(due.grant.epoch), transition, str(due.revision)
        )
        table = Table.LEASE if isinstance(due.doc, Lease) else Table.RECORD
        # Only others can have renewed it in the store; what came in here, the timers know.
        guarded = guard and self._commits.shared
        return Write(
            op,
            cause,
            table,
            due.doc.namespace,
            due.doc.id,
            doc,
            expect=due.revision,
            # A second's grain is far finer than any heartbeat and coarser than any rounding.
            unless_renewed_since=self._timers.renewed_at(due.slot) + 1.0 if guarded else None,
        )

    def _hold(self, namespace: str, reason: str, held: list[LeaseDue], total: int) -> Write:
        since = self._clock.now()
        longest = max(due.grant.policy.ttl for due in held)
        hold = Hold(
            namespace, HOLD_ID, since, since + HOLD_TTLS * longest, reason, len(held), total
        )
        op = derived(namespace, HOLD_ID, repr(since), reason)
        return Write(op, Cause.HELD, Table.HOLD, namespace, HOLD_ID, hold, expect=0)

    async def _commit(self, writes: list[Write], dues: list[LeaseDue]) -> None:
        for start in range(0, len(writes), BATCH):
            proposed = zip(dues[start : start + BATCH], writes[start : start + BATCH], strict=True)
            chunk = [(due, write) for due, write in proposed if not self._renewed(due)]
            try:
                outcomes = await self._commits.submit_all([write for _, write in chunk])
            except Unavailable:
                self._put_off([due for due, _ in chunk])
                continue
            for (due, write), outcome in zip(chunk, outcomes, strict=True):
                if isinstance(outcome, Conflict):
                    self._reconsider(due, outcome)
                    continue
                if write.cause == Cause.MISSED:
                    self.stats.missed += due.grant.phase in (LeasePhase.FRESH, LeasePhase.HELD)
                    self.stats.deregistered += write.doc is None
                if self._renewed(due):
                    # The renewal came while the store was writing, and found nothing to revive.
                    await self.revive(due.slot)
            await asyncio.sleep(0)

    def _renewed(self, due: LeaseDue) -> bool:
        """Whether its lease was renewed since it was seen; then its new deadline counts."""
        if self._timers.table.renewed[due.slot] <= due.renewed:
            return False
        self._timers.table.defer(due.slot, self._timers.table.deadline(due.slot))
        return True

    def _put_off(self, dues: list[LeaseDue]) -> None:
        """They could not be committed; propose them again in a moment."""
        for due in dues:
            self._timers.table.defer(due.slot, self._clock.monotonic() + _RETRY)

    def _reconsider(self, due: LeaseDue, conflict: Conflict) -> None:
        """It was renewed or changed elsewhere; see again in a moment, as it is then."""
        now = self._clock.monotonic()
        if conflict.renewed:
            self._timers.table.renewed[due.slot] = now
        # Where the state has moved on already, a fresh proposal can be made at once; else the
        # change that stood in the way is still to come.
        moved_on = self._state.slots.revisions[due.slot] != due.revision
        again = now if moved_on else now + _RETRY
        self._timers.table.defer(due.slot, max(again, self._timers.table.deadline(due.slot)))

    async def _lift_holds(self) -> None:
        for namespace in list(self._state.holding):
            space = self._state.spaces[namespace]
            if space.hold is None or self._state.index.statuses(namespace).get(Status.SUSPECT):
                continue
            op = derived(namespace, HOLD_ID, repr(space.hold.since), "lifted")
            write = Write(op, Cause.HELD, Table.HOLD, namespace, HOLD_ID, None)
            self._windows.pop(namespace, None)
            try:
                await self._commits.submit(write)
            except Unavailable:
                return


def _with(doc: Record | Lease, grant: Grant) -> Record | Lease:
    """The same, with another lease."""
    if isinstance(doc, Lease):
        return Lease(doc.namespace, doc.id, grant)
    return msgspec.structs.replace(doc, lease=grant)
