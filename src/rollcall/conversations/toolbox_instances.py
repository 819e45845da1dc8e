# SPDX-License-Identifier: Apache-2.0
"""An instance of a tool service as calls to it have shown it to be."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from random import Random

from rollcall.conversations.calls import Verdict
from rollcall.conversations.listing import ListedTool
from rollcall.conversations.ports import ServiceInstance
from rollcall.conversations.toolbox_settings import ToolboxSettings
from rollcall.policies.balancing import least_loaded
from rollcall.policies.circuit_breaker import CircuitBreaker, CircuitState, Permit

_WINDOW = 20


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to call an instance once."""

    reach: Permit | None
    works: Permit
    trial: bool


class Health:
    """What calls to an instance came to. It was reached or not, and it worked or not.

    What was not reached once is avoided at once, and tried by one call a while later; in between
    it is the last choice, not none: to try costs nothing but time. What was reached and broke
    again and again is not called at all for a while.
    """

    def __init__(self, settings: ToolboxSettings) -> None:
        self._settings = settings
        self._reach = self._fresh()
        self._trials = 0
        self._works = CircuitBreaker(
            failure_threshold=settings.broken_after,
            window=max(_WINDOW, settings.broken_after),
            recovery_timeout=settings.broken_for,
        )

    def _fresh(self) -> CircuitBreaker:
        away = self._settings.unreachable_for
        return CircuitBreaker(1.0, failure_threshold=1, window=1, recovery_timeout=away)

    def reachable(self, now: float) -> bool:
        """Whether it was reached when it was tried last, or it is time for somebody to try."""
        state = self._reach.state(now)
        return state is CircuitState.CLOSED or (
            state is CircuitState.HALF_OPEN and not self._trials
        )

    def working(self, now: float) -> bool:
        """Whether it may be called at all."""
        return self._works.state(now) is not CircuitState.OPEN

    def enter(self, now: float) -> Ticket | None:
        """The right to call it now; None: it broke too often, or another call tries it."""
        works = self._works.allow(now)
        if works is None:
            return None
        trial = self._reach.state(now) is CircuitState.HALF_OPEN
        self._trials += trial
        return Ticket(self._reach.allow(now), works, trial)

    def left(self, ticket: Ticket, now: float, verdict: Verdict | None) -> None:
        """What the call came to; None: it was broken off."""
        self._trials -= ticket.trial
        match verdict:
            case None:
                self._works.abandoned(ticket.works, now)
                if ticket.reach is not None:
                    self._reach.abandoned(ticket.reach, now)
                return
            case Verdict.UNREACHED:
                self._works.abandoned(ticket.works, now)
                if ticket.reach is not None:
                    self._reach.failed(ticket.reach, now)
                return
            case Verdict.LOST | Verdict.BROKEN | Verdict.BUSY:
                self._works.failed(ticket.works, now)
            case _:
                self._works.succeeded(ticket.works, now)
        if ticket.reach is None:
            self._reach = self._fresh()
        else:
            self._reach.succeeded(ticket.reach, now)


@dataclass(slots=True, eq=False)
class Known:
    """An instance, and what is known of it.

    Args:
        info: What the registry says.
        health: What calls say.
        tools: What it listed last; None: nothing yet.
        begun: How often its list was asked for.
        failures: How often in a row it was not to be had.
        ended: The last of those that has ended, well or not.
        under_way: Calls to it that have no answer yet.
    """

    info: ServiceInstance
    health: Health
    tools: tuple[ListedTool, ...] | None = None
    begun: int = 0
    failures: int = 0
    ended: int = 0
    under_way: int = 0


@dataclass(slots=True)
class Offer:
    """An instance that has the tool that is asked for.

    Args:
        known: The instance.
        tool: The tool as it lists it.
        agrees: Whether that is what the model was shown.
        tries: How often it was called for this call.
        again: Whether it may be called once more: its connection broke, not the tool.
    """

    known: Known
    tool: ListedTool
    agrees: bool
    tries: int = field(default=0)
    again: bool = field(default=False)


def best_of(offers: Collection[Offer], now: float, rng: Random) -> Offer | None:
    """Which to call next: the least busy of the best that may be called. Where some are our own,
    others that bear their name come after them.
    """
    usable = [
        one for one in offers if (not one.tries or one.again) and one.known.health.working(now)
    ]
    if not usable:
        return None
    if len(usable) == 1:
        return usable[0]

    def choice(one: Offer) -> tuple[int, bool, bool, int, bool]:
        info = one.known.info
        rank = 0 if info.healthy else max(1, info.rank)
        away = not one.known.health.reachable(now)
        return one.tries, away, not info.own, rank, not one.agrees

    lowest = min(map(choice, usable))
    best = {str(at): one for at, one in enumerate(usable) if choice(one) == lowest}
    return best[least_loaded({at: one.known.under_way for at, one in best.items()}, rng)]
