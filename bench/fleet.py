# SPDX-License-Identifier: Apache-2.0
"""The agents and the questions of the benchmarks: the same for both sides, from a fixed seed.

A fleet of n agents has three kinds of capability phrases, each of three words:

- one phrase that exactly n/100 agents hold ("1 % hits"),
- rare phrases that exactly one agent each holds, with a made-up word in the middle ("one hit"),
- common phrases, shared by all the other agents: about five agents each in a fleet of a thousand,
  about fifty in a fleet of a million (20,000 distinct phrases in all from 100,000 agents on).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

SEED: Final = 20_250_711
DISTINCT_PHRASES: Final = 20_000
WIDE_PHRASE: Final = "keep morning watch"

VERBS: Final = (
    "analyse archive assemble audit balance brief build calibrate check classify clean collect "
    "compare compress compute convert correct crawl decode deliver describe design detect draft "
    "edit enrich estimate evaluate explain export extract filter forecast format generate grade "
    "group import index inspect label link list locate measure merge migrate monitor negotiate "
    "optimise order organise parse plan predict prepare price prioritise publish query rank read "
    "reconcile record redact render repair report research resolve review rewrite route sample "
    "schedule score search segment simulate sort split summarise survey tag test trace track "
    "train translate transcribe tune update validate verify visualise write"
).split()
FIELDS: Final = (
    "billing cargo chemistry clinical climate customer dental energy engine farming finance "
    "fleet flight freight grid harvest hospital hotel housing insurance inventory legal library "
    "logistics marine market medical mining music network nursing payroll pension pharmacy photo "
    "plumbing policy port postal privacy radio railway retail river road safety sales satellite "
    "school sensor shipping soil solar sports staff stock street support tax theatre ticket "
    "timber tourism traffic travel utility vehicle video vineyard warehouse water weather wind"
).split()
THINGS: Final = (
    "accounts alerts articles backups batches budgets calendars catalogues charts claims "
    "comments contracts dashboards datasets diagrams documents drawings emails errors events "
    "exams figures forms graphs guides images incidents invoices journals ledgers lessons "
    "letters licences logs manuals maps meetings menus messages minutes models notes offers "
    "orders packages papers patches permits pipelines plans policies portfolios posts profiles "
    "prototypes queries questions quotes receipts recipes records releases reports requests "
    "reviews routes rules samples schedules scripts sheets signals sketches slides songs stories "
    "surveys tables tests threads tickets timetables transcripts trips videos visits"
).split()
CONSONANTS: Final = "bdfgklmnprstvz"
VOWELS: Final = "aeiou"


class Agent:
    """The least that both registries take for an agent: an id and a capability card."""

    __slots__ = ("_a2a_card", "agent_id")

    def __init__(self, agent_id: str, card: dict[str, str]) -> None:
        self.agent_id = agent_id
        self._a2a_card = card


@dataclass(frozen=True, slots=True)
class Fleet:
    """Agents and what to ask of them.

    Args:
        agents: In the order in which they are registered; kinds of phrases are mixed at random.
        phrases: How many distinct phrases they hold.
        questions: Kind -> distinct queries of that kind, in the order of `KINDS`.
        hits: Kind -> how many agents each query of that kind must find.
    """

    agents: list[Agent]
    phrases: int
    questions: dict[str, list[str]]
    hits: dict[str, int]


KINDS: Final = ("one hit", "1 % hits", "miss", "substring", "two words")


def made_up_words(rng: random.Random, count: int, syllables: int = 4) -> list[str]:
    """At most `count` made-up words; none, less its first and last letter, is part of another."""
    words: dict[str, None] = {}
    while len(words) < count:
        words["".join(rng.choice(CONSONANTS) + rng.choice(VOWELS) for _ in range(syllables))] = None
    text = "\n".join(words)
    return [word for word in words if text.count(word[1:-1]) == 1]


def make_fleet(size: int, seed: int = SEED) -> Fleet:
    """A fleet of `size` agents (100 or more), the same for the same arguments."""
    if size < 100:
        raise ValueError(f"a fleet has 100 agents or more, not {size}")
    rng = random.Random(seed)
    rare = min(size // 10, 2_000)
    wide = size // 100
    common = min(DISTINCT_PHRASES - rare - 1, max(1, size // 5))

    spare = 400
    words = made_up_words(rng, rare + 2 * spare)
    rare_words, absent = words[:rare], words[rare : rare + spare]
    rare_phrases = [f"{rng.choice(VERBS)} {word} {rng.choice(THINGS)}" for word in rare_words]
    shared: dict[str, None] = {}
    while len(shared) < common:
        phrase = f"{rng.choice(VERBS)} {rng.choice(FIELDS)} {rng.choice(THINGS)}"
        shared[phrase] = None
    shared_phrases = list(shared)

    # One card object per phrase: a real fleet runs many copies of the same program.
    cards = {p: {"capability": p} for p in (WIDE_PHRASE, *rare_phrases, *shared_phrases)}
    held = [WIDE_PHRASE] * wide + rare_phrases
    rest = size - len(held)
    held += [shared_phrases[i % common] for i in range(rest)]
    rng.shuffle(held)
    agents = [Agent(f"agent-{i:07d}", cards[phrase]) for i, phrase in enumerate(held)]
    return Fleet(
        agents=agents,
        phrases=len(set(held)),
        questions={
            "one hit": rare_phrases,
            "1 % hits": [WIDE_PHRASE],
            "miss": absent,
            "substring": [word[1:-1] for word in rare_words],
            "two words": [phrase.partition(" ")[2] for phrase in rare_phrases],
        },
        hits={"one hit": 1, "1 % hits": wide, "miss": 0, "substring": 1, "two words": 1},
    )
