"""What a turn may use, what it did use, and what is left when it is called off."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from rollcall.conversations.errors import LimitReached
from rollcall.conversations.models import Limits, ToolOutcome, Usage
from rollcall.conversations.ports import Meter
from rollcall.conversations.pricing import ListPrices, Tokens
from rollcall.conversations.providers import Models
from rollcall.testing.scripted_model import Call, Cut, Fails, Says, ScriptedModel, Used
from support.looping import Tools, answered, echo, events, looped, settings, task

STEP = Says(Call("echo"), used=Used(100, 20))
MODEL = "gpt-6-luna"


async def limited(model: ScriptedModel, meter: Meter, **limits: Any) -> str:
    """The limit that a turn reaches."""
    loop = looped(model, Tools(echo=echo))
    with pytest.raises(LimitReached) as caught:
        await events(loop, task(limits=Limits(**limits)), meter)
    return caught.value.limit


def used(meter: Meter) -> Usage:
    assert meter.usage is not None
    return meter.usage


def price(read: int, written: int, cached: int = 0) -> Decimal:
    tokens = Tokens(MODEL, "openai", read=read, written=written, cached=cached)
    amount = ListPrices().price(tokens)
    assert amount is not None
    return amount


async def test_a_model_is_asked_as_often_as_it_may_be() -> None:
    async with ScriptedModel(*[STEP] * 5) as model:
        meter = Meter()
        assert await limited(model, meter, steps=2) == "steps"
        assert used(meter).requests == len(model.requests) == 2
        assert used(meter).input_tokens == 200


async def test_calls_beyond_the_limit_are_not_made() -> None:
    async with ScriptedModel(STEP, Says(Call("echo"), Call("echo"))) as model:
        meter = Meter()
        assert await limited(model, meter, tool_calls=2) == "tool_calls"
        assert len(meter.tools) == 1
        assert used(meter).requests == 2


async def test_tokens_end_a_turn_between_its_steps() -> None:
    async with ScriptedModel(Says(Call("echo"), used=Used(5000, 900)), Says("?")) as model:
        meter = Meter()
        assert await limited(model, meter, tokens=6000) == "tokens"
        assert (used(meter).input_tokens, used(meter).output_tokens) == (5000, 900)


async def test_a_message_that_is_too_long_is_not_even_sent() -> None:
    async with ScriptedModel(Says("?")) as model:
        meter = Meter()
        loop = looped(model)
        with pytest.raises(LimitReached, match="tokens"):
            await events(loop, task("x" * 8000, limits=Limits(tokens=2000)), meter)
        assert model.requests == []


async def test_an_answer_that_does_not_end_is_broken_off() -> None:
    async with ScriptedModel(Says(*["blah " * 100] * 100)) as model:
        meter = Meter()
        assert await limited(model, meter, tokens=1000) == "tokens"
        assert used(meter).estimated
        assert 700 < used(meter).output_tokens < 1300


async def test_money_ends_a_turn_between_its_steps() -> None:
    async with ScriptedModel(*[STEP] * 5) as model:
        meter = Meter()
        assert await limited(model, meter, cost=price(100, 20) * 2) == "cost"
        assert used(meter).cost == price(100, 20) * 2
        assert used(meter).requests == 2


async def test_what_a_turn_used_is_the_sum_of_what_the_provider_said() -> None:
    async with ScriptedModel(
        Says(Call("echo"), used=Used(1000, 50, cached=400), model=f"{MODEL}-2026-09-01"),
        Says("Done.", used=Used(1200, 10, cached=1000), model=f"{MODEL}-2026-09-01"),
    ) as model:
        meter = await answered(looped(model, Tools(echo=echo)))
    usage = used(meter)
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (2200, 60, 1400)
    assert (usage.requests, usage.estimated) == (2, False)
    assert (usage.provider, usage.model) == ("openai", f"{MODEL}-2026-09-01")
    assert usage.cost == price(1000, 50, 400) + price(1200, 10, 1000)
    assert usage.priced_by == ListPrices().source
    assert usage.currency == "USD"


async def test_a_provider_that_says_nothing_is_estimated() -> None:
    async with ScriptedModel(Says("x" * 40, used=None)) as model:
        usage = used(await answered(looped(model, prompt="p" * 400), task("y" * 79)))
    assert usage.estimated
    assert (usage.input_tokens, usage.output_tokens) == (120, 10)
    assert usage.cost == price(120, 10)


async def test_a_stream_asks_for_its_usage() -> None:
    async with ScriptedModel(Says("Yes.")) as model:
        await answered(looped(model))
        assert model.last.body["stream_options"] == {"include_usage": True}


async def test_an_answer_that_broke_off_counts_as_well() -> None:
    async with ScriptedModel(Says("x" * 80, Cut()), Says("y", used=Used(7, 1))) as model:
        usage = used(await answered(looped(model)))
    assert (usage.requests, usage.estimated) == (2, True)
    assert usage.output_tokens == 20 + 1


async def test_a_request_that_was_turned_away_used_nothing() -> None:
    async with ScriptedModel(Fails(503), Fails(429), Says("y", used=Used(7, 1))) as model:
        usage = used(await answered(looped(model)))
    assert (usage.requests, usage.input_tokens, usage.estimated) == (1, 7, False)


async def test_a_turn_that_nobody_answered_says_who_was_asked() -> None:
    async with ScriptedModel(Fails(401)) as model:
        meter = Meter()
        with pytest.raises(Exception, match="401"):
            await events(looped(model), task(), meter)
    assert used(meter) == Usage(model=MODEL, provider="openai")


async def test_a_local_model_costs_nothing_that_anybody_knows() -> None:
    async with ScriptedModel(Says("Moo.", used=Used(9, 2))) as model:
        local = Models(settings(model, model="ollama:gpt-4o", url=model.url))
        usage = used(await answered(looped(model, models=local)))
    assert (usage.cost, usage.priced_by, usage.input_tokens) == (None, "", 9)
    assert usage.provider == "ollama"


async def test_a_server_of_ones_own_has_no_famous_price() -> None:
    async with ScriptedModel(Says("Moo.", used=Used(9, 2))) as model:
        own = Models(settings(model, model="gpt-4o", url=model.url, key="mine"))
        usage = used(await answered(looped(model, models=own)))
        assert model.last.headers["authorization"] == "Bearer mine"
    assert (usage.cost, usage.provider) == (None, "openai-compatible")


async def test_closing_a_turn_hangs_up_and_keeps_what_was_used() -> None:
    async with ScriptedModel(Says("x" * 40, asyncio.Event())) as model:
        meter = Meter()
        run = looped(model).run(task(), meter)
        await anext(run)
        await run.aclose()
        await model.hung_up()
    assert used(meter).requests == 1
    assert (used(meter).output_tokens, used(meter).estimated) == (10, True)
    assert "".join(meter.text) == "x" * 40


async def test_cancelling_before_the_first_word_counts_what_was_sent() -> None:
    async with ScriptedModel(Says(asyncio.Event())) as model:
        meter = Meter()
        turn = asyncio.create_task(events(looped(model), task("y" * 400), meter))
        await model.asked()
        turn.cancel()
        await asyncio.wait([turn])
        assert turn.cancelled()
        await model.hung_up()
    assert used(meter).requests == 1
    assert used(meter).input_tokens >= 100
    assert used(meter).estimated


async def test_cancelling_ends_the_calls_and_notes_them() -> None:
    started = asyncio.Event()
    ended: list[str] = []

    async def hang(arguments: object) -> object:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("hang")

    async with ScriptedModel(Says(Call("echo"), Call("hang"), used=Used(50, 5))) as model:
        meter = Meter()
        turn = asyncio.create_task(
            events(looped(model, Tools(echo=echo, hang=hang)), task(), meter)
        )
        await started.wait()
        turn.cancel()
        await asyncio.wait([turn])
    assert ended == ["hang"]
    assert [run.outcome for run in meter.tools] == [ToolOutcome.OK, ToolOutcome.CANCELLED]
    assert used(meter).input_tokens == 50


async def test_limits_may_be_left_out() -> None:
    free = Limits(steps=None, tool_calls=None, tokens=None, seconds=None, cost=None)
    async with ScriptedModel(*[STEP] * 15, Says("Done.")) as model:
        meter = await answered(looped(model, Tools(echo=echo)), task(limits=free))
    assert "".join(meter.text) == "Done."
    assert used(meter).requests == 16
