# SPDX-License-Identifier: Apache-2.0
"""What the index keeps of a namespace: the terms that its records have in common.

A term is a kind, a runtime, a tag, a phrase or a name. It lives in one dictionary of its namespace
for as long as a record carries it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from rollcall.registry.matching import PhraseKey, folded, phrase_key
from rollcall.registry.models import Capability, Kind
from rollcall.registry.text import TextIndex


class Term:
    """Something that records have in common.

    Args:
        space: Its namespace.
        home: The dictionary that it lives in, and goes from when nobody carries it any more.
        key: Its key there.
    """

    __slots__ = ("home", "key", "number", "space")

    def __init__(self, space: Space, home: dict[Any, Any], key: Hashable) -> None:
        self.space = space
        self.home = home
        self.key = key
        self.number = 0
        """What the postings know it by."""

    def leave(self) -> None:
        """Go from all structures of the namespace."""
        del self.home[self.key]


class Phrase(Term):
    """A capability as it reads: name, description and tags.

    Args:
        space: Its namespace.
        pid: Its number: never given to another phrase.
        capability: A capability that reads so.
    """

    __slots__ = ("capability", "fields", "item", "pid")

    def __init__(self, space: Space, pid: int, capability: Capability) -> None:
        key = phrase_key(capability)
        super().__init__(space, space.phrases, key)
        self.pid = pid
        self.capability = capability
        self.fields = folded(capability)
        name, tags, description = self.fields
        # What has no name is found by its other texts, or not at all; an item needs something.
        labels = tags if name else (*tags, "")
        self.item = space.text.add(self, (name, description, *tags), labels)
        space.phrases[key] = self
        space.by_pid[pid] = self
        if space.by_name.setdefault(name, self) is not self:
            space.namesakes.setdefault(name, {})[self] = None

    def leave(self) -> None:
        super().leave()
        space, name = self.space, self.fields.name
        del space.by_pid[self.pid]
        space.text.remove(self.item)
        others = space.namesakes.get(name)
        if others is None:
            del space.by_name[name]
            return
        if space.by_name[name] is self:
            space.by_name[name], _ = others.popitem()
        else:
            del others[self]
        if not others:
            del space.namesakes[name]


class Name(Term):
    """A folded name of records, not empty; kept once somebody has searched by name."""

    __slots__ = ("item", "names")

    def __init__(self, space: Space, names: Names, name: str) -> None:
        super().__init__(space, names.terms, name)
        self.names = names
        self.item = names.text.add(self, (name,))
        names.terms[name] = self

    def leave(self) -> None:
        super().leave()
        self.names.text.remove(self.item)


class Names:
    """The distinct names of a namespace's records."""

    def __init__(self) -> None:
        self.terms: dict[str, Name] = {}
        self.text: TextIndex[Name] = TextIndex()


class Space:
    """What there is of one namespace.

    Args:
        name: The namespace.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.kinds: dict[Kind, Term] = {}
        self.runtimes: dict[str, Term] = {}
        self.tags: dict[str, Term] = {}
        """Of records themselves, folded; those of capabilities are found through phrases."""
        self.phrases: dict[PhraseKey, Phrase] = {}
        self.by_pid: dict[int, Phrase] = {}
        self.by_name: dict[str, Phrase] = {}
        """By folded name: one of them; the others are in `namesakes`, since most have none."""
        self.namesakes: dict[str, dict[Phrase, None]] = {}
        self.text: TextIndex[Phrase] = TextIndex()
        self.names: Names | None = None
        self.version = 0
        """Another one whenever a phrase came or went."""

    def named(self, name: str) -> list[Phrase]:
        """The phrases of this folded name."""
        phrase = self.by_name.get(name)
        return [] if phrase is None else [phrase, *self.namesakes.get(name, ())]

    def tagged(self, tag: str) -> list[Phrase]:
        """The phrases that have this folded tag."""
        return self.text.labelled(tag)

    @property
    def size(self) -> int:
        """How much is kept for terms, phrases and names; never 0, since a namespace is a thing."""
        homes = (self.kinds, self.runtimes, self.tags, self.phrases, self.by_pid, self.by_name)
        names = 0 if self.names is None else len(self.names.terms) + self.names.text.size
        namesakes = sum(map(len, self.namesakes.values()))
        return 1 + sum(map(len, homes)) + namesakes + self.text.size + names

    @property
    def steps(self) -> int:
        """How much was read and written in its text indexes so far."""
        return self.text.steps + (0 if self.names is None else self.names.text.steps)
