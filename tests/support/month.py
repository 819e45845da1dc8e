"""A month of ten agents, made up from a seed: what they used, and how it is told to Rollcall.

Half of it is told by HTTP, half by events; some of it twice, some of it another time with other
content, and some of it only after its month was invoiced.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from zoneinfo import ZoneInfo

from rollcall.events.envelope import Event

ZONE: Final = ZoneInfo("Europe/Berlin")
BEFORE: Final = "2025-02"
"""The month that is invoiced before late usage of it comes."""
MONTH: Final = "2025-03"
"""With a day of 23 hours at its end."""
SINCE: Final = datetime(2025, 2, 1, tzinfo=ZONE)
START: Final = datetime(2025, 3, 1, tzinfo=ZONE)
MIDDLE: Final = datetime(2025, 3, 16, tzinfo=ZONE)
END: Final = datetime(2025, 4, 1, tzinfo=ZONE)
AGENTS: Final = tuple(f"agent-{number}" for number in range(10))
PROVIDER: Final = "openai"
SOURCE: Final = "/conversations"
_LONG_AGO: Final = datetime(2025, 1, 1, tzinfo=UTC).isoformat()
TIERS: Final = "by-tokens"
CARDS: Final[Mapping[str, Sequence[Mapping[str, Any]]]] = {
    "by-conversation": [
        {
            "effective_from": _LONG_AGO,
            "items": [{"unit": "conversation", "price": "0.0375"}],
        },
    ],
    TIERS: [
        {
            "effective_from": _LONG_AGO,
            "items": [
                {
                    "unit": "input_token",
                    "tiers": [
                        {"up_to": 60_000, "price": "0.0000071"},
                        {"up_to": 1_500_000, "price": "0.0000053"},
                        {"up_to": None, "price": "0.0000037"},
                    ],
                },
                {"unit": "output_token", "price": "17.3", "per": 1_000_000},
                {"unit": "cached_token", "price": "0.9", "per": 1_000_000},
            ],
        },
    ],
    "by-cost": [
        {"effective_from": _LONG_AGO, "items": [{"unit": "token", "markup": "0.2"}]},
        {"effective_from": MIDDLE.isoformat(), "items": [{"unit": "token", "markup": "0.35"}]},
    ],
}
"""Rate cards by name, each version as it is written for HTTP; the last one has a change of prices
in the middle of the month.
"""
CARD_OF: Final = {
    agent: name for number, agent in enumerate(AGENTS) for name in [[*CARDS][number % len(CARDS)]]
}
PRICES: Final = {
    "gpt-4o": ("2.50", "1.25", "10.00"),
    "gpt-4o-mini": ("0.15", "0.075", "0.60"),
}
"""By model what its provider's price list says of a million tokens in US dollars: read, read from
the cache, written.
"""
TWICE: Final = 0.05
"""The share of what is told again."""
OTHERWISE: Final = 0.2
"""The share of that, told by HTTP, which comes with other content."""
EARLIER: Final = 0.1
"""The share of usage that is of the month before."""
LATE: Final = 0.02
"""The share of usage that is of the month before, and told after that was invoiced."""
UNSPLIT: Final = 0.1
"""The share of what is told by HTTP without saying which tokens were read, and which written."""
_EDGE: Final = 0.01
"""The share of usage in the first or the last minutes of a month."""


class Way(Enum):
    """How a usage is told."""

    SINGLE = "POST /api/usage"
    BATCH = "POST /api/usage/batch"
    EVENT = "usage.recorded and conversation.completed"


class Telling(Enum):
    """Whether a usage was told before."""

    FIRST = "first"
    AGAIN = "again"
    OTHERWISE = "with other content"


@dataclass(frozen=True)
class Usage:
    """What an agent used for one conversation.

    Args:
        number: Its own.
        agent_id: The agent.
        at: When, UTC, in whole milliseconds.
        way: How it is told.
        model: The model that answered.
        read: Tokens read, those from the cache included.
        cached: Those of them that came from the cache.
        written: Tokens written.
        requests: How often the model was asked.
        milliseconds: How long the answer took.
        satisfaction: 1 to 5; None: nobody said.
        failed: Whether there was no answer.
        late: Whether it is told after its month was invoiced.
        split: Whether it is told how many tokens were read and written, not only how many in all.
    """

    number: int
    agent_id: str
    at: datetime
    way: Way
    model: str
    read: int
    cached: int
    written: int
    requests: int
    milliseconds: int
    satisfaction: int | None
    failed: bool
    late: bool
    split: bool

    @property
    def key(self) -> str:
        return f"usage-{self.number}"

    @property
    def conversation_id(self) -> str:
        return f"conversation-{self.number}"

    @property
    def session_id(self) -> str:
        return f"session-{self.number // 3}"

    def body(self, *, otherwise: bool = False) -> dict[str, Any]:
        """What is posted to `/api/usage`.

        Args:
            otherwise: With other content under the same key.
        """
        tokens = {
            "input_tokens": self.read,
            "cached_tokens": self.cached,
            "output_tokens": self.written + otherwise,
        }
        return {
            "idempotency_key": self.key,
            "agent_id": self.agent_id,
            "conversation_id": self.conversation_id,
            "model_used": self.model,
            "provider": PROVIDER,
            **(tokens if self.split else {"tokens_used": self.read + self.written + otherwise}),
            "requests": self.requests,
            "timestamp": self.at.isoformat(),
            # What a caller believes is never charged.
            "cost": "99.99",
        }

    @property
    def cost(self) -> Decimal:
        """What its provider's price list asks for, in US dollars."""
        read, cached, written = map(Decimal, PRICES[self.model])
        dear = (self.read - self.cached) * read + self.cached * cached + self.written * written
        return dear / 1_000_000

    def events(self) -> tuple[Event, Event]:
        """What tells of it: how the conversation ended, and what it used."""
        who = {
            "conversation_id": self.conversation_id,
            "session_id": self.session_id,
            "agent_id": self.agent_id,
            "model_used": self.model,
            "tokens_used": self.read + self.written,
        }
        used = {
            **who,
            "provider": PROVIDER,
            "input_tokens": self.read,
            "output_tokens": self.written,
            "cached_tokens": self.cached,
            "requests": self.requests,
            "estimated": False,
            "cost": format(self.cost, "f"),
            "currency": "USD",
            "priced_by": "the provider",
        }
        return self._ending(who), self._event("usage", "usage.recorded", used)

    def _ending(self, who: Mapping[str, Any]) -> Event:
        if self.failed:
            why = {"user_message": "?", "error_type": "failed", "error": "nobody answered"}
            return self._event("turn", "conversation.failed", {**who, **why})
        said: dict[str, Any] = {
            "user_message": "?",
            "agent_response": "!",
            "response_time_ms": self.milliseconds,
            "tools": [],
        }
        if self.satisfaction is not None:
            said["satisfaction_score"] = self.satisfaction
        return self._event("turn", "conversation.completed", {**who, **said})

    def _event(self, act: str, type_: str, data: dict[str, Any]) -> Event:
        return Event(
            id=f"{act}-{self.number}",
            type=type_,
            source=SOURCE,
            subject=self.session_id,
            time=self.at,
            data=data,
            namespace="default",
        )


