# SPDX-License-Identifier: Apache-2.0
"""Postings: which slots carry a term, split by status, in flat arrays.

A *slot* is the small integer that stands for a record, a *term* anything that slots have in common.
That a slot carries a term is an *entry*. Entries of one term and status form a doubly linked list
inside arrays, and so do, singly, the entries of one slot: adding, moving and removing cost what the
slot carries, whatever else there is, and an entry takes 20 bytes where a set takes a hundred.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

# Entry 0 is nobody's, so that 0 may mean "none" in every array of entries.
_NONE = 0


class Postings(Generic[T]):
    """Terms, the slots that carry them, and the status of each slot.

    A term is a number given out by `open`, and has an owner: whatever the caller knows it by. When
    the last slot lets go of a term it is closed, and its owner is handed back to be forgotten.
    Iterators are to be used up, or dropped, before the next write.

    Args:
        statuses: How many statuses there are; status codes are 0 to `statuses` - 1.
    """

    def __init__(self, statuses: int) -> None:
        self.steps = 0
        """How many entries were read or rewritten so far: what work costs, free of any clock."""
        self._statuses = statuses
        self._start()

    def _start(self) -> None:
        # By slot.
        self._codes = bytearray()
        self._first = array("I")
        # By entry.
        self._slot = array("I", [_NONE])
        self._term = array("I", [_NONE])
        self._sibling = array("I", [_NONE])
        self._next = array("I", [_NONE])
        self._previous = array("I", [_NONE])
        self._unused = _NONE
        self._entries = 0
        # By term + status code; a term's number is its place in these two.
        self._heads = array("I")
        self._counts = array("I")
        self._owners: list[T | None] = []
        self._closed: list[int] = []
        self._terms = 0

    def __len__(self) -> int:
        """How many entries there are."""
        return self._entries

    @property
    def terms(self) -> int:
        """How many terms are open."""
        return self._terms

    @property
    def allocated(self) -> int:
        """Bytes in arrays, used or kept for use; owners not counted."""
        by_entry = (self._slot, self._term, self._sibling, self._next, self._previous)
        arrays = (self._first, *by_entry, self._heads, self._counts)
        return len(self._codes) + sum(len(a) * a.itemsize for a in arrays)

    def open(self, owner: T) -> int:
        """A new term. It is closed when the last slot that was `put` under it lets go of it."""
        self._terms += 1
        if self._closed:
            term = self._closed.pop()
            self._owners[term // self._statuses] = owner
            return term
        term = len(self._heads)
        zeros = bytes(self._heads.itemsize * self._statuses)
        self._heads.frombytes(zeros)
        self._counts.frombytes(zeros)
        self._owners.append(owner)
        return term

    def put(self, slot: int, code: int, terms: Sequence[int]) -> list[T]:
        """Let a slot carry exactly these terms (each once, at least one) and have this status.

        Returns the owners of terms that nobody carries any more. O(terms, old and new).
        """
        first = self._first
        if slot >= len(first):
            more = slot + 1 - len(first) + len(first) // 8
            self._codes.extend(bytes(more))
            first.frombytes(bytes(first.itemsize * more))
        elif first[slot]:
            return self._replace(slot, code, terms)
        self._codes[slot] = code
        self._link(slot, terms)
        return []

    def add(self, slot: int, term: int) -> None:
        """Let a slot, which carries others already, carry one more term."""
        self._link(slot, (term,))

    def move(self, slot: int, code: int) -> None:
        """Give a slot another status. O(terms of the slot)."""
        old = self._codes[slot]
        if old == code:
            return
        self._codes[slot] = code
        following, previous, terms = self._next, self._previous, self._term
        heads, counts, sibling = self._heads, self._counts, self._sibling
        entry = self._first[slot]
        while entry:
            self.steps += 1
            term = terms[entry]
            source = term + old
            target = term + code
            before = previous[entry]
            after = following[entry]
            if before:
                following[before] = after
            else:
                heads[source] = after
            if after:
                previous[after] = before
            counts[source] -= 1
            counts[target] += 1
            head = heads[target]
            following[entry] = head
            previous[entry] = _NONE
            if head:
                previous[head] = entry
            heads[target] = entry
            entry = sibling[entry]

    def remove(self, slot: int) -> list[T]:
        """Let a slot go; unknown slots are passed over. Returns as `put` does. O(its terms)."""
        if slot >= len(self._first):
            return []
        code = self._codes[slot]
        entry = self._first[slot]
        self._first[slot] = _NONE
        emptied: list[T] = []
        while entry:
            following = self._sibling[entry]
            self._unlink(entry, code, emptied)
            entry = following
        if not self._entries and not self._terms:
            self._start()
        return emptied

    def carries(self, slot: int) -> bool:
        """Whether a slot is known."""
        return slot < len(self._first) and self._first[slot] != _NONE

    def code(self, slot: int) -> int:
        """The status code of a slot."""
        return self._codes[slot]

    def terms_of(self, slot: int) -> list[int]:
        """The terms that a slot carries."""
        found: list[int] = []
        entry = self._first[slot]
        while entry:
            found.append(self._term[entry])
            entry = self._sibling[entry]
        return found

    def count(self, term: int, codes: Sequence[int]) -> int:
        """How many slots of these statuses (each code once) carry a term. O(statuses)."""
        counts = self._counts
        if len(codes) == self._statuses:
            return sum(counts[term : term + self._statuses])
        total = 0
        for code in codes:
            total += counts[term + code]
        return total

    def slots(self, term: int, codes: Iterable[int]) -> Iterator[int]:
        """The slots of these statuses that carry a term, one step each."""
        following, slot = self._next, self._slot
        for code in codes:
            entry = self._heads[term + code]
            while entry:
                self.steps += 1
                yield slot[entry]
                entry = following[entry]

    def _link(self, slot: int, terms: Sequence[int]) -> None:
        self._entries += len(terms)
        self.steps += len(terms)
        code = self._codes[slot]
        following, previous, heads = self._next, self._previous, self._heads
        sibling = self._sibling
        first = self._first[slot]
        for term in terms:
            entry = self._unused or self._grow()
            self._unused = sibling[entry]
            self._slot[entry] = slot
            self._term[entry] = term
            sibling[entry] = first
            first = entry
            target = term + code
            head = heads[target]
            following[entry] = head
            previous[entry] = _NONE
            if head:
                previous[head] = entry
            heads[target] = entry
            self._counts[target] += 1
        self._first[slot] = first

    def _unlink(self, entry: int, code: int, emptied: list[T]) -> None:
        self._entries -= 1
        self.steps += 1
        term = self._term[entry]
        before = self._previous[entry]
        after = self._next[entry]
        if before:
            self._next[before] = after
        else:
            self._heads[term + code] = after
        if after:
            self._previous[after] = before
        self._counts[term + code] -= 1
        self._sibling[entry] = self._unused
        self._unused = entry
        if not before and not after and not self.count(term, range(self._statuses)):
            owner = self._owners[term // self._statuses]
            assert owner is not None, "a term that slots carry is open"
            emptied.append(owner)
            self._owners[term // self._statuses] = None
            self._closed.append(term)
            self._terms -= 1

    def _replace(self, slot: int, code: int, terms: Sequence[int]) -> list[T]:
        self.move(slot, code)
        entry = self._first[slot]
        keep: list[int] = []
        drop: list[int] = []
        wanted = set(terms)
        while entry:
            term = self._term[entry]
            if term in wanted:
                wanted.discard(term)
                keep.append(entry)
            else:
                drop.append(entry)
            entry = self._sibling[entry]
        if not drop and not wanted:
            return []
        # Its chain is knitted anew from what stays; then come the new ones, then the old go, so
        # that nothing is closed that is still needed.
        first = _NONE
        for entry in reversed(keep):
            self._sibling[entry] = first
            first = entry
        self._first[slot] = first
        self._link(slot, [term for term in terms if term in wanted])
        emptied: list[T] = []
        for entry in drop:
            self._unlink(entry, code, emptied)
        return emptied

    def _grow(self) -> int:
        """Make room for an eighth more entries, chained up as unused; returns the first."""
        start = len(self._slot)
        more = max(32, start // 8)
        zeros = bytes(self._slot.itemsize * more)
        for column in (self._slot, self._term, self._next, self._previous):
            column.frombytes(zeros)
        self._sibling.extend(range(start + 1, start + more))
        self._sibling.append(_NONE)
        return start
