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

from rollcall.kernel.caller import RateLimited
from rollcall.kernel.clock import Clock
from rollcall.web.limits import RateLimiter

BODY_BYTES: Final = 16 << 10
_MINUTE: Final = 60
_SOON: Final = 2.0
"""Seconds after which it is worth trying where too many answers are under way."""


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
        widget_answers: Answers of a widget that are under way at once.
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

        self._answers: Counter[str] = Counter()
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
    def answer(self, widget_id: str) -> Generator[None]:
        """A place among the answers of a widget that are under way.

        Raises:
            RateLimited: There is none.
        """
        if self._answers[widget_id] >= self._most_answers:
            raise RateLimited(_SOON)
        self._answers[widget_id] += 1
        try:
            yield
        finally:
            self._answers[widget_id] -= 1
            if not self._answers[widget_id]:
                del self._answers[widget_id]


def _take(limiters: Sequence[RateLimiter], keys: Sequence[str]) -> None:
    """Count in each, from the narrowest to the widest: what one refuses, wider ones do not see."""
    for limiter, key in zip(limiters, keys, strict=True):
        limiter.take(key)