@dataclass(frozen=True)
class Told:
    """A usage as it is told once.

    Args:
        way: How; what events tell of may be told again by a caller, under the event's id.
    """

    usage: Usage
    telling: Telling
    way: Way


@dataclass(frozen=True)
class Month:
    """What is told of two months, in the order in which it is told.

    Args:
        before: Of the month before, until that is invoiced.
        during: Of the month, and late of the month before.
    """

    before: Sequence[Told]
    during: Sequence[Told]

    @property
    def usages(self) -> list[Usage]:
        """Each once."""
        return firsts((*self.before, *self.during))


def firsts(some: Iterable[Told]) -> list[Usage]:
    """The usages that are told there for the first time."""
    return [told.usage for told in some if told.telling is Telling.FIRST]


def month(seed: int, size: int) -> Month:
    """A month with `size` usages."""
    rng = random.Random(seed)
    usages = [_usage(rng, number, size) for number in range(size)]
    earlier = [one for one in usages if one.at < START and not one.late]
    later = [one for one in usages if one.at >= START or one.late]
    before = _tellings(rng, earlier)
    again = [_again(rng, one) for one in rng.sample(earlier, len(earlier) // 20)]
    during = _tellings(rng, later)
    # Some of what is invoiced already, too.
    for one in again:
        during.insert(rng.randrange(len(during) + 1), one)
    return Month(before, during)


def _usage(rng: random.Random, number: int, size: int) -> Usage:
    place = number / size
    late = place >= 1 - LATE
    first, last = (SINCE, START) if late or place < EARLIER else (START, END)
    read = rng.randrange(200, 6000)
    way = rng.choices((Way.SINGLE, Way.BATCH, Way.EVENT), (1, 9, 10))[0]
    agent = rng.choice(AGENTS)
    # Which tier is full when an estimate comes would depend on the order in which they come.
    tiers = CARD_OF[agent] == TIERS
    return Usage(
        number=number,
        agent_id=agent,
        at=_moment(rng, first, last),
        way=way,
        model=rng.choice([*PRICES]),
        read=read,
        cached=rng.choice((0, rng.randrange(read + 1))),
        written=rng.randrange(1, 2000),
        requests=rng.randrange(1, 4),
        milliseconds=rng.randrange(50, 30_000),
        satisfaction=rng.choice((None, 1, 2, 3, 4, 5)),
        failed=rng.random() < 0.03,
        late=late,
        split=way is Way.EVENT or tiers or rng.random() >= UNSPLIT,
    )


def _moment(rng: random.Random, first: datetime, last: datetime) -> datetime:
    """A moment of a month; now and then on one of its edges, where UTC has another month."""
    begin, end = first.astimezone(UTC), last.astimezone(UTC)
    whole = (end - begin) // timedelta(milliseconds=1)
    edge = 20 * 60_000
    luck = rng.random()
    if luck < _EDGE:
        return begin + timedelta(milliseconds=rng.randrange(edge))
    if luck < 2 * _EDGE:
        return end - timedelta(milliseconds=1 + rng.randrange(edge))
    return begin + timedelta(milliseconds=rng.randrange(whole))


def _tellings(rng: random.Random, usages: Sequence[Usage]) -> list[Told]:
    """Each usage, in any order, and some again, at any time after the first."""
    placed = [(rng.random(), Told(one, Telling.FIRST, one.way)) for one in usages]
    for place, told in list(placed):
        if rng.random() < TWICE:
            placed.append((rng.uniform(place, 1), _again(rng, told.usage)))
    placed.sort(key=lambda pair: pair[0])
    return [told for _, told in placed]


def _again(rng: random.Random, usage: Usage) -> Told:
    """A usage told another time."""
    if usage.way is Way.EVENT:
        # Only what was answered: a caller's usage stands for a conversation, a failure does not.
        by_caller = not usage.failed and rng.random() < 0.5
        return Told(usage, Telling.AGAIN, Way.SINGLE if by_caller else Way.EVENT)
    other = rng.random() < OTHERWISE
    return Told(usage, Telling.OTHERWISE if other else Telling.AGAIN, usage.way)
