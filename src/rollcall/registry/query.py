# SPDX-License-Identifier: Apache-2.0
"""Questions to the registry, and what their answers are made of.

`rollcall.registry.matching` says what answers a query, `rollcall.registry.index` finds it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from rollcall.registry.models import Capability, Kind
from rollcall.registry.status import Status


class Match(StrEnum):
    """How the words of a query are compared with capabilities."""

    LEXICAL = "lexical"
    """Exact phrase, words, substring; ignoring case."""
    SEMANTIC = "semantic"
    """By meaning."""
    AUTO = "auto"
    """Lexical, then by meaning where nothing was found."""


class Reason(StrEnum):
    """Why a capability matches, best first."""

    EXACT = "exact"
    """Its name, or one of its tags, is the query."""
    PHRASE = "phrase"
    """The query stands in it as whole words, in this order."""
    WORDS = "words"
    """All words of the query stand in it, in any order."""
    SUBSTRING = "substring"
    """The query stands in it, not as whole words."""
    SEMANTIC = "semantic"
    """It means much the same."""
    LISTED = "listed"
    """The query has no words; the record passed its filters."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A question. All that is given must hold; None and empty mean "do not care".

    Args:
        text: Words that one capability must match (its name, description or tags).
        match: How they are compared.
        statuses: Effective statuses that count.
        kinds: Kinds that count.
        name: A part of the record's name, ignoring case.
        tags: Tags that the record must all have, its own or a capability's, ignoring case.
        capabilities: Names of capabilities that it must all have, ignoring case.
        runtime: The runtime it must live in.
        metadata: Top-level metadata that must be equal.
        addressed: True: only records that can be reached; False: only those that cannot.
        reported: What they may have reported last, whatever they read as.
    """

    text: str = ""
    match: Match = Match.LEXICAL
    statuses: frozenset[Status] | None = None
    kinds: frozenset[Kind] | None = None
    name: str = ""
    tags: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    runtime: str | None = None
    metadata: dict[str, Any] | None = None
    addressed: bool | None = None
    reported: frozenset[Status] | None = None


class TextHit(msgspec.Struct, frozen=True):
    """One capability that matches the words of a query.

    Args:
        capability: The capability.
        score: 0 to 1, higher is better.
        reason: Why it matches.
        detail: The reason as a sentence for people; empty where `reason` says it all.
    """

    capability: Capability
    score: float
    reason: Reason
    detail: str = ""
