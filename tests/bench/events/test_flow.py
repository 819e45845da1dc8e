# SPDX-License-Identifier: Apache-2.0
import asyncio

import pytest
from bench.events.flow import Arrivals, flow
from bench.service.wrk import NotMeasured


async def test_as_many_events_are_under_way_as_was_asked_for() -> None:
    arrivals, under_way, most = Arrivals(), set[str](), 0

    async def send(event_id: str, key: str) -> None:
        nonlocal most
        under_way.add(key)
        most = max(most, len(under_way))
        await asyncio.sleep(0)
        under_way.remove(key)
        arrivals.arrived(event_id)

    found = await flow(send, arrivals, seconds=0.01, in_flight=3)
    assert most == 3
    assert found.rate > 0


async def test_an_event_is_told_after_the_one_before_was_handled() -> None:
    arrivals, order = Arrivals(), list[str]()

    async def handle(event_id: str) -> None:
        await asyncio.sleep(0)
        order.append(f"handled {event_id}")
        arrivals.arrived(event_id)

    async def send(event_id: str, key: str) -> None:
        order.append(f"sent {event_id}")
        handling.append(asyncio.create_task(handle(event_id)))

    handling: list[asyncio.Task[None]] = []
    found = await flow(send, arrivals, seconds=0.01, in_flight=1)
    ids = [one.removeprefix("sent ") for one in order[::2]]
    assert order == [f"{what} {one}" for one in ids for what in ("sent", "handled")]
    assert len(set(ids)) == len(ids)
    assert found.p50 is not None
    assert found.p99 is not None
    assert 0 < found.p50 <= found.p99


async def test_an_event_that_never_arrives_is_no_figure() -> None:
    async def send(event_id: str, key: str) -> None:
        """Keep it."""

    with pytest.raises(NotMeasured, match="not handled"):
        await flow(send, Arrivals(), seconds=0.01, in_flight=2, patience=0.0)


async def test_an_event_that_is_told_again_is_passed_over() -> None:
    arrivals = Arrivals()
    expected = arrivals.expect("1")
    arrivals.arrived("1")
    arrivals.arrived("1")
    arrivals.arrived("nobody waits for this")
    assert expected.done()
