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
_NOT: Final = frozenset("without no not don't dont exclude excluding except minus skip disable ohne kein keine".split())


def mentioned(
    parameter: Parameter, text: str, likeness: Callable[[str, str], float] | None
) -> Any:
    """The one of the parameter's choices that a text says; None: none of them.

    Args:
        parameter: Whose choices.
        text: What was said.
        likeness: How near words are in meaning; None: only words that are the same count.
    """
    said = text.lower().split()
    found = [(_place(str(choice), said), choice) for choice in parameter.choices]
    here = [(at, choice) for at, choice in found if at is not None]
    if here:
        return min(here, key=lambda one: one[0])[1]
    if likeness is None:
        return None
    best: tuple[float, Any] = (_NEAR, None)
    for choice in parameter.choices:
        for word in said:
            if word in STOP or word in FAINT or len(word) < 3:
                continue
            near = likeness(word, str(choice))
            if near > best[0]:
                best = (near, choice)
    return best[1]


def _place(choice: str, said: Sequence[str]) -> int | None:
    """Where a choice is said: by its words, by others of the same meaning, or in full."""
    words = spoken(choice)
    if not words:
        return next((at for at, word in enumerate(said) if word == choice), None)
    plain = [word.strip(".,:;?!\"'") for word in said]
    if choice.lower() in plain:
        return plain.index(choice.lower())
    ends = [stem(word) for word in plain]
    wanted = [stem(word) for word in words]
    for at in range(len(ends) - len(wanted) + 1):
        if ends[at : at + len(wanted)] == wanted:
            return at
    whole = stem(choice)
    for group in (*ALIKE, *OPERATORS.values()):
        if whole in group or choice in group:
            for at, one in enumerate(ends):
                if one in group:
                    return at
    for at in range(len(plain) - 1):
        if _shortened("".join(words), plain[at : at + 3]):
            return at
    return None


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
        word for word in parameter.name_words if word not in STOP and word not in FAINT and len(word) > 2
    ) - stems(["include", "with", "use", "enable", "only", "allow"])
    words = re.findall(r"[^\W\d_]+(?:'\w+)?", text.lower())
    for at, word in enumerate(words):
        if stem(word) in wanted:
            return not any(before in _NOT for before in words[max(0, at - 3) : at])
    return None
