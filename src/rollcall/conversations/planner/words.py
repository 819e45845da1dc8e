# SPDX-License-Identifier: Apache-2.0
"""Words as the planner compares them: stems, and the few that say nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?|\d+")

_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")

_ENDINGS: Final = (
    "ization isation ational ation ator ment ingly ing ity ical ically ion ied ier er or ed ness "
    "ly al e y"
).split()

_LEAST: Final = 3
_HISSED: Final = ("ses", "xes", "zes", "ches", "shes")

STOP: Final = frozenset(
    """
    a an the and or but if of in on at to into from for by with without as is are was were be
    been being am do does did done can could will would shall should may might must have has had
    i me my mine myself you your yours we us our he him his she her it its they them their this
    that these those there here what which who whom whose when where why how much many some any
    all each every please thanks thank hi hello hey ok okay so then than too very just now not
    no yes let lets s t d ll m re ve up out off over about get got want need like know tell give
    show also ever through only more most less least one going gonna tomorrow tonight yesterday
    currently next last quickly right pls plz kindly asap there's what's i'm it's let's i'd der
    die das ein eine einen einem ist sind was wie viel viele und oder in von zu für mit auf
    bitte mir ich du wir sie es im am aus den dem
    """.split()
)
"""Words that say nothing about which tool is meant: function words and politeness."""

_FAINT: Final = """
    find look search see say says said make new use using used take go thing things something
    anything nothing information info data value values result results name names list number
    numbers text texts string input output type kind user tool help question answer good time
    today make set put run start begin try display another other great latest current currently
    possible word words return returns returned item items
    """.split()
FAINT: Final = frozenset([*_FAINT, *(f"{word}s" for word in _FAINT)])
"""Words that say little: they stand in the description of nearly anything."""


def stem(word: str) -> str:
    """The word without its ending, in lower case: "measured" and "measures" have one stem."""
    return _stem(word.casefold().replace("\u2019", "'"))


@lru_cache(maxsize=8192)
def _stem(word: str) -> str:
    word = word.removesuffix("'s").replace("'", "")
    if word.endswith("ies") and len(word) > _LEAST + 2:
        word = word[:-3] + "y"
    elif word.endswith(_HISSED):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > _LEAST:
        word = word[:-1]
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST:
            word = word[: -len(ending)]
            break
    if len(word) > _LEAST + 1 and word.endswith("at"):
        word = word[:-2]
    if len(word) > _LEAST and word[-1] == word[-2]:
        word = word[:-1]
    return word


def stems(words: Iterable[str]) -> frozenset[str]:
    """Their stems."""
    return frozenset(map(stem, words))


def spoken(text: str) -> list[str]:
    """The words of a text in lower case, identifiers taken apart: `toUnit` is "to", "unit"."""
    return [part.lower() for part in _PARTS.findall(text.replace("'s ", " "))]


def content(words: Iterable[str]) -> list[str]:
    """Those that are not in `STOP`."""
    return [word for word in words if word not in STOP]
