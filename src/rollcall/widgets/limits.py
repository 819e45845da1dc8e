# SPDX-License-Identifier: Apache-2.0
"""How often visitors may ask: each, all of an address, and all of a widget.

The counts are of one process: with several instances of the service each counts for itself. What
holds for all of them together is the day's cap, which is counted in the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from starlette.types import Scope

from rollcall.kernel.caller import RateLimited
from rollcall.kernel.clock import Clock
from rollcall.web.limits import RateLimiter, network

BODY_BYTES: Final = 16 << 10
_AROUND: Final = 1 << 10
"""Bytes of a message's body beside the text."""
_MINUTE: Final = 60
_SOON: Final = 2.0
"""Seconds after which it is worth trying where too many answers are under way."""
STREAMS: Final = 6
"""Streams of one visitor at once: of several tabs, of messages that wait for those before them."""


@dataclass(frozen=True, slots=True)
class WidgetLimits:
    """What visitors may ask for.

    Args:
        message_chars: Characters of a message.
        visitor_messages: Messages of a visitor in a minute.
        address_messages: Messages from an address in a minute; of IPv6 a /64.
        address_visitors: New visitors from an address in a minute.
        address_requests: Requests of any kind from an address in a minute.
        widget_messages: Messages to a widget in a minute.
        widget_visitors: New visitors of a widget in a minute.
        widget_answers: Visitors of a widget whose messages are answered at once; those of one of
            them are answered one after the other.
        daily_messages: Messages that a widget takes in a day (UTC), in all processes together.
    """

    message_chars: int = 4_000
    visitor_messages: int = 10
    address_messages: int = 60
    address_visitors: int = 20
    address_requests: int = 600
    widget_messages: int = 600
    widget_visitors: int = 1_200
    widget_answers: int = 50
    daily_messages: int = 10_000


class Gates:
    """Counts.

    Args:
        limits: What is allowed.
        clock: Time.
    """

    def __init__(self, limits: WidgetLimits, clock: Clock) -> None:
        def per_minute(count: int) -> RateLimiter:
            return RateLimiter(clock, per_second=count / _MINUTE, burst=count)

        self._answers: dict[str, Counter[str]] = {}
        self._most_answers = limits.widget_answers
        self._requests = per_minute(limits.address_requests)
        self._new = per_minute(limits.address_visitors), per_minute(limits.widget_visitors)
        self._messages = (
            per_minute(limits.visitor_messages),
            per_minute(limits.address_messages),
            per_minute(limits.widget_messages),
        )

    def request(self, address: str) -> None:
        """Count any request.

        Raises:
            RateLimited: There were too many.
        """
        self._requests.take(address)

    def visitor(self, address: str, widget_id: str) -> None:
        """Count a new visitor.

        Raises:
            RateLimited: There were too many.
        """
        _take(self._new, (address, widget_id))

    def message(self, visitor_id: str, address: str, widget_id: str) -> None:
        """Count a message.

        Raises:
            RateLimited: There were too many.
        """
        _take(self._messages, (visitor_id, address, widget_id))

    @contextmanager
    def answer(self, widget_id: str, visitor_id: str) -> Generator[None]:
        """A place for a visitor among those of a widget who are answered; the same one for all
        that the visitor listens to.

        Raises:
            RateLimited: There is none, or they listen to too much.
        """
        there = self._answers.setdefault(widget_id, Counter())
        full = len(there) >= self._most_answers
        if there[visitor_id] >= STREAMS or (full and not there[visitor_id]):
            raise RateLimited(_SOON)
        there[visitor_id] += 1
        try:
            yield
        finally:
            there[visitor_id] -= 1
            if not there[visitor_id]:
                del there[visitor_id]
            if not there:
                del self._answers[widget_id]


def body_bytes(message_chars: int) -> int:
    """How long a body may be: 16 KB, or what the longest message takes with all that is around it,
    each character of which has four bytes at the most (UTF-8).
    """
    return max(BODY_BYTES, 4 * message_chars + _AROUND)


def address_of(scope: Scope) -> str:
    """Which requests are counted as one address's."""
    client = scope.get("client")
    return network(client[0]) if client else "unknown"


def _take(limiters: Sequence[RateLimiter], keys: Sequence[str]) -> None:
    """Count in each, from the narrowest to the widest: what one refuses, wider ones do not see."""
    for limiter, key in zip(limiters, keys, strict=True):
        limiter.take(key)
