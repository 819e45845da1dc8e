# SPDX-License-Identifier: Apache-2.0
"""Instances as requests to them have shown them to be, and which is asked next."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from rollcall.gateway.errors import NoInstanceWorks
from rollcall.gateway.ports import Instance
from rollcall.gateway.settings import GatewaySettings
from rollcall.kernel.clock import Clock
from rollcall.policies.balancing import least_loaded
from rollcall.policies.circuit_breaker import CircuitBreaker, CircuitState, Permit

_WINDOW = 20
_REMEMBERED = 1024
"""Instances of which something is remembered; those that were asked longest ago are forgotten."""


class Outcome(StrEnum):
    """What became of an attempt."""

    ANSWERED = "answered"
    UNREACHED = "unreached"
    """Nothing was sent."""
    BUSY = "busy"
    """It said that it does not take requests now (503)."""
    LOST = "lost"
    """It was sent, and the connection broke."""
    LATE = "late"
    """It was sent, and nothing came in time."""
    LEFT = "left"
    """Whoever asked has left: that says nothing about the instance."""


class Upstream:
    """One instance.

    Args:
        settings: When it counts as broken, and for how long.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._works = CircuitBreaker(
            failure_threshold=settings.broken_after,
            window=max(_WINDOW, settings.broken_after),
            recovery_timeout=settings.broken_seconds,
        )
        self._away_until = float("-inf")
        self.under_way = 0

    def usable(self, now: float) -> bool:
        """Whether it may be asked at all."""
        return self._works.retry_after(now) == 0.0

    def retry_after(self, now: float) -> float:
        """Seconds until it may be."""
        return self._works.retry_after(now)

    def away(self, now: float) -> bool:
        """Whether it took no connection a moment ago, or is being tried after it had failed."""
        trial = self._works.state(now) is not CircuitState.CLOSED
        return now < self._away_until or trial

    def enter(self, now: float) -> Permit | None:
        """The right to ask it once; None: not now."""
        permit = self._works.allow(now)
        if permit is not None:
            self.under_way += 1
        return permit

    def left(self, permit: Permit, now: float, outcome: Outcome) -> None:
        """What the attempt came to."""
        self.under_way -= 1
        match outcome:
            case Outcome.ANSWERED | Outcome.BUSY:
                self._works.succeeded(permit, now)
            case Outcome.LEFT:
                self._works.abandoned(permit, now)
            case _:
                self._works.failed(permit, now)
        if outcome is Outcome.UNREACHED:
            self._away_until = now + self._settings.away_seconds
        elif outcome is not Outcome.LEFT:
            self._away_until = float("-inf")


@dataclass(frozen=True, slots=True)
class Attempt:
    """The right to send a request to an instance once.

    Args:
        instance: Where.
        upstream: What is known of it.
        permit: To be handed back with the outcome.
    """

    instance: Instance
    upstream: Upstream
    permit: Permit

    def left(self, now: float, outcome: Outcome) -> None:
        """What it came to."""
        self.upstream.left(self.permit, now, outcome)


class Upstreams:
    """All instances that were asked so far.

    Args:
        settings: When one counts as broken.
        clock: Time.
        rng: Chooses among equals.
    """

    def __init__(self, settings: GatewaySettings, clock: Clock, rng: Random) -> None:
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._known: dict[str, Upstream] = {}

    def __len__(self) -> int:
        return len(self._known)

    def enter(
        self, service: str, instances: Sequence[Instance], tried: Collection[str]
    ) -> Attempt | None:
        """The right to ask the least busy instance that works and was not tried.

        Args:
            service: Whose instances they are.
            instances: At least one.
            tried: Ids of those that were asked for this request already.

        Returns:
            None: all that work were tried.

        Raises:
            NoInstanceWorks: None was tried, and none may be asked now.
        """
        now = self._clock.monotonic()
        known = {one.id: self._of(one.id) for one in instances}
        fresh = [one for one in instances if one.id not in tried and known[one.id].usable(now)]
        while fresh:
            near = [one for one in fresh if not known[one.id].away(now)] or fresh
            loads = {one.id: known[one.id].under_way for one in near}
            chosen = least_loaded(loads, self._rng) if len(loads) > 1 else near[0].id
            permit = known[chosen].enter(now)
            if permit is not None:
                instance = next(one for one in near if one.id == chosen)
                return Attempt(instance, known[chosen], permit)
            fresh = [one for one in fresh if one.id != chosen]
        if tried:
            return None
        raise NoInstanceWorks(service, min(one.retry_after(now) for one in known.values()))

    def _of(self, instance: str) -> Upstream:
        found = self._known.pop(instance, None)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                idle = next((id for id, one in self._known.items() if not one.under_way), None)
                if idle is not None:
                    del self._known[idle]
            found = Upstream(self._settings)
        # The last in the dictionary is the one that was asked last.
        self._known[instance] = found
        return found
