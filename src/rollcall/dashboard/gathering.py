# SPDX-License-Identifier: Apache-2.0
"""Asking other services: all at once, each for a bounded time, and none more than it can bear."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from rollcall.dashboard.models import Heard, Missing, Outcome, Question
from rollcall.dashboard.ports import NotAnswered, NotHere, Services
from rollcall.kernel.caller import Caller
from rollcall.kernel.clock import Clock, within
from rollcall.policies.circuit_breaker import CircuitBreaker

PATIENCE: Final = 2.0
"""Seconds that a service may take."""
FRESH: Final = 1.0
"""Seconds for which an answer is given again."""
_KEPT: Final = 2000
"""Answers that are kept at most."""
_FAILURES: Final = 3
_RECOVERY: Final = 5.0

Observer = Callable[[str, float | None], None]
"""Hears of a service and the seconds that it took; None: it failed."""

_log = logging.getLogger(__name__)


class _Line:
    """What is known of one path of a service: whether to ask, and since when it fails."""

    def __init__(self) -> None:
        self.breaker = CircuitBreaker(
            failure_threshold=_FAILURES, window=_FAILURES, recovery_timeout=_RECOVERY
        )
        self.since: float | None = None
        self.problem = ""


@dataclass(slots=True)
class _Flight:
    """A question that was asked; who has it too waits for the same answer."""

    task: asyncio.Task[Outcome]
    begun: float


class Gatherer:
    """Asks services, and remembers for a moment what they said.

    Questions of one namespace that are asked again while the answer is on its way, or is younger
    than `fresh`, get that one. What fails is not asked again and again: after three failures in a
    row a path rests for five seconds.

    Args:
        services: Whom.
        clock: Time.
        patience: Seconds that an answer may take.
        fresh: Seconds for which an answer is given again.
    """

    def __init__(
        self, services: Services, clock: Clock, patience: float = PATIENCE, fresh: float = FRESH
    ) -> None:
        self._services = services
        self._clock = clock
        self._patience = patience
        self._fresh = fresh
        self._lines: dict[tuple[str, str], _Line] = {}
        self._flights: OrderedDict[tuple[str, Question], _Flight] = OrderedDict()
        self.observers: list[Observer] = []
        """Who is told how long services took, for figures."""

    async def ask(self, caller: Caller, questions: Sequence[Question]) -> list[Outcome]:
        """What came of each question, in order. Raises for none of them."""
        return await asyncio.gather(*(self._shared(caller, one) for one in questions))

    def forget(self, namespace: str, questions: Sequence[Question] | None = None) -> int:
        """Have questions be asked anew, also those that are on their way; how many were known.

        Args:
            namespace: Whose.
            questions: Which; None: all.
        """
        known = [
            key
            for key in self._flights
            if key[0] == namespace and (questions is None or key[1] in questions)
        ]
        for key in known:
            del self._flights[key]
        return len(known)

    async def close(self) -> None:
        """Give up on what is on its way."""
        tasks = [one.task for one in self._flights.values()]
        self._flights.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _shared(self, caller: Caller, question: Question) -> Outcome:
        key = (caller.namespace, question)
        now = self._clock.monotonic()
        flight = self._flights.get(key)
        if flight is None or (flight.task.done() and now - flight.begun >= self._fresh):
            task = asyncio.create_task(self._asked(caller, question))
            flight = self._flights[key] = _Flight(task, now)
            self._flights.move_to_end(key)
            if len(self._flights) > _KEPT:
                self._flights.popitem(last=False)
        # Who leaves must not take the answer from the others.
        return await asyncio.shield(flight.task)

    async def _asked(self, caller: Caller, question: Question) -> Outcome:
        line = self._lines.setdefault((question.service, question.path), _Line())
        begun, at = self._clock.monotonic(), self._clock.now()
        permit = line.breaker.allow(begun)
        if permit is None:
            since = at if line.since is None else line.since
            return Missing(question.service, line.problem, since, at)
        try:
            outcome = await self._answer(caller, question, begun, at)
        except asyncio.CancelledError:
            line.breaker.abandoned(permit, self._clock.monotonic())
            raise
        now = self._clock.monotonic()
        if isinstance(outcome, Heard):
            line.breaker.succeeded(permit, now)
            line.since = None
            self._observed(question.service, outcome.latency)
            return outcome
        # Who refuses is there: the caller may not, or the question is wrong. And to find out that
        # somebody is nowhere costs nothing.
        refused = outcome.status is not None and outcome.status < HTTPStatus.INTERNAL_SERVER_ERROR
        if outcome.absent or refused:
            line.breaker.succeeded(permit, now)
        else:
            line.breaker.failed(permit, now)
            self._observed(question.service, None)
        line.problem = outcome.problem
        line.since = at if line.since is None else line.since
        return replace(outcome, since=line.since)

    def _observed(self, service: str, seconds: float | None) -> None:
        for one in self.observers:
            one(service, seconds)

    async def _answer(self, caller: Caller, question: Question, begun: float, at: float) -> Outcome:
        absent, status = False, None
        try:
            said = await within(self._clock, self._patience, self._services.get(caller, question))
            if said.status in question.statuses:
                return Heard(said, at, self._clock.monotonic() - begun)
            status, problem = said.status, f"answered {said.status}"
        except TimeoutError:
            problem = f"no answer within {self._patience:g} s"
        except NotAnswered as error:
            absent, problem = isinstance(error, NotHere), error.problem
        except Exception as error:
            # Its text may hold addresses.
            _log.warning("%s could not be asked: %s", question.service, error)
            problem = "could not be asked"
        return Missing(question.service, problem, at, at, absent, status)
