# SPDX-License-Identifier: Apache-2.0
"""The offline planner as a model of pydantic-ai: the same messages in, calls and text out."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    ModelResponseStreamEvent,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import RunContext, ToolDefinition
from pydantic_ai.usage import RequestUsage

from rollcall.conversations.briefs import NO_NOTES, Notes
from rollcall.conversations.loop_notes import NotesPart
from rollcall.conversations.planner import telling
from rollcall.conversations.planner.index import ToolIndex
from rollcall.conversations.planner.planning import Call, Plan, Planner
from rollcall.conversations.planner.schema import read_tool
from rollcall.kernel.clock import Clock, SystemClock, utc
from rollcall.kernel.errors import MissingExtra
from rollcall.registry.meaning import Encoder

NAME: Final = "offline-planner"
"""The planner's name as a model."""
PROVIDER: Final = "rollcall"
"""Whose it is."""

_log = logging.getLogger(__name__)

_INDEXES: Final = 16
_PIECE: Final = 48


class OfflinePlanner(Model[None]):
    """Answers with the registered tools, without a model: picks one, fills its arguments, tells.

    It makes one call for a request (a second one only where the tool did not take the arguments),
    and never one because of what a tool gave. It costs no tokens.

    Args:
        encoder: Makes the encoder for search by meaning, when it is first needed; None: tools are
            found by words alone.
        help_text: How a model is set up, for people, one or two sentences; ends every refusal.
        clock: Tells the day that "tomorrow" is behind.
    """

    def __init__(
        self,
        encoder: Callable[[], Encoder] | None,
        help_text: str,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        self._make = encoder
        self._encoder: Encoder | None = None
        self._clock = SystemClock() if clock is None else clock
        self._planner = Planner(help_text)
        self._indexes: OrderedDict[str, ToolIndex] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def model_name(self) -> str:
        """`offline-planner`."""
        return NAME

    @property
    def system(self) -> str:
        """`rollcall`."""
        return PROVIDER

    def prepare_messages(
        self,
        messages: list[ModelMessage],
        model_request_parameters: ModelRequestParameters | None = None,
    ) -> list[ModelMessage]:
        """The messages as they are: notes about what a text looks like are for models."""
        return messages

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """What is next: a call, or the answer. Never raises for what the messages say."""
        _, parameters = self.prepare_request(model_settings, model_request_parameters)
        plan = await asyncio.to_thread(self._plan, messages, parameters)
        return ModelResponse(
            parts=[_call_part(plan.call) if plan.call else TextPart(plan.text)],
            usage=RequestUsage(),
            model_name=NAME,
            provider_name=PROVIDER,
            timestamp=utc(self._clock.now()),
            finish_reason="tool_call" if plan.call else "stop",
        )

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """The same in pieces."""
        _, parameters = self.prepare_request(model_settings, model_request_parameters)
        plan = await asyncio.to_thread(self._plan, messages, parameters)
        yield _Stream(
            model_request_parameters=parameters, _plan=plan, _timestamp=utc(self._clock.now())
        )

    def _plan(self, messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> Plan:
        turn = _turn(messages)
        today = utc(self._clock.now()).date()
        returned = turn.returned
        if returned is not None and returned.outcome == "success":
            # An answer needs no search.
            return Plan(text=telling.told(returned.tool_name, turn.arguments, returned.content))
        if returned is not None and returned.outcome != "retried":
            return Plan(text=telling.failed(returned.tool_name, str(returned.content)))
        index = self._index(parameters.function_tools)
        if returned is not None:
            return self._planner.again(
                index, turn.words, today,
                tool=returned.tool_name, why=str(returned.content), tried=turn.tried,
            )  # fmt: skip
        return self._planner.first(index, turn.words, today, before=turn.before, notes=turn.notes)

    def _index(self, definitions: Sequence[ToolDefinition]) -> ToolIndex:
        version = _version(definitions)
        with self._lock:
            known = self._indexes.get(version)
            if known is not None:
                self._indexes.move_to_end(version)
                return known
            tools = [
                read_tool(one.name, one.description, one.parameters_json_schema)
                for one in definitions
            ]
            try:
                index = ToolIndex(tools, self._encoding())
            except MissingExtra as missing:
                _log.warning("tools are found by words alone: %s", missing)
                self._make = None
                index = ToolIndex(tools, None)
            self._indexes[version] = index
            while len(self._indexes) > _INDEXES:
                self._indexes.popitem(last=False)
            return index

    def _encoding(self) -> Encoder | None:
        if self._encoder is None and self._make is not None:
            self._encoder = self._make()
        return self._encoder if self._make is not None else None


@dataclass(frozen=True)
class _Turn:
    """The last request of the user, and what became of it so far."""

    words: str
    notes: Notes
    before: tuple[str, ...]
    returned: ToolReturnPart | None
    arguments: dict[str, Any]
    tried: tuple[dict[str, Any], ...]


def _turn(messages: Sequence[ModelMessage]) -> _Turn:
    said: list[str] = []
    notes = NO_NOTES
    calls: list[ToolCallPart] = []
    returned: ToolReturnPart | None = None
    for message in messages:
        if isinstance(message, ModelResponse):
            calls += [part for part in message.parts if isinstance(part, ToolCallPart)]
            continue
        for part in message.parts:
            if isinstance(part, NotesPart):
                notes = part.notes
            elif isinstance(part, UserPromptPart):
                said.append(_said(part))
                calls, returned = [], None
            elif isinstance(part, ToolReturnPart):
                returned = part
    arguments: dict[str, Any] = {}
    if returned is not None:
        for call in calls:
            if call.tool_call_id == returned.tool_call_id:
                arguments = _arguments(call)
    words = said.pop() if said else ""
    return _Turn(words, notes, tuple(said), returned, arguments, tuple(map(_arguments, calls)))


def _said(part: UserPromptPart) -> str:
    if isinstance(part.content, str):
        return part.content
    return "\n".join(
        one if isinstance(one, str) else one.content
        for one in part.content
        if isinstance(one, str) or one.kind == "text-content"
    )


def _arguments(call: ToolCallPart) -> dict[str, Any]:
    try:
        return call.args_as_dict()
    except (ValueError, AssertionError):
        return {}


def _call_part(call: Call) -> ToolCallPart:
    return ToolCallPart(tool_name=call.tool, args=dict(call.arguments))


def _version(definitions: Sequence[ToolDefinition]) -> str:
    """Changes whenever a tool's name, description or schema does."""
    described = [(one.name, one.description, one.parameters_json_schema) for one in definitions]
    return hashlib.blake2b(json.dumps(described, default=str).encode()).hexdigest()


@dataclass
class _Stream(StreamedResponse):
    _plan: Plan
    _timestamp: datetime

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        self.finish_reason = "tool_call" if self._plan.call else "stop"
        if self._plan.call is not None:
            part = _call_part(self._plan.call)
            yield self._parts_manager.handle_tool_call_part(
                vendor_part_id=0,
                tool_name=part.tool_name,
                args=part.args_as_dict(),
                tool_call_id=part.tool_call_id,
            )
            return
        for piece in pieces(self._plan.text):
            if self._cancelled:
                return
            for event in self._parts_manager.handle_text_delta(vendor_part_id=0, content=piece):
                yield event
            await asyncio.sleep(0)

    async def close_stream(self) -> None:
        """There is nothing to close."""

    @property
    def model_name(self) -> str:
        return NAME

    @property
    def provider_name(self) -> str:
        return PROVIDER

    @property
    def provider_url(self) -> None:
        return None

    @property
    def timestamp(self) -> datetime:
        return self._timestamp


def pieces(text: str) -> Iterator[str]:
    """The text in pieces of some words; together they are the text again."""
    start = 0
    while start < len(text):
        end = text.find(" ", start + _PIECE)
        end = len(text) if end < 0 else end + 1
        yield text[start:end]
        start = end
