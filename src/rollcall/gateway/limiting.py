# SPDX-License-Identifier: Apache-2.0
"""How often, and how many at the same time, a caller may ask for single routes."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from starlette.types import Message, Send

from rollcall.gateway.models import GatewayService, RouteTable, split
from rollcall.kernel.caller import Quota, RateLimited
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput
from rollcall.web.limits import RateLimiter
from rollcall.web.quotas import quota_fields

VARIABLE: Final = "ROLLCALL_GATEWAY_LIMITS"
_RULE: Final = re.compile(
    r"(?P<pattern>/\S*?)\s*=\s*(?P<count>[0-9]{1,7})/(?P<unit>[smh])"
    r"(?:\s+burst\s+(?P<burst>[0-9]{1,7}))?(?:\s+at once\s+(?P<at_once>[0-9]{1,7}))?"
)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
_PAUSE: Final = 1.0
"""Seconds after which whoever asks too much at the same time may try again."""


@dataclass(frozen=True, slots=True)
class RouteLimit:
    """What each caller may do on a route.

    Args:
        pattern: Which paths it is for; of several that fit the most exact one counts.
        count: Requests in the long run, in each `seconds`.
        seconds: 1, 60 or 3600.
        burst: Requests in a row.
        at_once: Requests without a whole answer yet, streams among them; None: any number.
    """

    pattern: str
    count: int
    seconds: int
    burst: int
    at_once: int | None = None

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.count / self.seconds


def route_limits(text: str) -> Sequence[RouteLimit]:
    """The limits of `/api/runtime/**=5/s burst 10 at once 2, /api/agents=600/m`.

    Args:
        text: For each pattern a number a second (`s`), minute (`m`) or hour (`h`), how many of them
            may come in a row (by default that number), and how many at the same time (any number).

    Raises:
        InvalidInput: It is ill-formed, or names a pattern twice.
    """
    found: list[RouteLimit] = []
    for entry in filter(None, (one.strip() for one in text.split(","))):
        rule = _RULE.fullmatch(entry)
        if rule is None:
            raise InvalidInput(VARIABLE, f"{entry!r:.100} is not like /api/x/**=5/s burst 10")
        count = int(rule["count"])
        burst = int(rule["burst"] or count)
        at_once = int(rule["at_once"]) if rule["at_once"] else None
        if 0 in (count, burst, at_once):
            raise InvalidInput(VARIABLE, f"{entry!r:.100}: nothing would ever be let through")
        try:
            split(rule["pattern"])
        except InvalidInput as error:
            raise InvalidInput(VARIABLE, error.problem) from None
        if any(one.pattern == rule["pattern"] for one in found):
            raise InvalidInput(VARIABLE, f"{rule['pattern']} is there twice")
        found.append(RouteLimit(rule["pattern"], count, _SECONDS[rule["unit"]], burst, at_once))
    return found


class Limited:
    """A limit, and who has used up how much of it.

    Args:
        limit: The limit.
        clock: Time.
    """

    def __init__(self, limit: RouteLimit, clock: Clock) -> None:
        self._limit = limit
        self._limiter = RateLimiter(
            clock, per_second=limit.per_second, burst=limit.burst, name=limit.pattern
        )
        self._under_way: dict[str, int] = {}

    def quota(self, key: str) -> Quota:
        """What is left for a caller."""
        return self._limiter.quota(key)

    @contextmanager
    def counted(self, key: str) -> Generator[None]:
        """Count a request, for as long as it is answered.

        Raises:
            RateLimited: It is one too many.
        """
        before = self._under_way.get(key, 0)
        if self._limit.at_once is not None and before >= self._limit.at_once:
            raise RateLimited(_PAUSE)
        self._limiter.take(key)
        self._under_way[key] = before + 1
        try:
            yield
        finally:
            left = self._under_way[key] - 1
            if left:
                self._under_way[key] = left
            else:
                del self._under_way[key]


def telling(send: Send, limited: Limited, key: str) -> Send:
    """A way back on which answers say what is left of a limit."""

    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            fields = quota_fields(limited.quota(key)).items()
            more = [(name.lower().encode(), value.encode()) for name, value in fields]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return tell


class LimitTable:
    """Finds the limit of a path.

    Args:
        limits: All of them.
        clock: Time.

    Raises:
        InvalidInput: Two patterns are the same.
    """

    def __init__(self, limits: Sequence[RouteLimit], clock: Clock) -> None:
        self._table = RouteTable(
            GatewayService(one.pattern, one.pattern, [one.pattern]) for one in limits
        )
        self._limits = {one.pattern: Limited(one, clock) for one in limits}

    def of(self, path: Sequence[str]) -> Limited | None:
        """The limit of a path's segments; None: it has none."""
        found = self._table.match(path) if self._limits else None
        return None if found is None else self._limits[found.service]
