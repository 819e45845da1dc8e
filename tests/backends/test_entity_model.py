# SPDX-License-Identifier: Apache-2.0
"""Entities by a model, with pydantic-ai's typed output; the model is a function here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from rollcall.backends.entity_model import ModelEntities
from rollcall.conversations.providers import Chosen
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.errors import Unavailable
from rollcall.memory.extract_model import INSTRUCTIONS, ModelAnswer, ModelEntity, prompt_of

Answer = Callable[[list[ModelMessage], AgentInfo], ModelResponse]
NOTE = prompt_of("Ada works at Babbage Engines")
FOUND = {
    "entities": [
        {"name": "Ada", "type": "person", "confidence": 0.9},
        {"name": "Babbage Engines", "type": "organisation", "confidence": 0.8},
    ],
    "relationships": [{"source": "Ada", "target": "Babbage Engines", "type": "works_at"}],
}


class Functions:
    """Models that are functions, by name."""

    def __init__(self, **answers: Answer) -> None:
        self._answers = answers

    def chain(self, asked: str | None) -> Sequence[str]:
        return tuple(self._answers)

    async def open(self, name: str) -> Chosen:
        return Chosen(name, "function", FunctionModel(self._answers[name]))


def found(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    (output,) = info.output_tools
    return ModelResponse([ToolCallPart(output.name, FOUND)])


def broken(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    raise ConnectionError("the provider is away, and says who Ada is")


def entities(**answers: Answer) -> ModelEntities:
    models: Any = Functions(**answers)
    return ModelEntities(models, SystemClock())


async def test_a_model_answers_in_types() -> None:
    told: list[Any] = []

    def listening(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        told.append((info.instructions, messages[0].parts[-1].content))
        return found(messages, info)

    reading = await entities(one=listening).find(INSTRUCTIONS, NOTE)

    answer = reading.answer
    assert isinstance(answer, ModelAnswer)
    assert reading.usage is not None
    assert reading.usage.provider == "function"
    assert reading.usage.requests == 1
    assert reading.usage.input_tokens > 0
    assert reading.usage.cost is None
    assert answer.entities[0] == ModelEntity("Ada", "person", confidence=0.9)
    assert [one.type for one in answer.relationships] == ["works_at"]
    assert told == [(INSTRUCTIONS, NOTE)]


async def test_a_model_that_answers_in_another_form_is_told_so_and_asked_again() -> None:
    asked = 0

    def slow_to_learn(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        nonlocal asked
        asked += 1
        return ModelResponse([TextPart("Ada!")]) if asked == 1 else found(messages, info)

    reading = await entities(one=slow_to_learn).find(INSTRUCTIONS, NOTE)

    assert (asked, len(reading.answer.entities)) == (2, 2)
    assert reading.usage is not None
    assert reading.usage.requests == 2


async def test_where_one_fails_the_next_is_asked() -> None:
    reading = await entities(one=broken, two=found).find(INSTRUCTIONS, NOTE)
    assert len(reading.answer.entities) == 2


async def test_where_none_answers_it_is_tried_again_later_and_nothing_of_the_note_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(Unavailable, match="one failed") as caught:
        await entities(one=broken).find(INSTRUCTIONS, NOTE)
    assert "Ada" not in str(caught.value) + caplog.text
