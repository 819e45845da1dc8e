"""An agent that a model answers for."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from decimal import Decimal
from typing import Any

import pytest

import rollcall.conversations
from rollcall.conversations import ModelAgent
from rollcall.conversations.errors import LimitReached, ModelRefused
from rollcall.conversations.models import Limits, ToolOutcome
from rollcall.conversations.providers import Models
from rollcall.kernel.errors import InvalidInput
from rollcall.orchestration import AgentStatus, OrchestrationRuntime
from rollcall.testing.clock import FrozenClock
from rollcall.testing.scripted_model import Call, Fails, Says, ScriptedModel, Used
from support.looping import Tools, giving, settings

COST = Decimal("0.00015")
"""What 1000 tokens read and 100 written cost at the model of these tests."""


def agent(model: ScriptedModel, **more: Any) -> ModelAgent:
    return ModelAgent("summarizer", models=Models(settings(model)), **more)


async def add(a: int, b: int) -> int:
    """Add two numbers.

    Args:
        a: The first.
        b: The second.
    """
    return a + b


async def test_an_agent_answers_by_its_instructions() -> None:
    async with ScriptedModel(Says("Short.")) as model:
        answer = await agent(model, instructions="Be brief.").run("Sum up.")
        assert str(answer) == answer.text == "Short."
        assert model.last.told("system")[0].endswith("\n\nBe brief.")
        assert model.last.told("user") == ["Sum up."]


async def test_inputs_are_given_to_the_model_behind_the_task() -> None:
    async with ScriptedModel(Says("a"), Says("b"), Says("c")) as model:
        one = agent(model)
        await one.run(task="Sum up.", text="A long one", words=5)
        await one.run(text="Only this")
        await one.run(["a", 1])
        assert model.requests[0].told("user") == ['Sum up.\n\n{"text":"A long one","words":5}']
        assert model.requests[1].told("user") == ['{"text":"Only this"}']
        assert model.last.told("user") == ['{"task":["a",1]}']


@pytest.mark.parametrize("inputs", [{}, {"task": "  "}, {"what": object()}])
async def test_an_agent_wants_something_to_do(inputs: dict[str, Any]) -> None:
    async with ScriptedModel() as model:
        with pytest.raises(InvalidInput):
            await agent(model).run(**inputs)


async def test_functions_are_tools() -> None:
    def shout(word: str) -> str:
        """Say it louder."""
        return word.upper()

    async with ScriptedModel(
        Says(Call("add", {"a": 2, "b": "3"}), Call("shout", {"word": "hey"})), Says("5, HEY")
    ) as model:
        answer = await agent(model, tools=[add, shout]).run("Do it.")
        assert [(run.name, run.result) for run in answer.tools] == [("add", 5), ("shout", "HEY")]
        offered = model.requests[0].body["tools"][0]["function"]
        assert offered["description"] == "Add two numbers."
        assert offered["parameters"]["properties"]["a"]["description"] == "The first."


async def test_what_goes_wrong_in_a_function_is_told_to_the_model() -> None:
    def fail() -> None:
        raise ValueError("no luck")

    async with ScriptedModel(Says(Call("fail"), Call("add", {"a": "x"})), Says("Oh.")) as model:
        answer = await agent(model, tools=[add, fail]).run("Do it.")
        outcomes = [run.outcome for run in answer.tools]
        assert outcomes == [ToolOutcome.FAILED, ToolOutcome.REFUSED]
        failed, refused = model.last.told("tool")
        assert "no luck" in failed
        assert "b: Field required" in refused


async def test_a_function_that_takes_too_long_may_have_done_its_work() -> None:
    clock = FrozenClock()
    started = asyncio.Event()

    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    async with ScriptedModel(Says(Call("hang")), Says("Unclear.")) as model:
        one = agent(model, tools=[hang], clock=clock)
        task = asyncio.create_task(one.run("Do it."))
        await started.wait()
        await clock.advance(30.0)
        assert [run.outcome for run in (await task).tools] == [ToolOutcome.UNKNOWN]


async def test_a_function_that_hangs_in_its_thread_is_left_behind() -> None:
    clock = FrozenClock()
    started, over = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hang(*words: str, **more: int) -> str:
        loop.call_soon_threadsafe(started.set)
        over.wait(30)
        return f"{words} {more}"

    says = Says(Call("hang", {"words": ["a"], "more": 1}))
    async with ScriptedModel(says, says, Says("Unclear.")) as model:
        one = agent(model, tools=[hang], clock=clock)
        task = asyncio.create_task(one.run("Do it."))
        await started.wait()
        await clock.advance(30.0)
        over.set()
        outcomes = [(run.outcome, run.result) for run in (await task).tools]
        assert outcomes == [
            (ToolOutcome.UNKNOWN, None),
            (ToolOutcome.OK, "('a',) {'more': 1}"),
        ]


async def test_a_toolbox_stands_beside_the_functions() -> None:
    async with ScriptedModel(
        Says(Call("look"), Call("add", {"a": 1, "b": 1})), Says("Found.")
    ) as model:
        box = Tools(look=giving("seen"), add=giving("never"))
        answer = await agent(model, tools=[add], toolbox=box).run("Do it.")
        assert [run.result for run in answer.tools] == ["seen", 2]
        assert sorted(model.last.tools) == ["add", "look"]


async def test_what_it_costs_reaches_the_budget() -> None:
    says = Says("Done.", used=Used(1000, 100))
    async with ScriptedModel(says, says) as model, OrchestrationRuntime() as runtime:
        one = await runtime.register_agent(
            agent(model, capabilities=["summarizing"]), budget_limit_usd=float(COST)
        )
        result = await runtime.execute_task(one, "Sum up.")
        assert result.ok, result.error
        assert result.result.cost_usd == COST
        assert result.result.usage.input_tokens == 1000
        known = await runtime.get_agent_status(one)
        assert known is not None
        assert known.budget_spent_usd == float(COST)
        again = await runtime.execute_task(one, "Sum up.")
        assert not again.ok
        assert len(model.requests) == 1


async def test_a_task_that_failed_costs_what_was_spent_on_it() -> None:
    async with (
        ScriptedModel(Says(Call("add", {"a": 1, "b": 1}), used=Used(1000, 100))) as model,
        OrchestrationRuntime() as runtime,
    ):
        limits = Limits(steps=1)
        one = await runtime.register_agent(agent(model, tools=[add], limits=limits))
        result = await runtime.execute_task(one, "Sum up.")
        assert isinstance(result.error, LimitReached)
        known = await runtime.get_agent_status(one)
        assert known is not None
        assert known.budget_spent_usd == float(COST)


async def test_a_runtime_finds_it_by_its_capabilities() -> None:
    async with ScriptedModel(Says("Done.")) as model, OrchestrationRuntime() as runtime:
        one = agent(model, capabilities=["text summarizing"])
        assert await runtime.register_agent(one) == "summarizer"
        assert await runtime.route_task("text summarizing of a report") is one
        (known,) = await runtime.registry.find_agents_by_capability("summarizing")
        assert known.agent is one
        (result,) = await runtime.execute_multi_agent_workflow(["text summarizing"])
        assert str(result.result) == "Done."


async def test_a_canary_tells_whether_its_model_answers() -> None:
    async with ScriptedModel(Says("ok"), Fails(401), Says("ok")) as model:
        async with OrchestrationRuntime() as runtime:
            one = await runtime.register_agent(agent(model, canary="Say ok."))
            assert await runtime.check_agent_health(one) is True
            assert await runtime.check_agent_health(one) is False
            known = await runtime.get_agent_status(one)
            assert known is not None
            assert known.status is AgentStatus.UNHEALTHY
            assert await runtime.check_agent_health(one) is True
        assert model.last.told("user") == ["Say ok."]


async def test_an_agent_without_a_model_says_what_to_set_up() -> None:
    from rollcall.conversations.providers import ModelSettings

    with pytest.raises(InvalidInput, match="ROLLCALL_MODEL"):
        await ModelAgent("lost", models=Models(ModelSettings())).run("Hello.")


async def test_a_refused_key_is_an_error_of_the_task() -> None:
    async with ScriptedModel(Fails(401)) as model:
        with pytest.raises(ModelRefused) as caught:
            await agent(model).run("Hello.")
        assert caught.value.cost_usd is None


def test_an_agent_needs_an_id() -> None:
    with pytest.raises(InvalidInput):
        ModelAgent("")


async def test_an_agent_without_an_id_is_given_one() -> None:
    async with OrchestrationRuntime() as runtime:
        one = ModelAgent(name="Summarizer")
        assert (await runtime.register_agent(one)).startswith("agent_")
    assert repr(one) == "ModelAgent('Summarizer')"


def test_it_can_be_used_in_one_loop_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{port}/v1")
    monkeypatch.setenv("ROLLCALL_MODEL", "openai:gpt")
    one = ModelAgent("here")

    async def asked() -> str:
        async with ScriptedModel(Says("Here."), port=port):
            return str(await one.run("Hello."))

    assert [asyncio.run(asked()) for _ in range(2)] == ["Here.", "Here."]


async def test_it_may_keep_its_connections() -> None:
    async with ScriptedModel(Says("One."), Says("Two.")) as model, agent(model) as one:
        assert [str(await one.run("Hello.")) for _ in range(2)] == ["One.", "Two."]
        assert model.connections == 1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def test_the_package_names_it_without_loading_anything() -> None:
    assert rollcall.conversations.__all__ == ["AgentAnswer", "ModelAgent"]
    with pytest.raises(AttributeError):
        _ = rollcall.conversations.nothing
    code = (
        "import sys, rollcall.conversations\n"
        "assert 'rollcall.conversations.model_agent' not in sys.modules\n"
        "from rollcall.conversations import ModelAgent\n"
        "ModelAgent('a', tools=[len])\n"
        "assert 'pydantic_ai' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
