# SPDX-License-Identifier: Apache-2.0
"""A circuit breaker: calls that would fail anyway are refused until a trial call succeeds."""

from __future__ import annotations

from enum import StrEnum

from rollcall.kernel.errors import InvalidInput
from rollcall.policies import checks
from rollcall.policies.waiting import wait_until


class CircuitState(StrEnum):
    CLOSED = "closed"
    """Calls go through."""
    OPEN = "open"
    """Calls are refused."""
    HALF_OPEN = "half-open"
    """One trial call goes through at a time; its outcome decides."""


class Permit:
    """The right to make one call, to be handed back with its outcome. Always true.

    It says in which period of the breaker the call began, so that an outcome that arrives in a
    later period is known to be late.
    """

    __slots__ = ()


class CircuitBreaker:
    """Counts outcomes of calls and decides whether the next one may be made (document 5).

    Closed, it opens after `failure_threshold` failures in a row, or when at least
    `failure_threshold` calls were seen and the share of failures among the last `window` calls
    has reached `threshold`. Open, it refuses for `recovery_timeout`; then it lets one trial
    through. The trial's success closes it with empty counts, its failure opens it anew, and its
    silence for another `recovery_timeout` makes room for the next trial.

    An outcome of a call from an earlier period (before the circuit opened, closed or gave up on a
    trial) says nothing about now and changes nothing.

    Every method is O(1); memory is one byte for each call of the window. `now` is monotonic
    seconds.

    Args:
        threshold: The share of failures that opens, above 0 and up to 1.
        failure_threshold: Failures in a row that open, and calls before the share counts.
        window: The number of latest calls that the share is taken over.
        recovery_timeout: Seconds from opening to the first trial, and from trial to trial.

    Raises:
        InvalidInput: An argument is out of its range; the error names it.
    """

    def __init__(
        self,
        threshold: float = 0.5,
        failure_threshold: int = 5,
        window: int = 100,
        recovery_timeout: float = 30.0,
    ) -> None:
        self._threshold = checks.positive("threshold", threshold)
        if self._threshold > 1:
            raise InvalidInput("threshold", f"is a share and must not exceed 1, not {threshold!r}")
        self._failure_threshold = checks.whole("failure_threshold", failure_threshold, 1)
        self._window = checks.whole("window", window, 1)
        if window < failure_threshold:
            raise InvalidInput(
                "window", f"must hold at least the {failure_threshold} calls of failure_threshold"
            )
        self._recovery_timeout = checks.positive("recovery_timeout", recovery_timeout)
        self._outcomes = bytearray(window)  # A ring: 1 is a failure.
        self._close()

    def allow(self, now: float) -> Permit | None:
        """A permit for one call, or None where the call must not be made.

        Whoever holds a permit reports to `succeeded`, `failed` or `abandoned`.
        """
        if self._retry_at is None:
            return self._permit
        if now < self._retry_at:
            return None
        # A new permit takes the right to report from a trial that was never heard of again.
        self._permit = Permit()
        self._trial = True
        self._retry_at = now + self._recovery_timeout
        return self._permit

    def succeeded(self, permit: Permit, now: float) -> None:
        """The call of `permit` succeeded."""
        self._report(permit, now, failure=False)

    def failed(self, permit: Permit, now: float) -> None:
        """The call of `permit` failed."""
        self._report(permit, now, failure=True)

    def abandoned(self, permit: Permit, now: float) -> None:
        """The call of `permit` was broken off and says nothing; the next trial may go at once."""
        if permit is self._permit and self._trial:
            self._permit = None
            self._trial = False
            self._retry_at = now

    def state(self, now: float) -> CircuitState:
        """The state at `now`; asking changes nothing."""
        if self._retry_at is None:
            return CircuitState.CLOSED
        if self._trial or now >= self._retry_at:
            return CircuitState.HALF_OPEN
        return CircuitState.OPEN

    def retry_after(self, now: float) -> float:
        """Seconds until `allow` can give a permit: 0.0 where it gives one at once."""
        return 0.0 if self._retry_at is None else wait_until(self._retry_at, now)

    def _report(self, permit: Permit, now: float, *, failure: bool) -> None:
        if permit is not self._permit:
            return
        if not self._trial:
            self._count(failure=failure)
            if self._too_many_failures():
                self._open(now)
        elif failure:
            self._open(now)
        else:
            self._close()

    def _close(self) -> None:
        self._permit: Permit | None = Permit()
        self._trial = False
        self._retry_at: float | None = None
        self._next = self._seen = self._failures = self._in_a_row = 0

    def _open(self, now: float) -> None:
        self._permit = None
        self._trial = False
        self._retry_at = now + self._recovery_timeout

    def _count(self, *, failure: bool) -> None:
        if self._seen == self._window:
            self._failures -= self._outcomes[self._next]
        else:
            self._seen += 1
        self._outcomes[self._next] = failure
        self._next = (self._next + 1) % self._window
        self._failures += failure
        self._in_a_row = self._in_a_row + 1 if failure else 0

    def _too_many_failures(self) -> bool:
        if self._in_a_row >= self._failure_threshold:
            return True
        return (
            self._seen >= self._failure_threshold and self._failures / self._seen >= self._threshold
        )
