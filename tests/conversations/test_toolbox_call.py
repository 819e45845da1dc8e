"""A call goes to who can take it, and its outcome is what became of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rollcall.conversations.models import ToolOutcome
from rollcall.registry.status import Status
from support.toolhosts import ECHO, Reply, Request, ToolHost, response
from support.toolworld import World, eventually

ONCE = {**ECHO, "idempotent": False}
FREE = {"name": "free", "path": "free", "description": "Takes anything."}


async def test_a_call_sends_json_and_says_who_calls_and_tells_who_answered(world: World) -> None:
    host = await world.host("speaker")
    run = await world.box.call(
        "echo",
        {"text": "hello"},
        namespace="default",
        call_id="call-77",
        timeout=5.0,
        correlation_id="chain-1",
    )

    assert (run.outcome, run.error) == (ToolOutcome.OK, None)
    assert run.result == {"said": {"text": "hello"}, "by": host.port}
    assert (run.instance, run.url) == (
        f"speaker-{host.port}",
        f"http://127.0.0.1:{host.port}",
    )
    assert (run.call_id, run.name, run.attempts) == ("call-77", "echo", 1)
    assert run.duration_ms > 0
    (request,) = host.calls
    assert request.path == "/echo"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == "call-77"
    assert request.headers["x-request-id"] == "chain-1"
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers


async def test_a_tool_without_a_schema_takes_whatever_is_given(world: World) -> None:
    host = await world.host(tools=[FREE])
    run = await world.call("free", input="some words", more=1)
    assert run.outcome is ToolOutcome.OK
    assert host.calls[0].path == "/free"
    assert host.calls[0].json == {"input": "some words", "more": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({}, "text is missing"), ({"text": 3}, "text: 3 is not of type 'string'")],
    ids=["missing", "wrong"],
)
async def test_arguments_that_do_not_fit_are_refused_by_name_and_not_sent(
    world: World, arguments: dict[str, Any], said: str
) -> None:
    host = await world.host()
    run = await world.call(**arguments)
    assert (run.outcome, run.error) == (ToolOutcome.REFUSED, said)
    assert (run.attempts, host.calls) == (0, [])


async def test_arguments_that_are_no_json_or_too_long_are_refused(world: World) -> None:
    await world.host(tools=[FREE])
    assert (await world.call("free", input=object())).outcome is ToolOutcome.REFUSED
    run = await world.call("free", input="x" * 300_000)
    assert run.outcome is ToolOutcome.REFUSED
    assert "262144 bytes" in (run.error or "")


async def test_an_unknown_tool_is_refused_with_those_that_there_are(world: World) -> None:
    await world.host()
    run = await world.call("shout")
    assert run.outcome is ToolOutcome.REFUSED
    assert run.error == "there is no tool 'shout'; there are: echo"


async def test_of_two_instances_one_is_killed_among_200_calls_and_none_fails(
    world: World,
) -> None:
    async def work(request: Request) -> Reply:
        await asyncio.sleep(0.002)
        return 200, request.json

    hosts = [await world.host("pair", handler=work) for _ in range(2)]
    await world.names()
    limit = asyncio.Semaphore(16)

    async def one(number: int) -> tuple[ToolOutcome, Any]:
        async with limit:
            if number == 80:
                await hosts[0].kill()
            run = await world.call(text=str(number))
            return run.outcome, run.result

    got = await asyncio.gather(*(one(number) for number in range(200)))
    assert got == [(ToolOutcome.OK, {"text": str(number)}) for number in range(200)]
    assert hosts[0].calls
    assert len(hosts[1].calls) > 100


async def test_a_lost_answer_of_a_tool_that_is_not_idempotent_is_unknown_and_called_once(
    world: World,
) -> None:
    hosts = [await world.host("pair", tools=[ONCE], handler=lambda _: None) for _ in range(2)]
    run = await world.call(text="once")
    assert run.outcome is ToolOutcome.UNKNOWN
    assert "may have run or not" in (run.error or "")
    assert sum(len(host.calls) for host in hosts) == run.attempts == 1


async def test_a_lost_answer_of_an_idempotent_tool_is_asked_for_elsewhere(world: World) -> None:
    lossy = await world.host("pair", handler=lambda _: b"HTTP/1.1 200 OK\r\nContent-Le", keep=False)
    await world.names()
    sound = await world.host("pair")
    await eventually(lambda: world.watcher.lists.count(("pair", True)) >= 2)
    for _ in range(8):
        assert (await world.call(text="again")).outcome is ToolOutcome.OK
    assert lossy.calls
    assert sound.calls


async def test_what_could_not_be_sent_goes_to_another_even_if_not_idempotent(
    world: World,
) -> None:
    hosts = [await world.host("pair", tools=[ONCE]) for _ in range(2)]
    await world.names()
    await hosts[0].kill()
    runs = [await world.call(text="x") for _ in range(10)]
    assert {run.outcome for run in runs} == {ToolOutcome.OK}
    assert len(hosts[1].calls) == 10
    # It is avoided from the first refusal on, not tried each time.
    assert sum(run.attempts for run in runs) <= 12


async def test_with_all_gone_the_answer_is_polite_and_a_restart_is_used_at_once(
    world: World,
) -> None:
    host = await world.host("weather")
    await world.names()
    await host.kill()
    run = await world.call(text="hello?")
    assert run.outcome is ToolOutcome.UNAVAILABLE
    assert (run.instance, run.attempts) == (f"weather-{host.port}", 1)
    assert "'weather' cannot be reached" in (run.error or "")

    await host.start()
    assert (await world.call(text="back")).outcome is ToolOutcome.OK


async def test_who_was_not_reached_is_used_again_soon_after_it_is_back(world: World) -> None:
    hosts = [await world.host("pair") for _ in range(2)]
    await world.names()
    await hosts[0].kill()
    for _ in range(6):
        await world.call(text="x")
    await hosts[0].start()
    before = len(hosts[0].calls)

    async def used() -> bool:
        await world.call(text="y")
        return len(hosts[0].calls) > before

    await eventually(used)


async def test_who_breaks_again_and_again_is_left_alone_until_registered_anew(
    world: World,
) -> None:
    host = await world.host("broken", handler=lambda _: (500, {"detail": "oh"}))
    world.box = world.open(broken_after=3, broken_for=60)
    runs = [await world.call(text="x") for _ in range(5)]
    assert [run.outcome for run in runs[:3]] == [ToolOutcome.FAILED] * 3
    assert runs[0].error == "the tool 'echo' gave no answer: it answered 500: oh"
    assert [run.outcome for run in runs[3:]] == [ToolOutcome.UNAVAILABLE] * 2
    assert len(host.calls) == 3

    host.handler = None
    await world.register(host, "broken")

    async def used() -> bool:
        return (await world.call(text="x")).outcome is ToolOutcome.OK

    await eventually(used)


@pytest.mark.parametrize("status", [429, 503])
async def test_who_has_too_much_to_do_hands_the_call_to_another(world: World, status: int) -> None:
    busy = await world.host("pair", tools=[ONCE], handler=lambda _: (status, {"detail": "later"}))
    run = await world.call(text="x")
    assert run.outcome is ToolOutcome.UNAVAILABLE
    assert f"it answered {status}: later" in (run.error or "")

    other = await world.host("pair", tools=[ONCE])

    async def served() -> bool:
        await world.call(text="x")
        return bool(other.calls)

    await eventually(served)
    assert [(await world.call(text="x")).outcome for _ in range(3)] == [ToolOutcome.OK] * 3
    assert busy.calls


async def test_what_is_not_well_is_called_only_where_nothing_else_is_left(world: World) -> None:
    well, unwell = await world.host("pair"), await world.host("pair")
    await world.register(unwell, "pair", status=Status.DEGRADED)
    await world.names()
    for _ in range(5):
        await world.call(text="x")
    assert (len(well.calls), len(unwell.calls)) == (5, 0)

    await world.leave(well, "pair")

    async def served() -> bool:
        assert (await world.call(text="x")).outcome is ToolOutcome.OK
        return bool(unwell.calls)

    await eventually(served)


async def test_the_time_of_a_call_is_bounded(world: World) -> None:
    held = asyncio.Event()

    async def hang(_: Request) -> Reply:
        await held.wait()
        return None

    host = await world.host(tools=[ONCE], handler=hang)
    await world.names()
    run = await world.call(text="x", timeout=0.2)
    assert run.outcome is ToolOutcome.UNKNOWN
    assert 150 < run.duration_ms < 5_000
    assert len(host.calls) == 1
    held.set()


async def test_a_call_that_is_cancelled_leaves_nothing_behind(world: World) -> None:
    begun, held = asyncio.Event(), asyncio.Event()

    async def hang(_: Request) -> Reply:
        begun.set()
        await held.wait()
        return None

    host = await world.host(handler=hang)
    calling = asyncio.create_task(world.call(text="x"))
    await begun.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    held.set()
    host.handler = None
    assert (await world.call(text="next")).outcome is ToolOutcome.OK


@pytest.mark.parametrize(
    ("reply", "outcome", "error"),
    [
        (
            (422, {"detail": [{"loc": ["body", "text"], "msg": "too short"}]}),
            ToolOutcome.REFUSED,
            "text: too short",
        ),
        ((400, {"title": "bad", "detail": "no such unit"}), ToolOutcome.REFUSED, "no such unit"),
        ((404, {"detail": "no such city"}), ToolOutcome.REFUSED, "no such city"),
        ((424, {"detail": "no such page"}), ToolOutcome.FAILED, "no such page"),
        ((403, {"detail": "not you"}), ToolOutcome.FAILED, "it answered 403: not you"),
        ((302, b""), ToolOutcome.FAILED, "it answered 302: no reason given"),
        ((200, {"success": False, "error": "1/0"}), ToolOutcome.FAILED, "1/0"),
        ((200, b"{not json"), ToolOutcome.FAILED, "it answered with what is no JSON"),
        (
            response(200, b"\x89PNG", "image/png"),
            ToolOutcome.FAILED,
            "it answered 'image/png', neither JSON nor text",
        ),
    ],
)
async def test_what_a_tool_answers_decides_the_outcome(
    world: World, reply: Reply, outcome: ToolOutcome, error: str
) -> None:
    await world.host(handler=lambda _: reply)
    run = await world.call(text="x")
    assert (run.outcome, run.error, run.result) == (outcome, error, None)


async def test_a_result_may_be_text_or_nothing(world: World) -> None:
    host = await world.host(handler=lambda _: response(200, b"caf\xc3\xa9", "text/plain"))
    assert (await world.call(text="x")).result == "café"
    host.handler = lambda _: response(204, b"")
    run = await world.call(text="x")
    assert (run.outcome, run.result) == (ToolOutcome.OK, None)


async def test_a_result_that_is_too_long_is_cut_with_a_mark_or_explained(world: World) -> None:
    host = await world.host(handler=lambda _: response(200, b"a" * 2000, "text/plain"))
    world.box = world.open(result_bytes=1000)
    text: str = (await world.call(text="x")).result
    assert text.startswith("a" * 1000)
    assert text.endswith("[... cut: the result is longer than 1000 bytes]")

    host.handler = lambda _: (200, ["a" * 2000])
    run = await world.call(text="x")
    assert run.outcome is ToolOutcome.FAILED
    assert run.error == "its result has more than 1000 bytes: ask for less"


async def test_what_a_service_redirects_to_is_never_asked(world: World) -> None:
    other = await ToolHost().start()
    world.hosts.append(other)
    where = f"http://127.0.0.1:{other.port}/echo"
    await world.host(handler=lambda _: response(307, b"", "text/plain", Location=where))
    assert (await world.call(text="x")).outcome is ToolOutcome.FAILED
    assert other.requests == []


async def test_a_service_sets_no_cookie(world: World) -> None:
    host = await world.host(
        handler=lambda _: response(200, {"ok": True}, Set_Cookie="id=1; Path=/")
    )
    for _ in range(2):
        assert (await world.call(text="x")).outcome is ToolOutcome.OK
    assert not any("cookie" in request.headers for request in host.requests)


async def test_a_service_at_a_metadata_address_is_not_called(world: World) -> None:
    host = await world.host("cloud", tools=[FREE])
    await world.names()
    await world.register(host, "cloud", at="169.254.169.254")

    async def refused() -> bool:
        run = await world.call("free", input="x")
        return run.outcome is ToolOutcome.UNAVAILABLE and "metadata address" in str(run.error)

    await eventually(refused)


async def test_a_key_goes_to_its_own_address_and_nowhere_else(world: World) -> None:
    known, stranger = await world.host("known"), await world.host("stranger")
    await world.register(stranger, "known")
    world.box = world.open(keys={f"127.0.0.1:{known.port}": "secret"})
    await world.names()
    for _ in range(20):
        await world.call("echo__known", text="x")
    assert known.calls
    assert stranger.calls
    assert {one.headers.get("authorization") for one in known.requests} == {"Bearer secret"}
    assert {one.headers.get("authorization") for one in stranger.requests} == {None}
