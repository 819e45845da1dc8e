# SPDX-License-Identifier: Apache-2.0
"""How one query is answered from the index: what leads, what is looked at, in which order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Final, Literal, NamedTuple

import msgspec

from rollcall.registry.matching import (
    EXACT_NAME,
    EXACT_TAG,
    LISTED,
    Level,
    filters,
    level,
    phrase_key,
    phrases,
    wanted_capabilities,
    wanted_tags,
)
from rollcall.registry.models import Capability, Record
from rollcall.registry.postings import Postings
from rollcall.registry.query import Query, TextHit
from rollcall.registry.status import CODE, EFFECTIVE
from rollcall.registry.terms import Name, Phrase, Space, Term
from rollcall.registry.text import fold, pieces, words

Per = Literal["record", "capability"]
Ranked = Iterator[tuple[Phrase, Level]]

EVERY_CODE: Final = range(len(EFFECTIVE))

# Where a filter leaves so few records, looking for one that leaves fewer does not pay.
_FEW: Final = 4


class Found(msgspec.Struct, frozen=True, gc=False):
    """One answer.

    Args:
        slot: The record's slot.
        hit: The capability that matches, and how well; None where the query has no words and
            answers are per record.
    """

    slot: int
    hit: TextHit | None = None


class _Source(NamedTuple):
    """Terms whose records contain all those that pass one filter.

    Args:
        terms: The numbers of the terms.
        size: How many records they have; one that is in several counts as often.
        proves: The filter that all of these records pass; empty: each needs a look.
        disjoint: No record is in two of the terms.
    """

    terms: list[int]
    size: int
    proves: str
    disjoint: bool


class Search:
    """One query at work in one namespace.

    Args:
        space: The namespace.
        postings: Who carries which term.
        records: The record of each slot.
        query: The question; its words are passed to the methods, its filters hold for all of them.
        named: Gives the terms of records whose name has this folded part.
        per: One answer for each record, or for each record and phrase.
    """

    def __init__(
        self,
        space: Space,
        postings: Postings[Term],
        records: Sequence[Record | None],
        query: Query,
        named: Callable[[Space, str], Iterable[Name]],
        per: Per,
    ) -> None:
        self._space = space
        self._postings = postings
        self._records = records
        self._query = query
        self._named = named
        self._by_record = per == "record"
        self._codes: Sequence[int] = EVERY_CODE
        if query.statuses is not None:
            self._codes = sorted(CODE[s] for s in query.statuses if s in CODE)
        self._checks = filters(query)

    @cached_property
    def _source(self) -> _Source:
        return self._narrowest()

    @property
    def size(self) -> int | None:
        """How many records pass the filters, where that is known without looking at them."""
        source = self._source
        return source.size if source.disjoint and self._checks.keys() <= {source.proves} else None

    def listed(self) -> Iterator[Found]:
        """All records that pass the filters."""
        self._checks.pop(self._source.proves, None)
        for slot, record in self._passing():
            if self._by_record:
                yield Found(slot)
            else:
                for capability in phrases(record):
                    yield Found(slot, TextHit(capability, *LISTED))

    def worded(self, text: str) -> Iterator[Found]:
        """The records that match a folded text, best first."""
        filtered = self._checks or self._query.statuses is not None
        index = self._space.text
        # Only where fewer records pass than there are phrases is it worth asking what is shorter.
        few = filtered and self._source.size < len(index)
        if few and self._source.size < index.narrow(pieces(text))[1]:
            wanted = frozenset(words(text))
            return self._through_filter(lambda phrase: level(phrase.fields, text, wanted), set())
        return self.ranked(self._matching(text))

    def ranked(self, order: Ranked) -> Iterator[Found]:
        """The records of phrases that come best first.

        Phrases lead until they have led to more records than the narrowest filter leaves; then that
        filter leads. So the whole never costs more than about twice what the better way costs.
        """
        left = self._source.size if self._checks else -1
        levels: dict[Phrase, Level] = {}
        seen: set[Hashable] = set()
        for phrase, how in order:
            levels[phrase] = how
            for slot in self._postings.slots(phrase.number, self._codes):
                if left == 0:
                    levels.update(order)
                    yield from self._through_filter(levels.get, seen)
                    return
                left -= 1
                mark = slot if self._by_record else (slot, phrase.pid)
                if mark not in seen:
                    record = self._record(slot)
                    if self._passes(record):
                        seen.add(mark)
                        yield Found(slot, TextHit(_own(record, phrase), *how))

    def _through_filter(
        self, rank: Callable[[Phrase], Level | None], seen: set[Hashable]
    ) -> Iterator[Found]:
        """The records of the narrowest filter by the rank of their phrases, but for those seen."""
        found: list[Found] = []
        for slot, record in self._passing():
            if slot in seen:
                continue
            hits: list[TextHit] = []
            for capability in phrases(record):
                phrase = self._space.phrases[phrase_key(capability)]
                how = rank(phrase)
                if how is not None and (slot, phrase.pid) not in seen:
                    hits.append(TextHit(capability, *how))
            if self._by_record and len(hits) > 1:
                hits = [max(hits, key=_score)]
            found.extend(Found(slot, hit) for hit in hits)
        found.sort(key=lambda one: _score(one.hit), reverse=True)
        yield from found

    def _matching(self, text: str) -> Ranked:
        """The phrases that match a folded text; the exact ones without a look at the others."""
        space = self._space
        for phrase in sorted(space.named(text), key=_age):
            yield phrase, EXACT_NAME
        for phrase in sorted(space.tagged(text), key=_age):
            if phrase.fields.name != text:
                yield phrase, EXACT_TAG
        wanted = frozenset(words(text))
        rest: list[tuple[float, int, Phrase, Level]] = []
        for phrase in space.text.items(space.text.narrow(pieces(text))[0]):
            how = level(phrase.fields, text, wanted)
            if how is not None and how.score < EXACT_TAG.score:
                rest.append((-how.score, phrase.pid, phrase, how))
        rest.sort(key=lambda one: one[:2])
        for _, _, phrase, how in rest:
            yield phrase, how

    def _passing(self) -> Iterator[tuple[int, Record]]:
        """The records of the narrowest filter that pass the others, each once."""
        seen: set[int] | None = None if self._source.disjoint else set()
        for term in self._source.terms:
            for slot in self._postings.slots(term, self._codes):
                if seen is not None:
                    if slot in seen:
                        continue
                    seen.add(slot)
                record = self._record(slot)
                if self._passes(record):
                    yield slot, record

    def _passes(self, record: Record) -> bool:
        return all(check(record) for check in self._checks.values())

    def _record(self, slot: int) -> Record:
        record = self._records[slot]
        assert record is not None, "what is indexed is kept"
        return record

    def _narrowest(self) -> _Source:
        """The filter that leaves fewest records, as far as it pays to look for it."""
        space, query = self._space, self._query
        kinds = space.kinds.values()
        if query.kinds is not None:
            kinds = [term for kind, term in space.kinds.items() if kind in query.kinds]
        best = self._measured("kinds", kinds, disjoint=True)
        if query.runtime:
            term = space.runtimes.get(query.runtime)
            best = self._fewer(best, "runtime", [] if term is None else [term])
        names = wanted_capabilities(query) if query.capabilities else ()
        for name in names:
            proves = "capabilities" if len(names) == 1 else ""
            if best.size > _FEW:
                best = self._fewer(best, proves, space.named(name))
        tags = wanted_tags(query) if query.tags else ()
        for tag in tags:
            proves = "tags" if len(tags) == 1 else ""
            if best.size > _FEW:
                own = space.tags.get(tag)
                terms = [*space.tagged(tag), *(() if own is None else (own,))]
                best = self._fewer(best, proves, terms)
        if best.size > _FEW and (part := fold(query.name)):
            best = self._fewer(best, "name", list(self._named(space, part)), disjoint=True)
        return best

    def _fewer(
        self, best: _Source, proves: str, terms: Sequence[Term], *, disjoint: bool = False
    ) -> _Source:
        other = self._measured(proves, terms, disjoint=disjoint or len(terms) < 2)
        return other if other.size < best.size else best

    def _measured(self, proves: str, terms: Iterable[Term], *, disjoint: bool) -> _Source:
        numbers = [term.number for term in terms]
        size = 0
        for number in numbers:
            size += self._postings.count(number, self._codes)
        return _Source(numbers, size, proves, disjoint)


def _score(hit: TextHit | None) -> float:
    return 1.0 if hit is None else hit.score


def _age(phrase: Phrase) -> int:
    return phrase.pid


def _own(record: Record, phrase: Phrase) -> Capability:
    """The record's own capability that reads so; another record's may have other parameters."""
    capabilities = record.capabilities
    if len(capabilities) == 1:
        return capabilities[0]
    return next(c for c in capabilities if phrase_key(c) == phrase.key)
