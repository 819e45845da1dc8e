# SPDX-License-Identifier: Apache-2.0
"""What somebody says that is worth remembering, where no model decides: by known turns of phrase.

Two kinds are told apart: what somebody *asks* to be remembered ("please remember that ..."), and
what somebody *states* about themselves ("my name is ...", "I prefer ..."). Questions, conditions
and what looks like a secret are left alone. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

MOST: Final = 5
"""Things that one message gives to remember."""
LONGEST: Final = 500
"""Characters of one of them; what is longer is no statement."""
_READ: Final = 10_000
"""Characters of a message that are read."""


class Kind(StrEnum):
    """Why something is remembered."""

    ASKED = "asked"
    """Somebody asked for it."""
    STATED = "stated"
    """Somebody said so about themselves."""


class Notice(NamedTuple):
    """Something worth remembering."""

    text: str
    kind: Kind


_SENTENCE: Final = re.compile(r"[^.!?\n]+(?:[.!?](?!\s|$)[^.!?\n]+)*[.!?]*")
_ASKED: Final = re.compile(
    r"(?:please,?\s+|(?:can|could|would)\s+you\s+(?:please\s+)?)?"
    r"(?:(?:always\s+)?remember|do(?:n['\u2019]?t|\s+not)\s+forget|keep\s+in\s+mind|bear\s+in\s+mind"
    r"|(?:make|take)\s+a\s+note|note\s+down|note|for\s+future\s+reference)"
    r"(?:\s+(?:that|this)\b|\s*[:,-])\s*[:,-]?\s*(?P<what>\S.*)",
    re.IGNORECASE,
)
_LEAD: Final = (
    r"(?:(?:hi|hello|hey|well|oh|also|and|so|by\s+the\s+way|btw|fyi|just\s+so\s+you\s+know)"
    r"\b[,:]?\s+)*"
)
_STATED: Final = re.compile(
    _LEAD + r"(?:"
    r"(?:my\s+(?:\w+\s+){0,2}?(?:name|birthday|job|profession|employer|company|team|manager|boss"
    r"|wife|husband|partner|son|daughter|child|children|kids|mother|father|sister|brother"
    r"|dog|cat|pet"
    r"|address|city|hometown|country|language|timezone|time\s+zone|email|e-mail|hobby|hobbies|diet"
    r"|size|favou?rite\s+[\w ]{1,40}?)\s+(?:is|are)\b)"
    r"|(?:call\s+me\s+\S)"
    r"|(?:i\s+am|i['\u2019]m)\s+(?:called|named|from|based|allergic|vegetarian|vegan|married|single"
    r"|born|living|working|learning|studying|responsible\s+for|(?:a|an)\s+\w+)\b"
    r"|(?:i\s+(?:really\s+|usually\s+|always\s+|never\s+)*(?:live|work|prefer|like|love|enjoy|hate"
    r"|dislike|avoid|speak|study|teach|play|collect|own|drink|eat|use)\b)"
    r"|(?:i\s+(?:can['\u2019]?t|cannot|do(?:n['\u2019]?t|\s+not))\s+(?:eat|drink|like|stand|speak)\b)"
    r")",
    re.IGNORECASE,
)
_CONDITION: Final = re.compile(
    r"\b(?:if|unless|whether|suppose|imagine|would\s+like)\b", re.IGNORECASE
)
_SECRET: Final = re.compile(
    r"\b(?:passwords?|passcodes?|passphrases?|pin|cvv|cvc|secrets?|api[\s_-]?keys?|tokens?"
    r"|private\s+key|credit\s+card|debit\s+card|card\s+number|iban|social\s+security|ssn)\b"
    r"|\b(?:\d[ -]?){13,19}\b|\b(?:sk|pk|ghp|xox[bp])[-_]\w{8,}",
    re.IGNORECASE,
)


def notices(text: str) -> list[Notice]:
    """What a message gives to remember, in order, each once."""
    found: dict[str, Notice] = {}
    for notice in _all(text[:_READ]):
        found.setdefault(notice.text.casefold(), notice)
        if len(found) == MOST:
            break
    return list(found.values())


def _all(text: str) -> Iterator[Notice]:
    for match in _SENTENCE.finditer(text):
        sentence = " ".join(match[0].split())
        if not sentence or len(sentence) > LONGEST or _SECRET.search(sentence):
            continue
        asked = _ASKED.match(sentence)
        if asked is not None:
            what = asked["what"].rstrip("?!. ")
            if any(letter.isalnum() for letter in what):
                yield Notice(what, Kind.ASKED)
        elif (
            not sentence.endswith("?")
            and not _CONDITION.search(sentence)
            and _STATED.match(sentence)
        ):
            yield Notice(sentence.rstrip("!. "), Kind.STATED)
