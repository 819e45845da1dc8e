# SPDX-License-Identifier: Apache-2.0
"""The one place where the loop meets pydantic-ai. Importing it takes about a second.

Whatever a tool returned goes to the model as the return of that tool, and never as a message of the
user or the system.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

import msgspec
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import (
    InstructionPart,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from rollcall.conversations.briefs import NO_NOTES, Notes
from rollcall.conversations.loop_notes import notes_part
from rollcall.conversations.loop_terms import Asked, Heard, Reply, Said, Told
from rollcall.conversations.loop_trouble import understood
from rollcall.conversations.models import Exchange, ToolSpec
from rollcall.conversations.pricing import Tokens, estimated_tokens
from rollcall.conversations.providers import Chosen
from rollcall.kernel.errors import RollcallError

_log = logging.getLogger(__name__)

_NO_ANSWER: Final = "(This was not answered.)"
_OUTCOMES: Final[Mapping[Told, Literal["success", "failed", "retried"]]] = {
    Told.RESULT: "success",
    Told.FAILED: "failed",
    Told.AGAIN: "retried",
}
_UNNAMED: Final = "unnamed_tool"

OnText = Callable[[str], None]


class Dialogue:
    """What was said in a turn, as models are sent it.

    Args:
        instructions: What the agent is.
        history: What was said before.
        user_input: What the user says.
        secrets: What must not be shown in an error.
        notes: What is remembered.
    """

    def __init__(
        self,
        instructions: str,
        history: Sequence[Exchange],
        user_input: str,
        secrets: Sequence[str] = (),
        notes: Notes = NO_NOTES,
    ) -> None:
        instructions = _sendable(instructions)
        self._instructions = [InstructionPart(content=instructions)] if instructions else []
        self._secrets = secrets
        self._messages: list[ModelMessage] = []
        self._characters = len(instructions)
        for one in history:
            self._user(one.user_input)
            answer = _sendable(one.response) or _NO_ANSWER
            self._messages.append(ModelResponse(parts=[TextPart(content=answer)]))
            self._characters += len(answer)
        self._user(user_input, notes)
        self._latest: ModelResponse | None = None
        self._definitions: dict[tuple[str, str], tuple[ToolSpec, ToolDefinition]] = {}

    def characters(self, tools: Sequence[ToolSpec]) -> int:
        """How long the next request is, with these tools."""
        schemas = sum(len(msgspec.json.encode(one.input_schema)) for one in tools)
        return self._characters + schemas + sum(len(t.name + t.description) for t in tools)

    async def ask(
        self, chosen: Chosen, tools: Sequence[ToolSpec], heard: Heard, on_text: OnText
    ) -> Said:
        """Have a model say what is next. What it says is kept by `reply` alone.

        Args:
            chosen: The model.
            tools: What it may call.
            heard: Filled while it speaks.
            on_text: Called with each piece of its answer as it comes.

        Raises:
            Trouble: It did not say anything, or not to the end.
            LimitReached: It said more than it may.
        """
        model = chosen.model
        expected = heard.tokens
        parameters = ModelRequestParameters(
            function_tools=[self._definition(chosen, one) for one in tools],
            instruction_parts=list(self._instructions),
        )
        try:
            async with model_request_stream(
                model,
                self._messages,
                model_settings=_settings(model),
                model_request_parameters=parameters,
            ) as stream:
                heard.begun = True
                try:
                    await _listen(stream, heard, on_text)
                finally:
                    heard.tokens = _used(stream, chosen, expected, heard.written)
                return self._said(stream.get(), on_text)
        except RollcallError:
            raise
        except Exception as error:
            raise understood(error, chosen.name, self._secrets) from None

    def reply(self, replies: Sequence[Reply]) -> None:
        """Keep what the model said last, and what became of the calls it asked for."""
        assert self._latest is not None
        self._messages.append(self._latest)
        self._messages.append(
            ModelRequest(
                parts=[
                    ToolReturnPart(
                        tool_name=one.asked.name,
                        content=_sendable(one.text),
                        tool_call_id=one.asked.id,
                        outcome=_OUTCOMES[one.told],
                    )
                    for one in replies
                ]
            )
        )
        self._characters += sum(len(one.text) for one in replies)
        self._characters += sum(len(str(one.asked.arguments)) for one in replies)

    def _definition(self, chosen: Chosen, tool: ToolSpec) -> ToolDefinition:
        known = self._definitions.get((chosen.name, tool.name))
        if known is not None and known[0] == tool:
            return known[1]
        made = _definition(tool, tool.input_schema)
        try:
            alone = ModelRequestParameters(function_tools=[made])
            chosen.model.customize_request_parameters(alone)
        except Exception as error:
            # One service's odd schema must not keep the others' tools from being called.
            _log.warning("the schema of tool %s is left out: %s", tool.name, type(error).__name__)
            made = _definition(tool, {"properties": {}, "additionalProperties": True})
        self._definitions[chosen.name, tool.name] = (tool, made)
        return made

    def _user(self, text: str, notes: Notes = NO_NOTES) -> None:
        said = UserPromptPart(content=_sendable(text))
        parts = [notes_part(notes), said] if notes else [said]
        self._messages.append(ModelRequest(parts=parts))
        self._characters += sum(len(str(part.content)) for part in parts)

    def _said(self, response: ModelResponse, on_text: OnText) -> Said:
        # A name that is none would be refused when it is sent back.
        response = replace(
            response,
            parts=[
                replace(part, tool_name=part.tool_name.strip() or _UNNAMED)
                if isinstance(part, ToolCallPart)
                else part
                for part in response.parts
            ],
        )
        self._latest = response
        refusal = (response.provider_details or {}).get("refusal")
        if isinstance(refusal, str):
            on_text(refusal)
        return Said(
            calls=tuple(_asked(part) for part in response.parts if isinstance(part, ToolCallPart)),
            withheld=response.finish_reason == "content_filter" and not refusal,
            cut_short=response.finish_reason == "length",
        )


async def _listen(stream: StreamedResponse, heard: Heard, on_text: OnText) -> None:
    async for event in stream:
        piece = ""
        match event:
            case PartStartEvent(part=TextPart(content=piece)):
                pass
            case PartDeltaEvent(delta=TextPartDelta(content_delta=piece)):
                pass
            case PartStartEvent(part=ToolCallPart() as part):
                heard.grew(len(part.tool_name) + len(part.args_as_json_str()))
            case PartDeltaEvent(delta=ToolCallPartDelta(args_delta=str(more))):
                heard.grew(len(more))
            case PartStartEvent(part=ThinkingPart(content=thought)):
                heard.grew(len(thought))
            case PartDeltaEvent(delta=ThinkingPartDelta(content_delta=str(thought))):
                heard.grew(len(thought))
            case _:
                pass
        if piece:
            heard.grew(len(piece))
            on_text(piece)


def _used(stream: StreamedResponse, chosen: Chosen, expected: Tokens, written: int) -> Tokens:
    """What a request used: as its provider says, else as counted here."""
    said = stream.usage
    told = said.input_tokens > 0 or said.output_tokens > 0 or chosen.offline
    # A provider that has not finished tells what was used up to then.
    over = stream.get().state == "complete" or chosen.offline
    return Tokens(
        model=stream.model_name or expected.model,
        provider=stream.provider_name or chosen.provider,
        url=stream.provider_url or "",
        read=said.input_tokens if said.input_tokens or chosen.offline else expected.read,
        written=said.output_tokens
        if told and over
        else max(said.output_tokens, estimated_tokens(written)),
        cached=said.cache_read_tokens,
        cached_anew=said.cache_write_tokens,
        estimated=not (told and over),
    )


def _settings(model: Model) -> ModelSettings:
    # The loop repeats requests by itself: were the SDK to do so too, they would multiply.
    return {} if "max_retries" in model.unsupported_settings else {"max_retries": 0}


def _sendable(text: str) -> str:
    """`text` with a question mark for each half of a character, which no encoding can send."""
    return text.encode(errors="replace").decode()


def _definition(tool: ToolSpec, schema: Mapping[str, Any] | None) -> ToolDefinition:
    if schema is None:
        words = {"type": "string", "description": "What to ask of the tool, in words."}
        schema = {"properties": {"input": words}, "required": ["input"]}
    return ToolDefinition(
        name=tool.name,
        description=tool.description,
        # Models call with an object, whatever a schema says beside that.
        parameters_json_schema={**schema, "type": "object"},
        # Other people's schemas are sent as they are.
        strict=False,
    )


def _asked(part: ToolCallPart) -> Asked:
    try:
        arguments = part.args_as_dict(raise_if_invalid=True)
    except (ValueError, AssertionError):
        arguments = None
    return Asked(id=part.tool_call_id, name=part.tool_name, arguments=arguments)
