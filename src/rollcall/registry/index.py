# SPDX-License-Identifier: Apache-2.0
"""The index: finds the records that answer a query, at the cost of the answer and not of the fleet.

Distinct capability *phrases* (name, description, tags) are few, records are many. Words lead to
phrases, phrases to the records that have them, split by effective status. The answers are exactly
those of `rollcall.registry.matching`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, KeysView, Sequence
from itertools import count, islice
from typing import Any

from rollcall.registry.matching import Level, folded_text, phrase_key
from rollcall.registry.models import Capability, Kind, Record
from rollcall.registry.postings import Postings
from rollcall.registry.query import Query, Reason
from rollcall.registry.search import EVERY_CODE, Found, Per, Search
from rollcall.registry.status import EFFECTIVE, Status
from rollcall.registry.terms import Name, Names, Phrase, Space, Term
from rollcall.registry.text import fold, pieces


class Index:
    """Finds records by what their capabilities say and by what they have in common.

    Writes cost what the record carries. Iterators given out are to be used up, or dropped, before
    the next write.

    Args:
        records: The record of each slot, kept by the caller: in place before it is put here, and
            while it is here.
    """

    def __init__(self, records: Sequence[Record | None]) -> None:
        self._records = records
        self._postings: Postings[Term] = Postings(len(EFFECTIVE))
        self._spaces: dict[str, Space] = {}
        self._pids = count(1)
        self._versions = count(1)

    @property
    def steps(self) -> int:
        """Entries and chunks touched so far: what work costs, free of any clock."""
        return self._postings.steps + sum(space.steps for space in self._spaces.values())

    @property
    def size(self) -> int:
        """How much is kept: entries, open terms and all that leads to them. 0 when it is empty."""
        kept = sum(space.size for space in self._spaces.values())
        return len(self._postings) + self._postings.terms + kept

    def put(self, slot: int, record: Record, code: int) -> None:
        """Add the record of a slot, or replace it. `code` is that of its effective status."""
        space = self._spaces.get(record.namespace)
        if space is None:
            space = self._spaces[record.namespace] = Space(record.namespace)
        terms = [
            (space.kinds.get(record.kind) or self._term(space, space.kinds, record.kind)).number
        ]
        if runtime := record.runtime:
            known = space.runtimes.get(runtime) or self._term(space, space.runtimes, runtime)
            terms.append(known.number)
        for capability in record.capabilities:
            phrase = space.phrases.get((capability.name, capability.description, capability.tags))
            terms.append((phrase or self._phrase(space, capability)).number)
        for tag in record.tags:
            word = fold(tag)
            terms.append((space.tags.get(word) or self._term(space, space.tags, word)).number)
        if space.names is not None and (name := fold(record.name)):
            terms.append(self._name(space, space.names, name))
        if len(record.capabilities) > 1 or len(record.tags) > 1:
            terms = list(dict.fromkeys(terms))
        if emptied := self._postings.put(slot, code, terms):
            self._forget(emptied)

    def move(self, slot: int, code: int) -> None:
        """Give a slot another effective status."""
        self._postings.move(slot, code)

    def remove(self, slot: int) -> None:
        """Forget a slot; one that is not here is passed over."""
        if emptied := self._postings.remove(slot):
            self._forget(emptied)

    def agrees(self, slot: int, record: Record, code: int) -> bool:
        """Whether all that is kept of a slot is what its record and status say."""
        space = self._spaces.get(record.namespace)
        if space is None or not self._postings.carries(slot) or self._postings.code(slot) != code:
            return False
        terms: list[Term | None] = [space.kinds.get(record.kind)]
        terms += [space.phrases.get(phrase_key(one)) for one in record.capabilities]
        terms += [space.tags.get(fold(tag)) for tag in record.tags]
        if record.runtime:
            terms.append(space.runtimes.get(record.runtime))
        if space.names is not None and (name := fold(record.name)):
            terms.append(space.names.terms.get(name))
        wanted = {term.number for term in terms if term is not None}
        return None not in terms and wanted == set(self._postings.terms_of(slot))

    def search(
        self, namespace: str, query: Query, limit: int | None = None, per: Per = "record"
    ) -> Iterator[Found]:
        """What answers a query, best first; `query.match` is not looked at: words are compared.

        Per record, each record comes once, with the capability that matches best. Per capability,
        each comes with every phrase that matches, or, where the query has no words, with every
        phrase. Work is done as answers are read: the first k cost about k records, and a look at
        the phrases that may contain the words.

        Raises:
            InvalidInput: The words cannot be searched for.
        """
        text = folded_text(query)
        search = self._search(namespace, query, per)
        if search is None:
            return iter(())
        found = search.worded(text) if text else search.listed()
        return found if limit is None else islice(found, limit)

    def expand(
        self,
        namespace: str,
        ranked: Iterable[tuple[int, float, str]],
        query: Query,
        limit: int | None = None,
        per: Per = "record",
    ) -> Iterator[Found]:
        """The records of phrases found by meaning, as `search` gives those found by words.

        Args:
            namespace: Where.
            ranked: Phrase id, score and detail, best first; ids that are gone are passed over.
            query: Its filters count, its words do not.
            limit: At most so many.
            per: As for `search`.
        """
        search = self._search(namespace, query, per)
        if search is None:
            return iter(())
        known = self._spaces[namespace].by_pid
        found = search.ranked(
            (known[pid], Level(score, Reason.SEMANTIC, detail))
            for pid, score, detail in ranked
            if pid in known
        )
        return found if limit is None else islice(found, limit)

    def count(self, namespace: str, query: Query) -> int:
        """How many records answer a query. O(1) for a status with a kind, a runtime or nothing."""
        text = folded_text(query)
        search = self._search(namespace, query, "record")
        if search is None:
            return 0
        if text:
            return sum(1 for _ in search.worded(text))
        size = search.size
        return sum(1 for _ in search.listed()) if size is None else size

    def status(self, slot: int) -> Status:
        """The effective status of a slot."""
        return EFFECTIVE[self._postings.code(slot)]

    def namespaces(self) -> KeysView[str]:
        """Those that have records."""
        return self._spaces.keys()

    def statuses(self, namespace: str) -> dict[Status, int]:
        """How many records there are of each effective status."""
        space = self._spaces.get(namespace)
        kinds = [] if space is None else list(space.kinds.values())
        return {
            status: sum(self._postings.count(term.number, (code,)) for term in kinds)
            for code, status in enumerate(EFFECTIVE)
        }

    def kinds(self, namespace: str) -> dict[Kind, int]:
        """How many records there are of each kind that there are any of."""
        space = self._spaces.get(namespace)
        return {} if space is None else self._sizes(space.kinds)

    def runtimes(self, namespace: str) -> dict[str, int]:
        """How many records live in each runtime."""
        space = self._spaces.get(namespace)
        return {} if space is None else self._sizes(space.runtimes)

    def members(self, namespace: str, runtime: str) -> Iterator[int]:
        """The slots of the records that live in a runtime."""
        space = self._spaces.get(namespace)
        return self._slots(None if space is None else space.runtimes.get(runtime))

    def population(self, namespace: str, runtime: str) -> int:
        """How many records live in a runtime. O(1)."""
        space = self._spaces.get(namespace)
        term = None if space is None else space.runtimes.get(runtime)
        return 0 if term is None else self._postings.count(term.number, EVERY_CODE)

    def capability_count(self, namespace: str) -> int:
        """How many distinct phrases there are. O(1)."""
        space = self._spaces.get(namespace)
        return 0 if space is None else len(space.phrases)

    def capability_entries(self, namespace: str) -> int:
        """How many phrases the records have, one that many have counted as often. O(phrases)."""
        space = self._spaces.get(namespace)
        return 0 if space is None else sum(self._sizes(space.phrases).values())

    def phrases(self, namespace: str) -> Iterator[tuple[int, Capability]]:
        """The distinct phrases: their ids, and a capability that reads so."""
        space = self._spaces.get(namespace)
        if space is not None:
            for pid, phrase in space.by_pid.items():
                yield pid, phrase.capability

    def phrase_ids(self, namespace: str) -> KeysView[int]:
        """The ids of the distinct phrases, as a live view. No id is ever given away again."""
        space = self._spaces.get(namespace)
        return _NO_IDS.keys() if space is None else space.by_pid.keys()

    def phrase(self, namespace: str, pid: int) -> Capability | None:
        """A capability that reads as the phrase of this id; None: it is gone."""
        space = self._spaces.get(namespace)
        phrase = None if space is None else space.by_pid.get(pid)
        return None if phrase is None else phrase.capability

    def holders(self, namespace: str, pid: int) -> Iterator[int]:
        """The slots of the records that have a phrase."""
        space = self._spaces.get(namespace)
        return self._slots(None if space is None else space.by_pid.get(pid))

    def phrase_version(self, namespace: str) -> int:
        """A number that is another one whenever a phrase came or went; 0: there are none."""
        space = self._spaces.get(namespace)
        return 0 if space is None else space.version

    def _search(self, namespace: str, query: Query, per: Per) -> Search | None:
        space = self._spaces.get(namespace)
        if space is None:
            return None
        return Search(space, self._postings, self._records, query, self._named, per)

    def _named(self, space: Space, part: str) -> Iterator[Name]:
        """The names with this folded part. The first to ask has the index of names built."""
        names = space.names
        if names is None:
            names = space.names = Names()
            kinds = [term.number for term in space.kinds.values()]
            for slot in [s for kind in kinds for s in self._postings.slots(kind, EVERY_CODE)]:
                record = self._records[slot]
                if record is not None and (name := fold(record.name)):
                    self._postings.add(slot, self._name(space, names, name))
        for name in names.text.items(names.text.narrow(pieces(part))[0]):
            if part in str(name.key):
                yield name

    def _term(self, space: Space, home: dict[Any, Term], key: Any) -> Term:
        term = home[key] = Term(space, home, key)
        term.number = self._postings.open(term)
        return term

    def _phrase(self, space: Space, capability: Capability) -> Phrase:
        phrase = Phrase(space, next(self._pids), capability)
        phrase.number = self._postings.open(phrase)
        space.version = next(self._versions)
        return phrase

    def _name(self, space: Space, names: Names, name: str) -> int:
        term = names.terms.get(name)
        if term is None:
            term = Name(space, names, name)
            term.number = self._postings.open(term)
        return term.number

    def _forget(self, emptied: list[Term]) -> None:
        for term in emptied:
            term.leave()
            space = term.space
            if isinstance(term, Phrase):
                space.version = next(self._versions)
            if not space.kinds:
                self._spaces.pop(space.name, None)

    def _sizes(self, terms: dict[Any, Any]) -> dict[Any, int]:
        return {key: self._postings.count(t.number, EVERY_CODE) for key, t in terms.items()}

    def _slots(self, term: Term | None) -> Iterator[int]:
        return iter(()) if term is None else self._postings.slots(term.number, EVERY_CODE)


_NO_IDS: dict[int, Phrase] = {}
