# SPDX-License-Identifier: Apache-2.0
"""One call of a tool: which instances are tried, and what that came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Final

from rollcall.conversations.calls import Answer, Verdict, url_of
from rollcall.conversations.models import ToolOutcome, ToolRun
from rollcall.conversations.toolbox_instances import Offer, best_of
from rollcall.conversations.toolbox_services import Errand, ToolServices
from rollcall.conversations.toolbox_settings import ToolboxSettings
from rollcall.conversations.toolbox_table import Entry
from rollcall.kernel.clock import Clock

_SHARE: Final = 0.6
"""Of the time that is left, what an attempt gets behind which there may be another."""

_FINAL: Final = {
    Verdict.DONE: ToolOutcome.OK,
    Verdict.FAILED: ToolOutcome.FAILED,
    Verdict.REFUSED: ToolOutcome.REFUSED,
}
_RAN: Final = frozenset({Verdict.LOST, Verdict.BROKEN})


@dataclass(slots=True, kw_only=True)
class Call:
    """A call under way.

    Args:
        call_id: Names it.
        name: What the model called.
        arguments: With what.
        deadline: When its time is over, monotonic seconds.
        correlation_id: Sent along.
        namespace: Whose data it is about.
        caller: For whom it is made.
    """

    call_id: str
    name: str
    arguments: dict[str, Any]
    deadline: float
    correlation_id: str
    namespace: str
    caller: str
    service: str = ""
    tool: str = ""
    attempts: int = 0
    instance: str | None = None
    url: str | None = None
    outcome: ToolOutcome = ToolOutcome.UNAVAILABLE
    result: Any = None
    error: str | None = None

    def ended(self, outcome: ToolOutcome, *, result: Any = None, error: str | None = None) -> None:
        """What became of it."""
        self.outcome, self.result, self.error = outcome, result, error

    def run(self, started_at: datetime, duration_ms: float) -> ToolRun:
        """The call as the answer tells of it."""
        return ToolRun(
            call_id=self.call_id,
            name=self.name,
            tool=self.tool or self.name,
            service=self.service,
            arguments=self.arguments,
            outcome=self.outcome,
            started_at=started_at,
            duration_ms=duration_ms,
            instance=self.instance,
            url=self.url,
            attempts=self.attempts,
            result=self.result,
            error=self.error,
        )

    async def make(
        self,
        entry: Entry,
        body: bytes,
        *,
        services: ToolServices,
        clock: Clock,
        rng: Random,
        settings: ToolboxSettings,
    ) -> None:
        """Call one instance after the other, until one has answered or none should be called.

        Args:
            entry: The tool, and who has it.
            body: The arguments as JSON.
            services: Calls an instance.
            clock: Time.
            rng: Chooses among equals.
            settings: Bounds.
        """
        offers = [
            Offer(known, tool, agrees=tool.version == entry.spec.version)
            for known, tool in entry.having
        ]
        answers: list[Answer] = []
        while self.attempts < settings.attempts:
            now = clock.monotonic()
            offer = best_of(offers, now, rng)
            if offer is None or now >= self.deadline:
                break
            # What one instance calls idempotent, another may not be.
            idempotent = entry.spec.idempotent and offer.tool.idempotent
            more = self.attempts + 1 < settings.attempts and len(offers) > 1
            left = self.deadline - now
            share = _SHARE * left if idempotent and more else left
            answer = await self._attempt(offer, body, share, services, clock, idempotent)
            if answer is None:
                continue
            answers.append(answer)
            if answer.verdict in _FINAL:
                self.ended(
                    _FINAL[answer.verdict], result=answer.result, error=answer.problem or None
                )
                return
            if answer.verdict is Verdict.LOST and not idempotent:
                self._lost(answer)
                return
            if answer.verdict is Verdict.BROKEN and not idempotent:
                break
            offer.again = answer.verdict is Verdict.LOST and not answer.late and offer.tries == 1
        self._given_up(answers)

    async def _attempt(
        self,
        offer: Offer,
        body: bytes,
        share: float,
        services: ToolServices,
        clock: Clock,
        idempotent: bool,
    ) -> Answer | None:
        """Call an instance once; None: it must not be called now."""
        known, offer.tries = offer.known, offer.tries + 1
        health = known.health
        ticket = health.enter(clock.monotonic())
        if ticket is None:
            offer.again = False
            return None
        info = known.info
        self.attempts += 1
        self.instance, self.url = info.id, url_of(info, "")
        known.under_way += 1
        verdict: Verdict | None = None
        try:
            answer = await services.call(
                info,
                offer.tool,
                self.arguments,
                body,
                Errand(self.call_id, self.correlation_id, self.namespace, self.caller),
                # A kept connection may be one that is just closing. Whoever may be called twice
                # takes that risk, once.
                fresh=not idempotent or offer.tries > 1,
                timeout=share,
            )
            verdict = answer.verdict
            return answer
        finally:
            known.under_way -= 1
            health.left(ticket, clock.monotonic(), verdict)

    def _lost(self, answer: Answer) -> None:
        self.ended(
            ToolOutcome.UNKNOWN,
            error=f"the tool {self.tool!r} was called, but its answer was lost ({answer.problem}):"
            " it may have run or not, and it was not called again, since it is not idempotent",
        )

    def _given_up(self, answers: list[Answer]) -> None:
        """No instance has answered, or none could be asked."""
        told = [answer for answer in answers if answer.verdict in _RAN]
        if told:
            times = f", in {len(answers)} attempts" if len(answers) > 1 else ""
            self.ended(
                ToolOutcome.FAILED,
                error=f"the tool {self.tool!r} gave no answer{times}: {told[-1].problem}",
            )
            return
        why = f" ({answers[-1].problem})" if answers else ""
        self.ended(
            ToolOutcome.UNAVAILABLE,
            error=f"the service {self.service!r} cannot be reached at the moment{why}; the tool"
            f" {self.tool!r} was not run, and may be tried again later",
        )
