# SPDX-License-Identifier: Apache-2.0
"""Lease arithmetic: what silence leads to, and when too much of it is not believed. All pure."""

from __future__ import annotations

from collections.abc import Collection
from itertools import takewhile
from typing import Final, NamedTuple

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.models import Grant
from rollcall.registry.status import LeasePhase

HOLD_TTLS: Final = 2.0
"""Self-preservation holds an expiry until the silence has lasted this many times the ttl."""


class Step(NamedTuple):
    """The next thing that silence does to a lease.

    Attributes:
        after: Seconds of silence since the last renewal.
        to: The phase that it enters; None: it is removed, with the records it covers.
    """

    after: float
    to: LeasePhase | None


def upcoming(grant: Grant) -> Step | None:
    """What happens next to a lease that nobody renews; None: nothing."""
    policy, phase = grant.policy, grant.phase
    if phase in (LeasePhase.FRESH, LeasePhase.HELD):
        first = _first(policy.unhealthy_after, policy.offline_after, policy.deregister_after)
        assert first is not None, "a policy has at least one threshold"
        return Step(HOLD_TTLS * policy.ttl, first.to) if phase is LeasePhase.HELD else first
    if phase is LeasePhase.UNHEALTHY:
        return _first(None, policy.offline_after, policy.deregister_after)
    return _first(None, None, policy.deregister_after)


def _first(
    unhealthy_after: float | None, offline_after: float | None, deregister_after: float | None
) -> Step | None:
    if unhealthy_after is not None:
        return Step(unhealthy_after, LeasePhase.UNHEALTHY)
    if offline_after is not None:
        return Step(offline_after, LeasePhase.OFFLINE)
    if deregister_after is not None:
        return Step(deregister_after, None)
    return None


class PreservationPolicy(msgspec.Struct, frozen=True):
    """When many leases falling due together are taken for a fault of ours rather than theirs.

    Args:
        at_least: So many leases; fewer are always believed.
        share: And more than this share (0 to 1) of the namespace's leases.
        window: Within so many seconds.
        stall: Our own event loop standing still for more than so many seconds counts as well,
            however few the leases.
    """

    at_least: int = 10
    share: float = 0.3
    window: float = 10.0
    stall: float = 2.0

    def __post_init__(self) -> None:
        if self.at_least < 2:
            raise InvalidInput(
                "at_least", f"one dead lease is never mass: 2 or more, not {self.at_least}"
            )
        if not 0 <= self.share < 1:
            raise InvalidInput("share", f"must be from 0 to below 1, not {self.share!r}")
        if self.window <= 0 or self.stall <= 0:
            raise InvalidInput("window", "window and stall must be more than 0 seconds")


class Window:
    """The leases of one namespace that fell due lately, to tell mass from single deaths."""

    def __init__(self, policy: PreservationPolicy) -> None:
        self._policy = policy
        self._fell: dict[str, float] = {}

    def note(self, now: float, lease: str) -> None:
        """A lease fell due and was believed."""
        # To the end again, if it was there: a lease that comes and goes is still only one.
        self._fell.pop(lease, None)
        self._fell[lease] = now

    def recent(self, now: float) -> list[str]:
        """Those believed within the window, oldest first."""
        since = now - self._policy.window
        for lease in [one for one, _ in takewhile(lambda one: one[1] <= since, self._fell.items())]:
            del self._fell[lease]
        return list(self._fell)

    def is_mass(self, now: float, due: Collection[str], total: int) -> bool:
        """Whether those due, with the recent ones, are too many of `total` to believe."""
        together = len({*due, *self.recent(now)})
        return together >= self._policy.at_least and together > self._policy.share * total
