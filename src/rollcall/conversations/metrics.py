# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told of conversations.

    rollcall_turns_total{status, error}               turns that ended
    rollcall_turns_under_way                          turns that were begun and have not ended
    rollcall_turn_duration_seconds{status}            from the message to the end
    rollcall_turn_first_text_seconds                  from the message to the first word
    rollcall_turn_tokens_total{direction, model}      input, output, cached (those of the input)
    rollcall_turn_cost_total{currency, model}         by list prices; what has none is not in it

Models are named by others, so that the label has room for so many values, and whatever comes later
is `other`. The calls of tools are counted by the toolbox.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from rollcall.conversations.models import Turn, Usage
from rollcall.web.metrics import BoundedLabel

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class ConversationMetrics:
    """Takes note of turns.

    Args:
        cap: Values that each label of others' choice may have.
    """

    def __init__(self, *, cap: int = 100) -> None:
        self._model = BoundedLabel(cap)
        self._error = BoundedLabel(20)
        self._under_way: set[str] = set()
        self._turns = Counter(
            "rollcall_turns", "Turns that ended.", ["status", "error"], registry=None
        )
        self._running = Gauge(
            "rollcall_turns_under_way", "Turns that were begun and have not ended.", registry=None
        )
        self._running.set_function(lambda: len(self._under_way))
        self._duration = Histogram(
            "rollcall_turn_duration_seconds",
            "From the message to the end of its turn.",
            ["status"],
            buckets=_SECONDS,
            registry=None,
        )
        self._first_text = Histogram(
            "rollcall_turn_first_text_seconds",
            "From the message to the first word of the answer.",
            buckets=_SECONDS,
            registry=None,
        )
        self._tokens = Counter(
            "rollcall_turn_tokens",
            "Tokens that models read and wrote; cached ones are among the input.",
            ["direction", "model"],
            registry=None,
        )
        self._cost = Counter(
            "rollcall_turn_cost",
            "What turns cost by list prices, where there is one.",
            ["currency", "model"],
            registry=None,
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Have them exposed."""
        for collector in (
            self._turns,
            self._running,
            self._duration,
            self._first_text,
            self._tokens,
            self._cost,
        ):
            registry.register(collector)

    def started(self, turn: Turn) -> None:
        """A turn is being worked at. To say so twice does no harm."""
        self._under_way.add(turn.id)

    def first_text(self, turn: Turn, seconds: float) -> None:
        """A turn has its first word, so long after its message."""
        self._first_text.observe(max(0.0, seconds))

    def finished(self, turn: Turn) -> None:
        """A turn has ended, and was kept so."""
        self._under_way.discard(turn.id)
        self._turns.labels(turn.status.value, self._error(turn.error_type or "")).inc()
        if turn.finished_at is not None:
            seconds = (turn.finished_at - turn.created_at).total_seconds()
            self._duration.labels(turn.status.value).observe(max(0.0, seconds))
        if turn.usage is not None:
            self._used(turn.usage)

    def _used(self, usage: Usage) -> None:
        model = self._model(usage.model)
        for direction, tokens in (
            ("input", usage.input_tokens),
            ("output", usage.output_tokens),
            ("cached", usage.cached_tokens),
        ):
            self._tokens.labels(direction, model).inc(max(0, tokens))
        if usage.cost is not None and usage.cost > 0:
            self._cost.labels(usage.currency, model).inc(float(usage.cost))
