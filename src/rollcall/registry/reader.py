# SPDX-License-Identifier: Apache-2.0
"""The registry's reads: records, evidence, search, explanations, watching. All from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nsmallest

import msgspec

from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput, MissingExtra
from rollcall.kernel.record_errors import RecordNotFound
from rollcall.registry.commits import Commits
from rollcall.registry.demand import UnmetDemand
from rollcall.registry.evidence import Evidence, lease_evidence, provisional
from rollcall.registry.feed import Feed, Position, Subscription
from rollcall.registry.index import Found, Per
from rollcall.registry.matching import Rule, why_not
from rollcall.registry.models import Record
from rollcall.registry.query import Match, Query, TextHit
from rollcall.registry.semantic import SemanticSearch
from rollcall.registry.state import RegistryState
from rollcall.registry.status import Status
from rollcall.registry.text import fold
from rollcall.registry.timers import LeaseTimers
from rollcall.registry.watch import Watch

_PHRASES = 200
"""Phrases that a search by meaning looks at, where no greater limit is asked for."""


class View(msgspec.Struct, frozen=True):
    """A record as it reads at a revision.

    Args:
        record: What was written.
        status: Its effective status.
        revision: The revision of its last write.
        renewed_at: The last renewal of its lease in seconds since the epoch; None: permanent.
    """

    record: Record
    status: Status
    revision: int
    renewed_at: float | None


class Explanation(msgspec.Struct, frozen=True):
    """Why a record is, or is not, in the answer to a query.

    Args:
        rules: What each part of the query says of it.
        evidence: What its status rests on.
        rank: Its place in the answer, from 1; None: it is not in it.
        hit: The capability that ranked it there.
    """

    rules: list[Rule]
    evidence: Evidence
    rank: int | None = None
    hit: TextHit | None = None


class RegistryReader:
    """Answers from the state."""

    def __init__(
        self,
        state: RegistryState,
        feed: Feed,
        commits: Commits,
        timers: LeaseTimers,
        clock: Clock,
        semantic: SemanticSearch | None,
    ) -> None:
        self.state = state
        self.feed = feed
        self.commits = commits
        self.timers = timers
        self.clock = clock
        self.demand = UnmetDemand()
        self.searched: list[Callable[[float], None]] = []
        """Called with the seconds that each search took; must be quick and must not raise."""
        self._semantic = semantic

    @property
    def position(self) -> Position:
        """Where the state is in the history of its store."""
        return Position(self.feed.epoch, self.state.revision, 1 << 30)

    async def reached(self, revision: int) -> None:
        """Return once the state is at `revision` or later."""
        while self.state.revision < revision and not self.feed.closed:
            await self.feed.changed()

    def get(self, namespace: str, record_id: str) -> View:
        """One record.

        Raises:
            RecordNotFound: There is no such record.
        """
        return self.view(self._slot(namespace, record_id))

    def view(self, slot: int) -> View:
        """The record in a slot."""
        record = self.state.slots.record(slot)
        return View(
            record, self.state.status(slot), self.state.slots.revisions[slot], self.renewed_at(slot)
        )

    def renewed_at(self, slot: int) -> float | None:
        """The last renewal of the lease that covers the record in `slot`; None: it is permanent."""
        if self.state.grant(slot) is None:
            return None
        return self.timers.renewed_at(self.state.holder(slot))

    def evidence(self, namespace: str, record_id: str) -> Evidence:
        """Why a record reads as it does.

        Raises:
            RecordNotFound: There is no such record.
        """
        slot = self._slot(namespace, record_id)
        record = self.state.slots.record(slot)
        grant = self.state.grant(slot)
        silent = 0.0 if grant is None else self.timers.silence(self.state.holder(slot))
        lease = lease_evidence(record, grant, silent)
        cut_off = self.commits.down_since is not None
        return Evidence(
            status=self.state.status(slot),
            reported=record.reported,
            reported_age=max(0.0, self.clock.now() - record.updated_at),
            lease=lease,
            probe=record.probe,
            provisional=provisional(record, lease) if cut_off else None,
        )

    async def search(
        self, namespace: str, query: Query, *, limit: int | None = None, per: Per = "record"
    ) -> list[Found]:
        """What answers a query, best first; among equals, the longest registered first.

        With a limit, the best ones of so many; which of equals is not said.

        Raises:
            InvalidInput: The words cannot be searched for.
            MissingExtra: It asks for meaning, and there is no encoder.
        """
        if query.match is Match.LEXICAL or not query.text:
            return self.search_by_words(namespace, query, limit=limit, per=per)
        begun = self.clock.monotonic()
        found = await self._found(namespace, query, limit, per)
        return self._searched(namespace, query, found, begun)

    def search_by_words(
        self, namespace: str, query: Query, *, limit: int | None = None, per: Per = "record"
    ) -> list[Found]:
        """`search` without meaning, which waits for nothing.

        Raises:
            InvalidInput: The words cannot be searched for.
        """
        begun = self.clock.monotonic()
        found = self._ranked(self.state.index.search(namespace, query, limit, per))
        return self._searched(namespace, query, found, begun)

    def note_search(self, seconds: float) -> None:
        """A search was answered, which took so long."""
        for told in self.searched:
            told(seconds)

    def _searched(
        self, namespace: str, query: Query, found: list[Found], begun: float
    ) -> list[Found]:
        self.note_search(self.clock.monotonic() - begun)
        if not found and (words := fold(query.text)):
            self.demand.note(namespace, words, self.clock.now())
        return found

    def page(
        self, namespace: str, query: Query, limit: int, after: tuple[str, str] | None = None
    ) -> tuple[list[View], bool]:
        """The records that pass the filters of a query, by name and then by id; O(records passing).

        Args:
            limit: At most so many.
            after: Name and id of the last record of the page before; it need not exist any more.

        Returns:
            The page, and whether there is more.

        Raises:
            InvalidInput: The query has words: what matches them comes best first, by `search`.
        """
        if query.text:
            raise InvalidInput("text", "must be empty for a page by name")
        record, keys = self.state.slots.record, list[tuple[str, str, int]]()
        for one in self.state.index.search(namespace, query):
            doc = record(one.slot)
            keys.append((doc.name, doc.id, one.slot))
        if after is not None:
            keys = [key for key in keys if key[:2] > after]
        first = nsmallest(limit + 1, keys)
        return [self.view(slot) for _, _, slot in first[:limit]], len(first) > limit

    async def _found(
        self, namespace: str, query: Query, limit: int | None, per: Per
    ) -> list[Found]:
        """What answers a query, by words or, where those find nothing, by meaning."""
        found: list[Found] = []
        if query.match is not Match.SEMANTIC or not query.text:
            found = list(self.state.index.search(namespace, query, limit, per))
        if not found and query.text and query.match is not Match.LEXICAL:
            found = await self._by_meaning(namespace, query, limit, per)
        return self._ranked(found)

    def _ranked(self, answers: Iterable[Found]) -> list[Found]:
        found = list(answers)
        if len(found) > 1:
            births = self.state.slots.births
            found.sort(key=lambda one: (-one.hit.score if one.hit else 0.0, births[one.slot]))
        return found

    async def _by_meaning(
        self, namespace: str, query: Query, limit: int | None, per: Per
    ) -> list[Found]:
        if self._semantic is None:
            raise MissingExtra("search by meaning", "semantic")
        meanings = await self._semantic.ranked(namespace, query.text, max(limit or 0, _PHRASES))
        ranked = [(one.pid, one.score, one.reason) for one in meanings]
        return list(self.state.index.expand(namespace, ranked, query, limit, per))

    def _slot(self, namespace: str, record_id: str) -> int:
        slot = self.state.slot(namespace, record_id)
        if slot is None:
            raise RecordNotFound(namespace, record_id)
        return slot

    async def explain(self, namespace: str, record_id: str, query: Query) -> Explanation:
        """Which part of a query hid a record, or what ranked it.

        Raises:
            RecordNotFound: There is no such record.
            InvalidInput, MissingExtra: As for `search`.
        """
        slot = self._slot(namespace, record_id)
        rules = why_not(self.state.slots.record(slot), self.state.status(slot), query)
        found = await self._found(namespace, query, None, "record")
        place = next((at for at, one in enumerate(found, 1) if one.slot == slot), None)
        if query.text and query.match is not Match.LEXICAL:
            rules = [
                await self._by_meaning_rule(namespace, slot, query)
                if rule.name == "text" and not rule.passed
                else rule
                for rule in rules
            ]
        return Explanation(
            rules,
            self.evidence(namespace, record_id),
            place,
            None if place is None else found[place - 1].hit,
        )

    def watch(self, namespace: str, query: Query) -> Watch:
        """Watch a question: who enters its answer, who leaves it, and why.

        Raises:
            InvalidInput: It asks for meaning, which is for searches only.
        """
        if query.text and query.match is not Match.LEXICAL:
            raise InvalidInput("match", "must be lexical: a question by meaning cannot be watched")
        return Watch(self.state, self.feed, namespace, query)

    def events(
        self, *, after: Position | None = None, namespace: str | None = None
    ) -> Subscription:
        """Follow all events from now on, or from just behind `after`.

        Raises:
            Compacted: What follows `after` is not kept any more: take a fresh list.
        """
        return self.feed.subscribe(after=after, namespace=namespace)

    async def _by_meaning_rule(self, namespace: str, slot: int, query: Query) -> Rule:
        words = Query(text=query.text)
        found = await self._by_meaning(namespace, words, None, "record")
        hit = next((one.hit for one in found if one.slot == slot), None)
        if hit is None:
            return Rule("text", False, f"no capability matches {query.text!r}, nor means the same")
        return Rule("text", True, f"capability {hit.capability.name!r}: {hit.detail}")
