# SPDX-License-Identifier: Apache-2.0
"""A limit on how often something may happen: the token bucket."""

from __future__ import annotations

import math
from fractions import Fraction

from rollcall.kernel.errors import InvalidInput
from rollcall.policies import checks
from rollcall.policies.waiting import wait_until


class TokenBucket:
    """Grants `burst` tokens at once and `rate_per_second` in the long run.

    In no stretch of t seconds does it grant more than `burst + rate_per_second * t` tokens, and
    it grants whatever that bound allows: both exactly, since it reckons in fractions and not in
    floats. It keeps one number, the moment at which it will be full again (the generic cell rate
    algorithm, ITU-T I.371), and each call is O(1).

    Args:
        rate_per_second: Tokens that flow in each second, above 0.
        burst: Tokens that it holds when full, as it is at first.

    Raises:
        InvalidInput: An argument is out of its range; the error names it.
    """

    def __init__(self, rate_per_second: float, burst: int) -> None:
        self._burst = checks.whole("burst", burst, 1)
        self._per_token = 1 / Fraction(checks.positive("rate_per_second", rate_per_second))
        self._fills_in = burst * self._per_token
        self._full_at: Fraction | None = None

    def take(self, now: float, n: int = 1) -> bool:
        """Take `n` tokens if they are there; otherwise take none and return False.

        Args:
            now: Monotonic seconds. An earlier moment than the last call's is no error, and earns
                no tokens.
            n: Tokens, from 1 to `burst`.

        Raises:
            InvalidInput: `n` is not in that range.
        """
        moment = Fraction(now)
        full_at = self._full_after(moment, n)
        if full_at - moment > self._fills_in:
            return False
        self._full_at = full_at
        return True

    def wait_time(self, now: float, n: int = 1) -> float:
        """Seconds until `n` tokens are there, if nobody else takes any: 0.0 if they are now.

        After that long `take` succeeds, not a rounding too early.

        Raises:
            InvalidInput: `n` is not from 1 to `burst`.
        """
        due = self._full_after(Fraction(now), n) - self._fills_in
        moment = float(due)
        return wait_until(moment if moment >= due else math.nextafter(moment, math.inf), now)

    def left(self, now: float) -> int:
        """Tokens that are there."""
        return int((self._fills_in - self._missing(now)) / self._per_token)

    def full_in(self, now: float) -> float:
        """Seconds until all of them are there again, if nobody takes any."""
        return float(self._missing(now))

    def _missing(self, now: float) -> Fraction:
        """Seconds' worth of tokens that are not there."""
        moment = Fraction(now)
        return Fraction(0) if self._full_at is None else max(self._full_at - moment, Fraction(0))

    def _full_after(self, moment: Fraction, n: int) -> Fraction:
        """When the bucket is full again once `n` tokens are taken at `moment`."""
        if checks.whole("n", n, 1) > self._burst:
            raise InvalidInput("n", f"must not exceed the burst of {self._burst}, not {n}")
        full_at = moment if self._full_at is None else max(self._full_at, moment)
        return full_at + n * self._per_token
