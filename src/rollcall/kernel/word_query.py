# SPDX-License-Identifier: Apache-2.0
"""The language of queries, what it means, and what is looked for where that finds nothing.

    invoice march           both words, anywhere in the message
    "second reminder"       these words in this order, with nothing but punctuation between
    invoice -paid           without that word; -"paid in full" without that phrase
    invoice OR bill         either; binds less than the words beside each other do
    invoi*                  words that begin so

Whatever else there is counts as punctuation. There is no wrong syntax: a quote that is not closed
ends with the query, a lone `OR`, minus or star says nothing. What holds several words without a
space (`e-mail`, `10.5`) is a phrase.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.words import words

_PART: Final = re.compile(r'(-?)"([^"]*)(?:"(\*?)|\Z)|([^\s"]+)')
_QUOTES: Final = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"'))
_WIDE: Final = 4
"""Letters from which on a relaxed query takes a word for the beginning of one."""


class Clause(msgspec.Struct, frozen=True):
    """Folded words that stand in a message one after the other.

    Args:
        terms: One or more.
        prefix: Whether the last one may be the beginning of a word.
    """

    terms: tuple[str, ...]
    prefix: bool = False


class Alternative(msgspec.Struct, frozen=True):
    """What a message must have, one clause or more, and what it must not have."""

    wanted: tuple[Clause, ...]
    excluded: tuple[Clause, ...] = ()


class Query(msgspec.Struct, frozen=True):
    """A message answers it by any of its alternatives, of which there is at least one."""

    alternatives: tuple[Alternative, ...]

    @property
    def wanted(self) -> tuple[Clause, ...]:
        """The clauses that messages are found by, each once."""
        return tuple(dict.fromkeys(one for part in self.alternatives for one in part.wanted))

    @property
    def unwanted(self) -> tuple[Clause, ...]:
        """The clauses that no message has which answers it."""
        first, *others = self.alternatives
        return tuple(one for one in first.excluded if all(one in part.excluded for part in others))


def parse(text: str) -> Query:
    """The query that somebody typed.

    An alternative that only says what to leave out is passed over.

    Raises:
        InvalidInput: It names no word to look for.
    """
    alternatives: list[Alternative] = []
    wanted: list[Clause] = []
    excluded: list[Clause] = []
    for part in _PART.finditer(text.translate(_QUOTES)):
        minus, phrase, star, chunk = part.groups()
        if chunk == "OR":
            _close(alternatives, wanted, excluded)
            wanted, excluded = [], []
            continue
        if chunk is not None:
            minus, phrase = ("-", chunk[1:]) if re.match("-(?!-)", chunk) else ("", chunk)
            star = "*" if chunk.endswith("*") else ""
        terms = tuple(word.folded for word in words(phrase))
        if terms:
            (excluded if minus else wanted).append(Clause(terms, bool(star)))
    _close(alternatives, wanted, excluded)
    if not alternatives:
        raise InvalidInput(
            "query",
            "names no word to look for: give one that is not left out by a minus, or put it in"
            " quotes",
        )
    return Query(tuple(alternatives))


def _close(alternatives: list[Alternative], wanted: list[Clause], excluded: list[Clause]) -> None:
    if wanted:
        alternatives.append(
            Alternative(tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(excluded)))
        )


def matches(message: Sequence[str], query: Query) -> bool:
    """Whether a message with these folded words answers a query: what every engine must say."""
    return any(
        all(holds(message, clause) for clause in part.wanted)
        and not any(holds(message, clause) for clause in part.excluded)
        for part in query.alternatives
    )


def holds(message: Sequence[str], clause: Clause) -> bool:
    """Whether the words of a clause stand in a message one after the other."""
    return any(stands(message, at, clause) for at in range(len(message)))


def stands(message: Sequence[str], at: int, clause: Clause) -> bool:
    """Whether the words of a clause stand in a message from its word number `at` on."""
    last = at + len(clause.terms) - 1
    if last >= len(message) or tuple(message[at:last]) != clause.terms[:-1]:
        return False
    if clause.prefix:
        return message[last].startswith(clause.terms[-1])
    return message[last] == clause.terms[-1]


def relaxed(query: Query) -> Query | None:
    """What may be meant by a query that finds nothing: any of its words, the more the better.

    Words that only ask (`what did I say about`) are left out, unless there are no others. A
    longer word stands for all that begin so, a plural for its singular. What is excluded stays
    excluded. None: that would be the same query again.
    """
    parts = [
        (word, part.excluded)
        for part in query.alternatives
        for clause in part.wanted
        for word in _apart(clause)
    ]
    telling = [one for one in parts if one[0].prefix or one[0].terms[0] not in ASKING]
    alternatives = [Alternative((_loosened(word),), out) for word, out in telling or parts]
    loose = Query(tuple(dict.fromkeys(alternatives)))
    return None if loose == query else loose


def _apart(clause: Clause) -> list[Clause]:
    """The words of a clause, each by itself."""
    *first, last = clause.terms
    return [*(Clause((term,)) for term in first), Clause((last,), clause.prefix)]


def _loosened(word: Clause) -> Clause:
    (term,) = word.terms
    if word.prefix or len(term) < _WIDE:
        return word
    plural = len(term) > _WIDE and term.endswith("s") and not term.endswith("ss")
    return Clause((term[:-1] if plural else term,), prefix=True)


ASKING: Final = frozenset(
    """
    a about all am an and any are as at be been before being but by can could did do does for from
    had has have he her him his how i if in into is it its just last let like me my no not of on or
    our out over please she should so some than that the their them then there these they this
    those to up us was we were what when where which who whom whose why will with would you your
    ago again already earlier ever once
    ask asked discuss discussed find found look mention mentioned said say saying search show speak
    spoke talk talked tell told write wrote
    chat chats conversation conversations message messages thing things something anything
    d ll m re s t ve
    """.split()
)
"""Words that relaxed queries leave out: they say that somebody asks, not what about."""
