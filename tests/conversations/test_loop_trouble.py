"""What becomes of a turn when the model's provider, or the model, does not do its part."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rollcall.conversations.errors import (
    LimitReached,
    ModelMisbehaved,
    ModelRefused,
    ModelUnavailable,
)
from rollcall.conversations.models import TextPart, TextReset, ToolOutcome
from rollcall.conversations.ports import Meter
from rollcall.conversations.providers import Models
from rollcall.kernel.errors import InvalidInput
from rollcall.policies.retry import RetryPolicy
from rollcall.testing.scripted_model import Call, Cut, Fails, Hangs, Raw, Says, ScriptedModel
from support.looping import (
    KEY,
    Tools,
    WatchedClock,
    answered,
    echo,
    events,
    giving,
    looped,
    settings,
    task,
)


@pytest.fixture
def clock() -> WatchedClock:
    return WatchedClock()


@pytest.mark.parametrize(
    "trouble", [Fails(429), Fails(500), Fails(503), Fails(529), Hangs()], ids=repr
)
async def test_a_provider_in_trouble_is_asked_again(trouble: Any) -> None:
    async with ScriptedModel(trouble, Says("At last.")) as model:
        meter = await answered(looped(model))
        assert "".join(meter.text) == "At last."
        assert len(model.requests) == 2


async def test_the_sdk_does_not_ask_again_by_itself() -> None:
    async with ScriptedModel(*[Fails(503)] * 9) as model:
        with pytest.raises(ModelUnavailable, match="HTTP 503"):
            await answered(looped(model))
        assert len(model.requests) == 4


async def test_a_provider_that_nobody_can_reach_is_unavailable() -> None:
    async with ScriptedModel() as model:
        gone = settings(model)
    with pytest.raises(ModelUnavailable, match="does not answer"):
        await answered(looped(model, models=Models(gone)))


async def test_a_provider_says_when_to_come_back(clock: WatchedClock) -> None:
    async with ScriptedModel(Fails(429, retry_after=7), Says("Now.")) as model:
        meter = Meter()
        turn = asyncio.create_task(events(looped(model, clock=clock), task(), meter))
        await clock.sleepers(1)
        assert clock.slept == [7.0]
        await clock.advance(6.9)
        assert len(model.requests) == 1
        await clock.advance(0.2)
        await turn
        assert "".join(meter.text) == "Now."


async def test_a_wait_beyond_the_time_of_the_turn_is_not_begun(clock: WatchedClock) -> None:
    async with ScriptedModel(Fails(429, retry_after=500)) as model:
        with pytest.raises(ModelUnavailable, match=r"HTTP 429.*500 s"):
            await answered(looped(model, clock=clock))


async def test_it_waits_longer_each_time(clock: WatchedClock) -> None:
    policy = RetryPolicy(max_retries=2, initial_delay=10.0)
    async with ScriptedModel(Fails(500), Fails(500), Says("Third.")) as model:
        meter = Meter()
        loop = looped(model, clock=clock, retries=policy)
        turn = asyncio.create_task(events(loop, task(), meter))
        for times in (1, 2):
            await clock.sleepers(times)
            await clock.advance(10.0 * times)
        await turn
        assert 0 <= clock.slept[0] <= 10.0
        assert 0 <= clock.slept[1] <= 20.0
        assert "".join(meter.text) == "Third."


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_a_request_that_is_not_taken_is_not_repeated(status: int) -> None:
    async with ScriptedModel(Fails(status, "no")) as model:
        with pytest.raises(ModelRefused, match=f"HTTP {status}"):
            await answered(looped(model))
        assert len(model.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 404])
@pytest.mark.parametrize("shown", [KEY, "sk-proj-abc****wxyz", "Bearer abcdefgh"])
async def test_a_refusal_shows_no_key(status: int, shown: str) -> None:
    async with ScriptedModel(Fails(status, f"the key {shown} is wrong")) as model:
        with pytest.raises(ModelRefused) as caught:
            await answered(looped(model))
        assert shown not in caught.value.problem
        assert shown not in str(caught.value)


async def test_a_refusal_says_what_the_provider_says() -> None:
    async with ScriptedModel(Fails(400, "temperature must be a number")) as model:
        with pytest.raises(ModelRefused, match="temperature must be a number"):
            await answered(looped(model))


async def test_a_conversation_that_is_too_long_is_called_that() -> None:
    code = "context_length_exceeded"
    async with ScriptedModel(Fails(400, "too long", code=code)) as model:
        with pytest.raises(ModelRefused, match="conversation is too long"):
            await answered(looped(model))


async def test_an_account_that_is_used_up_is_not_asked_again() -> None:
    async with ScriptedModel(Fails(429, "pay", code="insufficient_quota")) as model:
        with pytest.raises(ModelUnavailable, match="used up"):
            await answered(looped(model))
        assert len(model.requests) == 1


async def test_an_answer_that_breaks_off_is_taken_back_and_asked_for_once_more() -> None:
    async with ScriptedModel(Says("Half of", Cut()), Says("All of it.")) as model:
        meter = Meter()
        told = await events(looped(model), task(), meter)
        assert told == [TextPart("Half of"), TextReset(), TextPart("All of it.")]
        assert "".join(meter.text) == "All of it."


async def test_an_answer_that_breaks_off_twice_is_given_up() -> None:
    async with ScriptedModel(*[Says("Half of", Cut())] * 3) as model:
        meter = Meter()
        with pytest.raises(ModelUnavailable):
            await events(looped(model), task(), meter)
        assert meter.text == []
        assert len(model.requests) == 2


async def test_calls_of_an_answer_that_breaks_off_are_not_made() -> None:
    async with ScriptedModel(Says(Call("echo"), Cut()), Says("None.")) as model:
        tools = Tools(echo=echo)
        await answered(looped(model, tools))
        assert tools.calls == []


@pytest.mark.parametrize(
    "raw",
    [
        Raw(b"<html>Log in first</html>"),
        Raw(b'{"ok": true}', "application/json"),
        Raw(b"data: {not json\n\n", "text/event-stream"),
        Raw(b"data: [1, 2]\n\n", "text/event-stream"),
        Raw(b"", "text/event-stream"),
    ],
    ids=lambda raw: raw.body.decode() or "nothing",
)
async def test_what_is_no_answer_at_all_is_asked_for_once_more(raw: Raw) -> None:
    async with ScriptedModel(raw, Says("Better.")) as model:
        assert "".join((await answered(looped(model))).text) == "Better."
    async with ScriptedModel(raw, raw, raw) as model:
        with pytest.raises(ModelMisbehaved):
            await answered(looped(model))
        assert len(model.requests) <= 3


async def test_a_silent_model_is_asked_again_and_then_given_up() -> None:
    async with ScriptedModel(Says(), Says("  "), Says("Here.")) as model:
        assert "".join((await answered(looped(model))).text) == "Here."
    async with ScriptedModel(*[Says()] * 5) as model:
        with pytest.raises(ModelMisbehaved, match="says nothing"):
            await answered(looped(model))
        assert len(model.requests) == 3


async def test_an_answer_that_the_provider_keeps_back_is_a_refusal() -> None:
    async with ScriptedModel(Says(finish="content_filter")) as model:
        with pytest.raises(ModelRefused, match="keeps the answer back"):
            await answered(looped(model))


async def test_an_answer_without_room_for_a_word_is_given_up() -> None:
    async with ScriptedModel(Says(finish="length")) as model:
        with pytest.raises(ModelMisbehaved, match="before its first word"):
            await answered(looped(model))


@pytest.mark.parametrize("bad", [Call("echo", '{"a": '), Call("echo", "[1]"), Call("nothing")])
async def test_a_call_that_makes_no_sense_is_told_to_the_model(bad: Call) -> None:
    async with ScriptedModel(Says(bad), Says(Call("echo")), Says("Mended.")) as model:
        tools = Tools(echo=echo)
        meter = await answered(looped(model, tools))
        assert "".join(meter.text) == "Mended."
        assert "Mend it" in model.requests[1].told("tool")[0]
        assert len(meter.tools) == len(tools.calls) == 1


async def test_a_model_that_makes_no_sense_again_and_again_is_given_up() -> None:
    async with ScriptedModel(*[Says(Call("nothing"))] * 9) as model:
        with pytest.raises(ModelMisbehaved, match="make no sense"):
            await answered(looped(model, Tools(echo=echo)))
        assert len(model.requests) == 4


async def test_a_call_without_a_name_does_not_end_the_turn() -> None:
    async with ScriptedModel(Says(Call("")), Says("Done.")) as model:
        meter = await answered(looped(model, Tools(echo=echo)))
        assert "".join(meter.text) == "Done."


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (ToolOutcome.FAILED, '{"error":"it is failed"}'),
        (ToolOutcome.REFUSED, "the arguments are not taken: it is refused"),
        (ToolOutcome.UNAVAILABLE, "cannot be reached now, and did not run"),
        (ToolOutcome.UNKNOWN, "must not be called again"),
    ],
)
async def test_a_model_is_told_what_became_of_its_call(outcome: ToolOutcome, words: str) -> None:
    async with ScriptedModel(Says(Call("act")), Says("I see.")) as model:
        meter = await answered(looped(model, Tools(act=giving(outcome))))
        assert words in model.last.told("tool")[0]
        assert meter.tools[0].outcome is outcome


async def test_a_toolbox_with_a_fault_does_not_end_the_turn() -> None:
    async def broken(arguments: object) -> object:
        raise ZeroDivisionError

    async with ScriptedModel(Says(Call("broken")), Says("Sorry.")) as model:
        meter = await answered(looped(model, Tools(broken=broken)))
        assert meter.tools[0].outcome is ToolOutcome.UNKNOWN
        assert "ZeroDivisionError" not in model.last.told("tool")[0]


async def test_a_fallback_answers_where_the_model_does_not() -> None:
    async with ScriptedModel(*[Fails(503)] * 4, Says("Instead.")) as model:
        models = Models(settings(model, fallback=("openai:gpt-second",)))
        meter = await answered(looped(model, models=models))
        assert "".join(meter.text) == "Instead."
        assert model.last.body["model"] == "gpt-second"
        assert meter.usage is not None
        assert meter.usage.model == "gpt-second"


async def test_a_fallback_does_not_hide_that_the_key_is_wrong() -> None:
    async with ScriptedModel(Fails(401)) as model:
        models = Models(settings(model, fallback=("openai:gpt-second",)))
        with pytest.raises(ModelRefused):
            await answered(looped(model, models=models))


async def test_a_model_that_was_asked_for_has_no_fallback() -> None:
    async with ScriptedModel(*[Fails(503)] * 9) as model:
        models = Models(settings(model, fallback=("openai:gpt-second",)))
        with pytest.raises(ModelUnavailable):
            await answered(looped(model, models=models), task(model="openai:gpt-third"))


async def test_a_model_that_nobody_set_up_is_refused_by_its_field() -> None:
    async with ScriptedModel() as model:
        with pytest.raises(InvalidInput) as caught:
            await answered(looped(model), task(model="anthropic:claude"))
        assert caught.value.field == "model"
        assert model.requests == []


async def test_time_runs_out_in_the_middle_of_an_answer(clock: WatchedClock) -> None:
    async with ScriptedModel(Says("It is", asyncio.Event())) as model:
        run = looped(model, clock=clock).run(task(), Meter())
        assert await anext(run) == TextPart("It is")
        await clock.advance(120.0)
        with pytest.raises(LimitReached) as caught:
            await anext(run)
        assert caught.value.limit == "seconds"
        await model.hung_up()
