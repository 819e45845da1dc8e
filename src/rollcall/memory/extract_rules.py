# SPDX-License-Identifier: Apache-2.0
"""How people say who somebody is, where they work and live, in English and German."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from rollcall.memory.entities import EMAIL, ORGANISATION, PERSON, PHONE, PLACE

WORKS_AT: Final = "works_at"
LIVES_IN: Final = "lives_in"
HAS_ROLE: Final = "has_role"
FOUNDED: Final = "founded"
MARRIED_TO: Final = "married_to"
REPORTS_TO: Final = "reports_to"
IS_NAMED: Final = "is_named"
HAS_EMAIL: Final = "has_email"
HAS_PHONE: Final = "has_phone"

_ROLES: Final = (
    r"CEO|CTO|CFO|COO|CIO|CMO|(?:co-?)?founder|(?:vice )?president|(?:managing )?director|chairman"
    r"|chairwoman|chair|owner|manager|head|partner|engineer|developer|designer|architect|professor"
    r"|Geschäftsführer(?:in)?|Gründer(?:in)?|Vorstand|Vorständin|Leiter(?:in)?|Chef(?:in)?"
    r"|Inhaber(?:in)?|Direktor(?:in)?|Professor(?:in)?|Entwickler(?:in)?|Ingenieur(?:in)?"
)
_ROLE: Final = (
    r"(?:the |a |an |our |der |die |ein |eine )?(?P<role>(?:[a-zA-Z][\w-]{1,20} ){0,2}?"
    rf"(?:{_ROLES}))\s(?:of|at|for|von|bei|der|des)\s"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to say that somebody stands in a relation to something.

    Args:
        pattern: What stands between the two names, or before the second where `speaker`.
        relation: The relationship's type.
        target: The type of what is behind it.
        confidence: How sure that is.
        speaker: Whether it is the speaker who does.
        past: Whether it is over.
    """

    pattern: re.Pattern[str]
    relation: str
    target: str
    confidence: float
    speaker: bool = False
    past: bool = False


def _rule(
    pattern: str,
    relation: str,
    target: str,
    confidence: float,
    *,
    speaker: bool = False,
    past: bool = False,
) -> Rule:
    flags = re.IGNORECASE if speaker else 0
    return Rule(re.compile(pattern, flags), relation, target, confidence, speaker, past)


RULES: Final = (
    _rule(r"\b(?:is working|works|arbeitet) (?:at|for|bei|für)\b", WORKS_AT, ORGANISATION, 0.85),
    _rule(r"\b(?:worked|used to work) (?:at|for)\b", WORKS_AT, ORGANISATION, 0.8, past=True),
    _rule(r"\b(?:lives|is living|resides|wohnt|lebt) in\b", LIVES_IN, PLACE, 0.85),
    _rule(r"\b(?:lived|used to live|wohnte|lebte) in\b", LIVES_IN, PLACE, 0.8, past=True),
    _rule(rf"\b(?:is|ist) {_ROLE}", HAS_ROLE, ORGANISATION, 0.85),
    _rule(rf"\b(?:was|war) {_ROLE}", HAS_ROLE, ORGANISATION, 0.8, past=True),
    _rule(r"\b(?:co-?)?founded\b", FOUNDED, ORGANISATION, 0.7),
    _rule(r"\b(?:is married to|ist verheiratet mit)\b", MARRIED_TO, PERSON, 0.85),
    _rule(r"\b(?:reports to|berichtet an)\b", REPORTS_TO, PERSON, 0.8),
    _rule(
        r"\b(?:I|we) (?:currently |now )?work (?:at|for)\b|\b(?:I am|I'm) working (?:at|for)\b"
        r"|\bich arbeite (?:jetzt )?(?:bei|für)\b",
        *(WORKS_AT, ORGANISATION, 0.85),
        speaker=True,
    ),
    _rule(
        r"\bI (?:used to work|worked) (?:at|for)\b|\bich habe bei\b",
        *(WORKS_AT, ORGANISATION, 0.75),
        speaker=True,
        past=True,
    ),
    _rule(
        r"\bI (?:currently |now )?live in\b|\b(?:I am|I'm) living in\b"
        r"|\bich (?:wohne|lebe) (?:jetzt )?in\b",
        *(LIVES_IN, PLACE, 0.85),
        speaker=True,
    ),
    _rule(r"\bI (?:used to live|lived) in\b", LIVES_IN, PLACE, 0.75, speaker=True, past=True),
    _rule(rf"\b(?:I am|I'm|ich bin) {_ROLE}", HAS_ROLE, ORGANISATION, 0.85, speaker=True),
    _rule(r"\bI (?:co-?)?founded\b", FOUNDED, ORGANISATION, 0.7, speaker=True),
    _rule(
        r"\b(?:I am|I'm) married to\b|\bmy (?:wife|husband)(?: is|'s name is| is called)?\b"
        r"|\bmeine? (?:Frau|Mann)(?: ist| heißt)?\b",
        *(MARRIED_TO, PERSON, 0.75),
        speaker=True,
    ),
    _rule(
        r"\bI report to\b|\bmy (?:boss|manager) is\b|\bmeine? Chef(?:in)? (?:ist|heißt)\b",
        *(REPORTS_TO, PERSON, 0.8),
        speaker=True,
    ),
)
"""Tried in this order at every place of a text."""

