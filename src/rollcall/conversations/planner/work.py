# SPDX-License-Identifier: Apache-2.0
"""The state of filling one tool's arguments from one text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rollcall.conversations.planner import concepts
from rollcall.conversations.planner.reading import Reading, Span
from rollcall.conversations.planner.schema import Parameter, Tool
from rollcall.conversations.planner.subjects import blanked

Likeness = Callable[[str, str], float]
"""How near two words are in meaning, 0 to 1."""


@dataclass
class Filling:
    """What a tool would be called with.

    Args:
        arguments: By parameter.
        missing: What is required, and not in the text.
        used: The pieces of the text that arguments were made of, as from and to.
        chosen: Those of the pieces that say one of the values that the tool offers.
        facts: What was used of what stands in the text: `expression`, `change`, `url`.
    """

    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    missing: list[Parameter] = field(default_factory=list[Parameter])
    used: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    chosen: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    facts: set[str] = field(default_factory=set[str])


@dataclass
class Work:
    """What the rules work on, and what they made so far.

    Args:
        tool: Whose arguments.
        reading: The text.
        likeness: How near words are in meaning; None: only words that are the same count.
        skip: How many ways to fill a free text are passed over.
        filling: What there is so far.
    """

    tool: Tool
    reading: Reading
    likeness: Likeness | None = None
    skip: int = 0
    filling: Filling = field(default_factory=Filling)

    @property
    def explained(self) -> frozenset[str]:
        """Stems of the words with which the tool is described."""
        return self.tool.all_stems

    @property
    def left(self) -> str:
        """The text without what is used, each character at its old place."""
        return blanked(self.reading.text, self.filling.used)

    @property
    def open(self) -> list[Parameter]:
        """The parameters that have no value yet."""
        return [one for one in self.tool.parameters if one.name not in self.filling.arguments]

    def give(self, parameter: Parameter, value: Any, *spans: tuple[int, int]) -> bool:
        """Give a parameter a value that was made of pieces of the text; False: it takes it not."""
        if not parameter.takes(value):
            return False
        self.filling.arguments[parameter.name] = value
        self.filling.used.extend(spans)
        return True

    def put(self, parameter: Parameter, spans: Sequence[Span], fact: str) -> None:
        """Give a parameter the first piece, or, if it is an array, all of them."""
        if not spans:
            return
        taken = spans if parameter.kind == "array" else spans[:1]
        values = [span.value for span in taken]
        value: Any = values if parameter.kind == "array" else values[0]
        if self.give(parameter, value, *((one.start, one.end) for one in taken)):
            self.filling.facts.add(fact)

    def free(self, spans: Sequence[Span]) -> list[Span]:
        """The pieces that are not used."""
        return [span for span in spans if self.is_free(span.start, span.end)]

    def is_free(self, start: int, end: int) -> bool:
        """Whether nothing was made of this piece."""
        return all(end <= first or start >= last for first, last in self.filling.used)


def asks_arithmetic(work: Work, parameter: Parameter) -> bool:
    """Whether a parameter takes arithmetic, by its own words or its tool's."""
    if parameter.choices or parameter.kind not in {"string", "any"}:
        return False
    if concepts.is_expression(parameter):
        return True
    only = [one for one in work.tool.required if one.kind in {"string", "any"}]
    return only == [parameter] and concepts.is_arithmetic(work.tool)
