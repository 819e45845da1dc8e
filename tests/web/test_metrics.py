from __future__ import annotations

import asyncio

import pytest
from fastapi import APIRouter
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.record_errors import RecordNotFound
from rollcall.testing.clock import FrozenClock
from rollcall.web.metrics import OTHER, BoundedLabel, Metrics, watch_loop
from rollcall.web.module import Kit, Module, create_app


@given(st.lists(st.text()), st.integers(1, 5))
def test_a_label_has_no_more_values_than_allowed(values: list[str], cap: int) -> None:
    bounded = BoundedLabel(cap)

    let_through = {bounded(value) for value in values} - {OTHER}

    assert len(let_through) <= cap
    assert let_through <= set(values)
    assert [bounded(value) for value in let_through] == list(let_through)


def test_a_long_value_is_another() -> None:
    bounded = BoundedLabel(10, longest=5)

    assert (bounded("12345"), bounded("123456")) == ("12345", OTHER)


def test_a_label_without_room_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cap"):
        BoundedLabel(0)


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Fleet:
    """Figures of a module's own."""

    def register(self, registry: CollectorRegistry) -> None:
        Gauge("fleet_size", "Agents.", registry=registry).set(7)


def shop(clock: FrozenClock) -> Module:
    inner, outer = APIRouter(), APIRouter(prefix="/api")

    @inner.get("/items/{item}")
    async def item(item: str) -> str:
        clock.jump(0.2)
        if item == "none":
            raise RecordNotFound("default", item)
        return item

    outer.include_router(inner, prefix="/v1")
    return Module("shop", routers=[outer], collectors=[Fleet()])


async def test_requests_are_counted_and_timed_by_route_not_by_path(
    kit: Kit, connect, clock: FrozenClock
) -> None:
    async with connect(create_app([shop(clock)], kit)) as client:
        for path in ("/api/v1/items/1", "/api/v1/items/2", "/api/v1/items/none", "/a", "/b"):
            await client.get(path)
        await client.request("BREW", "/c")
        answer = await client.get("/metrics")

    found = samples(answer.text)
    route = "/api/v1/items/{item}"
    assert answer.headers["content-type"].startswith("text/plain")
    assert found["rollcall_http_requests_total", ("GET", route, "200")] == 2
    assert found["rollcall_http_requests_total", ("GET", route, "404")] == 1
    assert found["rollcall_http_requests_total", ("GET", "unmatched", "404")] == 2
    assert found["rollcall_http_requests_total", ("other", "unmatched", "404")] == 1
    assert found["rollcall_http_request_duration_seconds_sum", ("GET", route)] == pytest.approx(0.6)
    assert found["rollcall_http_requests_in_progress", ()] == 1
    assert found["fleet_size", ()] == 7
    assert found["process_resident_memory_bytes", ()] > 0


async def test_each_application_has_figures_of_its_own(
    kit: Kit, connect, clock: FrozenClock
) -> None:
    first, second = create_app([shop(clock)], kit), create_app([shop(clock)], kit)
    async with connect(first) as client:
        await client.get("/api/v1/items/1")
    async with connect(second) as client:
        found = samples((await client.get("/metrics")).text)

    assert ("rollcall_http_requests_total", ("GET", "/api/v1/items/{item}", "200")) not in found


async def test_figures_come_as_open_metrics_for_who_prefers_them(kit: Kit, connect) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with connect(create_app([], kit)) as client:
        answer = await client.get("/metrics", headers=accept)

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


async def test_a_loop_that_comes_back_late_is_measured(clock: FrozenClock) -> None:
    metrics = Metrics()
    watching = asyncio.create_task(watch_loop(metrics, clock, interval=1))
    await clock.settle()
    clock.jump(1.25)

    await clock.advance(0)

    watching.cancel()
    lag = metrics.registry.get_sample_value("rollcall_loop_lag_seconds")
    assert lag == pytest.approx(0.25)
