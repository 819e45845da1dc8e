# SPDX-License-Identifier: Apache-2.0
"""Whether a service can do its work, found out by asking what it stands on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rollcall.kernel.clock import Clock, utc, within

_log = logging.getLogger(__name__)


class Condition(StrEnum):
    """How a service is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """Something that it can do without does not answer."""
    UNHEALTHY = "unhealthy"
    """Something that it cannot do without does not answer."""


@dataclass(frozen=True, slots=True)
class Ping:
    """A question to something that the service stands on.

    Args:
        name: What is asked.
        ask: Returns if all is well, raises if not. What it returns is shown instead of `ok`.
        timeout: Seconds after which no answer counts as a bad one.
        vital: Whether the service cannot do its work without it.
    """

    name: str
    ask: Callable[[], Awaitable[str | None]]
    timeout: float = 2.0
    vital: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    """What came of a ping.

    Args:
        name: What was asked.
        problem: Why it counts as failed, in a word that is safe to show; None: all is well.
        vital: Whether the service cannot do its work without it.
        said: What is shown where all is well.
    """

    name: str
    problem: str | None
    vital: bool = True
    said: str = "ok"


Facts = Callable[[], Mapping[str, object]]
"""More that a service says of itself (`registered_services`); must be quick and not raise."""


class Health:
    """Asks everything at once, each with its own timeout.

    Args:
        service: The service's name.
        version: Its version.
        pings: What to ask.
        facts: What else to say.
        clock: Times it.
    """

    def __init__(
        self,
        service: str,
        version: str,
        pings: Sequence[Ping],
        clock: Clock,
        facts: Sequence[Facts] = (),
    ) -> None:
        self._service = service
        self._version = version
        self._pings = tuple(pings)
        self._clock = clock
        self._facts = tuple(facts)

    async def report(self) -> tuple[Condition, dict[str, object]]:
        """The verdict, and the body of `/health`, where `failed` names what does not answer."""
        checks = await asyncio.gather(*(self._check(ping) for ping in self._pings))
        condition = verdict(checks)
        body: dict[str, object] = {
            "status": condition.value,
            "timestamp": utc(self._clock.now()).isoformat(),
            "service": self._service,
            "version": self._version,
            "failed": [check.name for check in checks if check.problem is not None],
            "checks": {check.name: check.problem or check.said for check in checks},
        }
        for facts in self._facts:
            body.update(facts())
        return condition, body

    async def _check(self, ping: Ping) -> Check:
        async def ask() -> str | None:
            return await ping.ask()

        try:
            said = await within(self._clock, ping.timeout, ask())
        except TimeoutError:
            return Check(ping.name, f"no answer within {ping.timeout:g} s", ping.vital)
        except Exception as error:
            # The text may hold addresses and credentials, and `/health` is public.
            _log.warning("health check %s failed: %s", ping.name, error)
            return Check(ping.name, type(error).__name__, ping.vital)
        return Check(ping.name, None, ping.vital, said or "ok")


def verdict(checks: Sequence[Check]) -> Condition:
    """How a service is that these checks were made of."""
    failed = [check for check in checks if check.problem is not None]
    if any(check.vital for check in failed):
        return Condition.UNHEALTHY
    return Condition.DEGRADED if failed else Condition.HEALTHY
