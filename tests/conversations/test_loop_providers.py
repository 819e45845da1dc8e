"""The loop with providers that speak other protocols, through their own clients."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from rollcall.conversations.errors import ModelRefused, ModelUnavailable
from rollcall.conversations.models import TextPart, TextReset
from rollcall.conversations.ports import Meter
from rollcall.conversations.pricing import ListPrices, Tokens
from rollcall.conversations.providers import Models, ModelSettings
from rollcall.testing.scripted_model import Answer, Fails, Raw, ScriptedModel
from support.looping import Tools, answered, events, giving, looped, task

KEY = "sk-ant-0123456789abcdef0123456789"


def stream(*events: Mapping[str, Any]) -> Raw:
    """Server-sent events, with the names that they carry."""
    lines = [
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
        if "type" in event
        else f"data: {json.dumps(event)}\n\n"
        for event in events
    ]
    return Raw("".join(lines).encode(), "text/event-stream")


def claude(*blocks: Mapping[str, Any], read: int, cached: int, written: int) -> Raw:
    """A message of Anthropic's: text blocks and calls."""
    usage = {
        "input_tokens": read,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": 1,
    }
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    message |= {"model": "claude-haiku-4-5", "stop_reason": None, "usage": usage}
    events: list[Mapping[str, Any]] = [{"type": "message_start", "message": message}]
    for index, block in enumerate(blocks):
        empty = block | ({"text": ""} if block["type"] == "text" else {"input": {}})
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        delta = (
            {"type": "text_delta", "text": block["text"]}
            if block["type"] == "text"
            else {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        )
        events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    reason = "tool_use" if blocks[-1]["type"] == "tool_use" else "end_turn"
    end = {"stop_reason": reason, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": written}})
    events.append({"type": "message_stop"})
    return stream(*events)


def gemini(*parts: Mapping[str, Any], read: int, written: int) -> Raw:
    """An answer of Gemini's."""
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP"}
    usage = {
        "promptTokenCount": read,
        "candidatesTokenCount": written,
        "totalTokenCount": read + written,
    }
    return stream(
        {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash"}
    )


def models(model: ScriptedModel, name: str) -> Models:
    return Models(ModelSettings(model=name, url=model.url.removesuffix("/v1"), key=KEY))


async def test_claude_calls_a_tool_and_answers() -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1, "b": 2}}
    async with ScriptedModel(
        claude({"type": "text", "text": "Let me see."}, call, read=100, cached=50, written=20),
        claude({"type": "text", "text": "It is 3."}, read=200, cached=0, written=5),
    ) as model:
        tools = Tools(add=giving(3))
        meter = await answered(
            looped(model, tools, models=models(model, "anthropic:claude-haiku-4-5"))
        )
        assert "".join(meter.text) == "It is 3."
        assert [run.arguments for run in meter.tools] == [{"a": 1, "b": 2}]
        assert model.last.path == "/v1/messages"
        (result,) = model.last.messages[-1]["content"]
        assert (result["type"], result["tool_use_id"]) == ("tool_result", "toolu_1")
        assert result["content"] == [{"type": "text", "text": "3"}]
    usage = meter.usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (350, 50, 25)
    assert (usage.provider, usage.estimated) == ("anthropic", False)
    first = Tokens("claude-haiku-4-5", "anthropic", read=150, cached=50, written=20)
    second = Tokens("claude-haiku-4-5", "anthropic", read=200, written=5)
    prices = ListPrices()
    assert usage.cost == (prices.price(first) or 0) + (prices.price(second) or 0)


async def test_gemini_calls_a_tool_and_answers() -> None:
    call = {"functionCall": {"name": "add", "args": {"a": 1, "b": 2}}}
    async with ScriptedModel(
        gemini(call, read=100, written=20), gemini({"text": "It is 3."}, read=200, written=5)
    ) as model:
        tools = Tools(add=giving(3))
        meter = await answered(
            looped(model, tools, models=models(model, "google:gemini-2.5-flash"))
        )
        assert "".join(meter.text) == "It is 3."
        assert [run.arguments for run in meter.tools] == [{"a": 1, "b": 2}]
        last = model.last.body["contents"][-1]
        assert "functionResponse" in last["parts"][0]
    usage = meter.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.estimated) == (300, 25, False)
    assert usage.cost is not None


@pytest.mark.parametrize("name", ["anthropic:claude-haiku-4-5", "google:gemini-2.5-flash"])
@pytest.mark.parametrize(
    ("trouble", "error", "asked"),
    [(Fails(401, f"{KEY} is wrong"), ModelRefused, 1), (Fails(503), ModelUnavailable, 4)],
    ids=["refused", "unavailable"],
)
async def test_their_clients_leave_asking_again_to_the_loop(
    name: str, trouble: Answer, error: type[Exception], asked: int
) -> None:
    async with ScriptedModel(*[trouble] * 20) as model:
        with pytest.raises(error) as caught:
            await answered(looped(model, models=models(model, name)))
        assert len(model.requests) == asked
        assert KEY not in str(caught.value)


CLAUDE = claude({"type": "text", "text": "It is"}, read=90, cached=0, written=5)
GEMINI = gemini({"text": "It is"}, read=90, written=5)


@pytest.mark.parametrize(
    ("name", "whole", "part"),
    [
        # Behind the first words; before Claude has said how many they were.
        ("anthropic:claude-haiku-4-5", CLAUDE, CLAUDE.body.partition(b"event: message_delta")[0]),
        ("google:gemini-2.5-flash", GEMINI, GEMINI.body),
    ],
    ids=["anthropic", "google"],
)
async def test_an_answer_of_theirs_that_breaks_off_is_asked_for_once_more(
    name: str, whole: Raw, part: bytes
) -> None:
    broken = replace(whole, body=part, cut=True)
    async with ScriptedModel(broken, whole, broken, broken) as model:
        loop = looped(model, models=models(model, name))
        meter = Meter()
        told = await events(loop, task(), meter)
        assert told == [TextPart("It is"), TextReset(), TextPart("It is")]
        usage = meter.usage
        assert usage is not None
        # What was read is told at the beginning, what is written at the end.
        assert (usage.requests, usage.input_tokens, usage.estimated) == (2, 180, True)
        with pytest.raises(ModelUnavailable):
            await answered(loop)


def responses(text: str) -> Raw:
    """An answer of OpenAI's newer protocol."""
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    item["content"] = [{"type": "output_text", "text": text, "annotations": []}]  # type: ignore[assignment]
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 12,
    }
    answer = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5-mini"}
    answer |= {"output": [], "tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
    done = answer | {"status": "completed", "output": [item], "usage": usage}
    place = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    said: list[Mapping[str, Any]] = [
        {"type": "response.created", "response": answer | {"status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": item | {"content": []}},
        {"type": "response.content_part.added", **place, "part": part},
        {"type": "response.output_text.delta", **place, "delta": text, "logprobs": []},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": done},
    ]
    return stream(*({"sequence_number": number, **one} for number, one in enumerate(said)))


async def test_the_newer_protocol_of_openai_is_spoken_to_whoever_asks_for_it() -> None:
    async with ScriptedModel(responses("Hello.")) as model:
        there = Models(ModelSettings(model="openai-responses:gpt-5-mini", url=model.url, key=KEY))
        meter = await answered(looped(model, models=there))
        assert "".join(meter.text) == "Hello."
        assert model.last.path == "/v1/responses"
    usage = meter.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (9, 3, 4)
