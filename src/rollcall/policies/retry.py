# SPDX-License-Identifier: Apache-2.0
"""When to try again, and after how long: exponential backoff with a ceiling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import cast

from rollcall.kernel.errors import InvalidInput
from rollcall.policies import checks


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a failed call is tried again (document 5).

    Attempts are counted from one: attempt 1 is the call itself, so that there are at most
    `max_retries + 1` attempts.

    Args:
        max_retries: Attempts after the first one; 0 means never again.
        initial_delay: Seconds between the first attempt and the second.
        backoff_factor: By what each further delay is longer than the one before; at least 1.
        max_delay: Seconds that no delay exceeds.
        exceptions: The errors worth another attempt, subclasses of `Exception`. Cancellation and
            interrupts are none of them and are never retried.

    Raises:
        InvalidInput: An argument is out of its range; the error names it.
    """

    max_retries: int = 3
    initial_delay: float = 1.0
    backoff_factor: float = 2.0
    max_delay: float = 30.0
    exceptions: tuple[type[Exception], ...] = (Exception,)

    def __post_init__(self) -> None:
        checks.whole("max_retries", self.max_retries, 0)
        checks.at_least("initial_delay", self.initial_delay, 0)
        checks.at_least("backoff_factor", self.backoff_factor, 1)
        checks.at_least("max_delay", self.max_delay, 0)
        _check_exceptions(self.exceptions)

    def should_retry(self, attempt: int, error: BaseException) -> bool:
        """Whether another attempt is due after attempt number `attempt` ended with `error`."""
        attempts_left = checks.whole("attempt", attempt, 1) <= self.max_retries
        return attempts_left and isinstance(error, self.exceptions)

    def delay(self, attempt: int) -> float:
        """Seconds to wait after attempt number `attempt` failed."""
        checks.whole("attempt", attempt, 1)
        try:
            growth = math.pow(self.backoff_factor, attempt - 1)
        except OverflowError:
            growth = math.inf
        # Not `0 * inf`, which is no number.
        delay = self.initial_delay * growth if self.initial_delay else 0.0
        return min(delay, float(self.max_delay))


def full_jitter(delay: float, rng: Random) -> float:
    """A delay between 0 and `delay` seconds, evenly drawn.

    Callers that failed together come back spread out, instead of together again.
    """
    return delay * rng.random()


def _check_exceptions(value: object) -> None:
    if not isinstance(value, tuple):
        raise InvalidInput("exceptions", f"must be a tuple of exception classes, not {value!r}")
    for one in cast("tuple[object, ...]", value):
        if not (isinstance(one, type) and issubclass(one, Exception)):
            raise InvalidInput("exceptions", f"must hold subclasses of Exception, not {one!r}")
