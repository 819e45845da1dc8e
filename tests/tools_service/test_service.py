from __future__ import annotations

import asyncio
import logging
import sys
import threading
from typing import Any

import pytest

from rollcall.kernel.errors import InvalidInput
from rollcall.tools import ToolContext, ToolError, tool
from rollcall.tools.errors import InvalidArguments, InvalidTool, ToolBroken, ToolNotFound
from rollcall.tools.service import ToolSet

CONTEXT = ToolContext("default", "tester", "chain-1", "key-1")


async def test_a_tool_is_called_with_what_json_has(tools: ToolSet) -> None:
    said = await tools.call("forecast", {"city": "Oslo", "days": 2, "hours": [5]}, CONTEXT)
    assert said == {"city": "Oslo", "degrees": [1.0, 5.0, 1.0, 5.0]}
    assert await tools.call("add", {"a": 2}, CONTEXT) == {"result": 3.0}


async def test_a_tool_is_told_who_calls(tools: ToolSet) -> None:
    assert await tools.call("who", {}, CONTEXT) == {
        "namespace": "default",
        "caller": "tester",
        "chain": "chain-1",
        "key": "key-1",
    }


async def test_a_tool_that_is_not_there_is_not_found(tools: ToolSet) -> None:
    with pytest.raises(ToolNotFound, match="'nothing'"):
        await tools.call("nothing", {}, CONTEXT)


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ({}, ["city"]),
        ({"city": "Oslo", "days": "3"}, ["days"]),
        ({"city": "Oslo", "days": 0, "metric": "yes"}, ["days", "metric"]),
        ({"city": "Oslo", "hours": [1, 2.5]}, ["hours.1"]),
        ({"city": "Oslo", "town": "Bergen"}, ["town"]),
    ],
)
async def test_wrong_arguments_are_all_named_and_nothing_runs(
    tools: ToolSet, arguments: dict[str, Any], fields: list[str]
) -> None:
    with pytest.raises(InvalidArguments) as refused:
        await tools.call("forecast", arguments, CONTEXT)
    assert refused.value.field == fields[0]
    assert [".".join(map(str, one["loc"])) for one in refused.value.errors] == fields
    assert all(f"{field}: " in refused.value.told for field in fields)


async def test_words_are_read_as_what_they_stand_for_where_that_is_asked_for(
    tools: ToolSet,
) -> None:
    arguments = {"city": "Oslo", "days": "1", "metric": "false", "hours": ["7"]}
    assert await tools.call("forecast", arguments, CONTEXT, words=True) == {
        "city": "Oslo",
        "degrees": [0.0, 7.0],
    }
    with pytest.raises(InvalidInput, match="a: Input should be a finite number"):
        await tools.call("add", {"a": "nan"}, CONTEXT, words=True)


async def test_sync_tools_do_not_hold_up_the_others() -> None:
    both = threading.Barrier(2, timeout=20)

    @tool
    def meet() -> bool:
        """Wait for another call."""
        both.wait()
        return True

    tools = ToolSet([meet])
    async with asyncio.timeout(20):
        calls = (tools.call("meet", {}, CONTEXT) for _ in range(2))
        assert await asyncio.gather(*calls) == [{"result": True}] * 2


async def test_no_more_sync_tools_run_at_once_than_there_are_threads() -> None:
    running: list[int] = []
    most: list[int] = []

    @tool
    def work() -> None:
        """Do something."""
        running.append(1)
        most.append(len(running))
        running.pop()

    tools = ToolSet([work], threads=1)
    await asyncio.gather(*(tools.call("work", {}, CONTEXT) for _ in range(20)))
    assert most == [1] * 20


async def test_who_waits_for_a_sync_tool_may_give_up() -> None:
    begun, ended = threading.Event(), threading.Event()

    @tool
    def block() -> None:
        """Wait."""
        begun.set()
        ended.wait(20)

    call = asyncio.create_task(ToolSet([block]).call("block", {}, CONTEXT))
    assert await asyncio.to_thread(begun.wait, 20)
    call.cancel()
    try:
        async with asyncio.timeout(10):
            await asyncio.wait({call})
        assert call.cancelled()
    finally:
        ended.set()


async def test_a_tool_says_itself_that_it_did_not_work(tools: ToolSet) -> None:
    with pytest.raises(ToolError, match="there is no such city"):
        await tools.call("fail", {"how": "refused"}, CONTEXT)
    with pytest.raises(TimeoutError):
        await tools.call("fail", {"how": "late"}, CONTEXT)


async def test_errors_of_its_own_are_told_where_a_tool_says_so() -> None:
    class NoPage(TimeoutError):
        pass

    @tool(failures=[NoPage])
    def read(page: str) -> str:
        """Read a page."""
        raise NoPage(f"{page} is not there")

    with pytest.raises(ToolError, match="x is not there"):
        await ToolSet([read]).call("read", {"page": "x"}, CONTEXT)


@pytest.mark.parametrize("how", ["broken", "no number", "no data", "leave", "stop"])
async def test_what_nobody_expected_is_logged_and_told_apart(
    tools: ToolSet, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(ToolBroken) as broken:
        await tools.call("fail", {"how": how}, CONTEXT)
    assert broken.value.tool == "fail"
    (logged,) = caplog.records
    assert logged.exc_info is not None
    assert logged.getMessage() == "the tool fail failed"


async def test_an_async_tool_ends_nobody_but_itself() -> None:
    @tool
    async def leave() -> None:
        """Try to end the process."""
        sys.exit("enough")

    with pytest.raises(ToolBroken, match="enough"):
        await ToolSet([leave]).call("leave", {}, CONTEXT)


def test_two_tools_have_neither_a_name_nor_a_path_in_common(tools: ToolSet) -> None:
    def other(a: int) -> int:
        """It would do."""
        return a

    with pytest.raises(InvalidTool, match="is there already"):
        tools.add(tool(name="add", path="/other")(other))
    with pytest.raises(InvalidTool, match="'who' is there"):
        tools.add(tool(path="/who-asks")(other))
    assert len(tools) == 5


async def test_a_result_that_is_not_what_was_promised_is_a_fault() -> None:
    def lie() -> int:
        """Promise a number."""
        answer: Any = "none"
        return answer

    with pytest.raises(ToolBroken):
        await ToolSet([tool(lie)]).call("lie", {}, CONTEXT)