OWN: Final = {EMAIL: (HAS_EMAIL, 0.9), PHONE: (HAS_PHONE, 0.85)}
"""What somebody may have of their own."""

MINE: Final = re.compile(
    r"\b(?:my|meine?) (?:new |work |private |neue )?"
    r"(?:e-?mail|mail|phone|mobile|telephone|handy|telefon)[\w -]{0,20}?(?: is| ist|:)\s{0,2}$"
    r"|\b(?:reach|call|contact|write to) me (?:at|on|under)\s{0,2}$"
    r"|\berreichst mich (?:unter|auf)\s{0,2}$",
    re.IGNORECASE,
)
"""What stands before an address or a number of the speaker's own."""

THEIRS: Final = re.compile(
    r"'s (?:new |work |private )?(?:e-?mail|mail|phone|mobile|telephone)[\w -]{0,20}?"
    r"(?: is|:)\s{0,2}$",
    re.IGNORECASE,
)
"""What stands between a name and an address or a number of theirs."""

INTRODUCTIONS: Final = (
    (
        re.compile(
            r"\b(?:my name is|my name's|i am called|call me|mein name ist|ich heiße|"
            r"ich heisse|je m'appelle|me llamo)\b",
            re.IGNORECASE,
        ),
        0.95,
        1,
    ),
    (re.compile(r"\b(?:I am|I'm|this is)(?= )"), 0.6, 1),
    # Nouns are capitalised in German: one such word may be anything.
    (re.compile(r"\b[Ii]ch bin(?= )"), 0.55, 2),
)
"""How somebody says their name, how sure that is, and how many words the name must have."""

SUFFIX: Final = re.compile(
    r"(?<=[ ])(?:Inc|LLC|Ltd|Limited|Corp|Corporation|Incorporated|PLC|plc|GmbH|gGmbH|AG|SE|KG|KGaA"
    r"|OHG|e\.V|B\.V|N\.V|S\.A|SARL|S\.r\.l|Oy|AB|ApS|University|Universität|Institute|Institut"
    r"|Foundation|Stiftung|Bank|Group|Holding|Labs)(?!\w)"
)
"""What names of organisations end with."""

SINCE: Final = re.compile(r",? (?:since|seit) (?P<from>(?:19|20)[0-9]{2})\b")
SPELL: Final = re.compile(
    r",? (?:from|von) (?P<from>(?:19|20)[0-9]{2}) (?:to|until|till|bis) (?P<to>(?:19|20)[0-9]{2})\b"
)
UNTIL: Final = re.compile(r",? (?:until|till|bis) (?P<to>(?:19|20)[0-9]{2})\b")
"""From and until when something is true, behind the second name."""
