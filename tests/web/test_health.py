from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import StoreUnavailable
from rollcall.testing.clock import FrozenClock
from rollcall.web.health import Check, Condition, Health, Ping, verdict
from rollcall.web.module import Kit, Module, create_app


async def fine() -> None:
    pass


async def broken() -> None:
    raise StoreUnavailable("postgresql://user:hunter2@db does not answer")


async def silent() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("pings", "status", "code", "failed"),
    [
        pytest.param([], "healthy", 200, [], id="stands-on-nothing"),
        pytest.param([Ping("store", fine)], "healthy", 200, [], id="all-well"),
        pytest.param(
            [Ping("store", fine), Ping("mail", broken, vital=False)],
            "degraded",
            200,
            ["mail"],
            id="can-do-without",
        ),
        pytest.param(
            [Ping("store", broken), Ping("mail", broken, vital=False)],
            "unhealthy",
            503,
            ["store", "mail"],
            id="cannot-do-without",
        ),
    ],
)
async def test_health_says_what_failed(
    kit: Kit, connect, pings: list[Ping], status: str, code: int, failed: list[str]
) -> None:
    async with connect(create_app([Module("m", pings=pings)], kit)) as client:
        answer = await client.get("/health")

    told = answer.json()
    assert answer.status_code == code
    assert (told["status"], told["failed"]) == (status, failed)
    assert (told["service"], told["version"]) == ("tester", "1.2.3")
    assert told["timestamp"] == "2025-06-15T15:06:40+00:00"
    assert "hunter2" not in answer.text


async def test_all_are_asked_at_once_and_each_has_its_own_time(clock: FrozenClock) -> None:
    pings = [Ping("slow", silent, timeout=1), Ping("slower", silent, timeout=2), Ping("ok", fine)]
    begun = clock.monotonic()
    report = asyncio.create_task(Health("s", "1", pings, clock).report())
    await clock.advance(2)

    condition, body = await report

    assert condition is Condition.UNHEALTHY
    assert body["checks"] == {
        "slow": "no answer within 1 s",
        "slower": "no answer within 2 s",
        "ok": "ok",
    }
    assert clock.monotonic() - begun == 2


async def test_a_service_adds_facts_of_its_own(kit: Kit, connect) -> None:
    facts = Module("m", facts=[lambda: {"registered_services": 3, "zookeeper_connected": None}])
    paths = replace(kit, health_paths=("/health", "/api/v1/health"))
    async with connect(create_app([facts], paths)) as client:
        told = [(await client.get(path)).json() for path in ("/health", "/api/v1/health")]

    assert told[0] == told[1]
    assert (told[0]["registered_services"], told[0]["zookeeper_connected"]) == (3, None)


@given(st.lists(st.builds(Check, st.text(), st.none() | st.just("bad"), st.booleans())))
def test_one_vital_failure_outweighs_everything(checks: list[Check]) -> None:
    failed = [check for check in checks if check.problem]

    assert (verdict(checks) is Condition.HEALTHY) == (not failed)
    assert (verdict(checks) is Condition.UNHEALTHY) == any(check.vital for check in failed)
