# SPDX-License-Identifier: Apache-2.0
"""Which of several values a text says, and whether it switches something on or off."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from rollcall.conversations.planner.concepts import ALIKE, OPERATORS
from rollcall.conversations.planner.schema import Parameter
from rollcall.conversations.planner.words import FAINT, STOP, spoken, stem, stems

_NEAR: Final = 0.6
_NOT: Final = frozenset(
    "without no not don't dont exclude excluding except minus skip disable ohne kein keine".split()
)


def mentioned(
    choices: Sequence[Any], said: Sequence[str], likeness: Callable[[str, str], float] | None
) -> tuple[Any, list[int]] | None:
    """The one of several values that words say, and which words say it; None: none of them.

    Args:
        choices: The values.
        said: The words, in lower case.
        likeness: How near words are in meaning; None: only words that are the same count.
    """
    found = [(_places(str(choice), said), choice) for choice in choices]
    here = [(places, choice) for places, choice in found if places]
    if here:
        places, choice = min(here, key=lambda one: one[0])
        return choice, places
    if likeness is None:
        return None
    best: tuple[Any, list[int]] | None = None
    nearest = _NEAR
    for choice in choices:
        for at, word in enumerate(said):
            if word in STOP or word in FAINT or len(word) < 3:
                continue
            near = likeness(word, str(choice))
            if near > nearest:
                nearest, best = near, (choice, [at])
    return best


def _places(choice: str, said: Sequence[str]) -> list[int]:
    """Which words say a choice: its own, others of the same meaning, or its parts in full."""
    words = spoken(choice)
    if not words:
        return [at for at, word in enumerate(said) if word == choice][:1]
    if choice.lower() in said:
        return [said.index(choice.lower())]
    ends = [stem(word) for word in said]
    wanted = [stem(word) for word in words]
    for at in range(len(ends) - len(wanted) + 1):
        if ends[at : at + len(wanted)] == wanted:
            return list(range(at, at + len(wanted)))
    for at in range(len(said) - 1):
        if _shortened("".join(words), said[at : at + 2]):
            return [at, at + 1]
    whole = stem(choice)
    for group in (*ALIKE, *OPERATORS.values()):
        if whole in group or choice in group:
            for at, one in enumerate(ends):
                if one in group:
                    return [at]
    return []


def _shortened(short: str, words: Sequence[str]) -> bool:
    """Whether a word is made of the beginnings of others: "stdev" of "standard deviation"."""
    if len(short) < 3 or any(not word.isalpha() or word in STOP for word in words[:2]):
        return False
    return _pieced(short, list(words[:2]))


def _pieced(short: str, words: list[str]) -> bool:
    if not words:
        return not short
    first = words[0]
    if not short or short[0] != first[0]:
        return False
    for size in range(min(len(short), len(first)), 0, -1):
        # Beginnings of words may leave out letters: "std" is of "standard".
        if _in_order(short[:size], first) and _pieced(short[size:], words[1:]):
            return True
    return False


def _in_order(letters: str, word: str) -> bool:
    rest = iter(word)
    return all(letter in rest for letter in letters)


def switched(parameter: Parameter, text: str) -> bool | None:
    """Whether a text switches something on or off; None: it does not speak of it."""
    wanted = stems(
        word
        for word in parameter.name_words
        if word not in STOP and word not in FAINT and len(word) > 2
    ) - stems(["include", "with", "use", "enable", "only", "allow"])
    words = re.findall(r"[^\W\d_]+(?:'\w+)?", text.lower())
    for at, word in enumerate(words):
        if stem(word) in wanted:
            return not any(before in _NOT for before in words[max(0, at - 3) : at])
    return None
