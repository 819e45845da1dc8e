"""What is counted of a widget: once, also where its visitor has left; what nobody knows is null."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, select

from rollcall.backends.memories import memory_store
from rollcall.backends.sql.database import Database
from rollcall.backends.widget_erasure import WidgetErasure
from rollcall.conversations.errors import ModelUnavailable
from rollcall.events.envelope import Event
from rollcall.events.subscriptions import Handler
from rollcall.kernel.clock import utc
from rollcall.kernel.ids import RandomIds
from rollcall.memory.service import MemoryService
from rollcall.testing.clock import FrozenClock
from rollcall.widgets.limits import WidgetLimits
from rollcall.widgets.module import KEPT_SECONDS
from rollcall.widgets.tables import TURNS, VISITORS
from support.widgets import BOTH, House, Page, told

pytestmark = BOTH
HOUR = 3600
NONE = dict.fromkeys(
    ("views", "interactions", "visitors", "conversations", "messages", "failed"), 0
)


@pytest_asyncio.fixture
async def other(page: Page) -> AsyncIterator[Page]:
    """Another visitor."""
    one = Page(page.client, page.key)
    await one.meet()
    yield one


async def stats(client: httpx.AsyncClient, widget: dict[str, Any], days: int = 7) -> Any:
    answer = await client.get(f"/api/widgets/{widget['id']}/stats", params={"period_days": days})
    assert answer.status_code == 200, answer.text
    return answer.json()


def counted(found: dict[str, Any]) -> dict[str, int]:
    return {name: found[name] for name in NONE if found[name]}


async def test_days_before_the_widget_was_there_are_null_and_not_zero(
    client: httpx.AsyncClient, widget: dict[str, Any], clock: FrozenClock
) -> None:
    clock.jump(86_400)
    found = await stats(client, widget, 4)
    assert [one["day"] for one in found["by_day"]] == [f"2025-06-{day}" for day in (13, 14, 15, 16)]
    assert [one["views"] for one in found["by_day"]] == [None, None, 0, 0]
    assert {name: found[name] for name in NONE} == NONE
    assert (found["interaction_rate"], found["failure_rate"]) == (None, None)


async def test_a_visitors_signals_are_counted_once_an_hour(
    page: Page, other: Page, widget: dict[str, Any], clock: FrozenClock
) -> None:
    for who in (page, page, other):
        assert (await who.post("track", {"event_type": "view"})).status_code == 204
    await page.post("track", {"event_type": "interaction"})
    found = await stats(page.client, widget)
    assert counted(found) == {"views": 2, "interactions": 1, "visitors": 2}
    assert found["interaction_rate"] == 0.5
    clock.jump(HOUR)
    await page.post("track", {"event_type": "view"})
    assert counted(await stats(page.client, widget)) == {
        "views": 3,
        "interactions": 1,
        "visitors": 2,
    }


async def test_who_looks_at_a_widget_of_theirs_is_no_visitor(
    client: httpx.AsyncClient, widget: dict[str, Any]
) -> None:
    own = Page(client, widget["public_key"], "http://localhost")
    for _ in range(2):
        preview = (await client.get(f"/api/widgets/{widget['id']}/preview")).text
        token = preview.partition('data-token="')[2].partition('"')[0]
        own.headers["Authorization"] = f"Bearer {token}"
        assert (await own.say("Hello")).status_code == 200
        assert (await own.post("track", {"event_type": "view"})).status_code == 204
    # The same person sees the same conversation.
    assert len((await own.get("messages")).json()) == 1
    assert counted(await stats(client, widget)) == {}


async def test_whoever_has_a_key_counts_as_they_like_but_only_what_there_is(
    client: httpx.AsyncClient, widget: dict[str, Any]
) -> None:
    at = f"/api/widgets/{widget['id']}/track"
    for event_type in ("view", "view", "interaction"):
        answer = await client.post(at, params={"event_type": event_type})
        assert answer.json() == {"widget_id": widget["id"], "event_type": event_type}
    assert counted(await stats(client, widget)) == {"views": 2, "interactions": 1}
    for odd in ("odd", "", "VIEW"):
        assert (await client.post(at, params={"event_type": odd})).status_code == 422
    assert (await client.post(at)).status_code == 422


async def test_a_message_is_counted_once_however_often_it_is_sent(
    page: Page, other: Page, widget: dict[str, Any], house: House
) -> None:
    house.clerk.errors["go"] = ModelUnavailable("down")
    first = told(await page.say("Hello"))
    await page.say("Hello")
    await page.get(f"messages/{first[0][1]['turn_id']}/stream")
    await page.say("More", "c2")
    await other.say("go")
    await other.say("go")
    found = await stats(page.client, widget)
    assert counted(found) == {"visitors": 2, "conversations": 2, "messages": 3, "failed": 1}
    assert found["failure_rate"] == 0.3333


async def test_a_failure_is_counted_once_though_its_visitor_heard_of_it_and_an_event_tells_it(
    page: Page, widget: dict[str, Any], house: House, database: Database
) -> None:
    house.clerk.errors["go"] = ModelUnavailable("down")
    turn_id = told(await page.say("go"))[0][1]["turn_id"]
    (subscription,) = house.module.subscriptions
    assert isinstance(subscription, Handler)
    for turn in (turn_id, turn_id, "turn_of_another"):
        async with database.begin() as work:
            await subscription.handle(failure(turn), work)
    assert counted(await stats(page.client, widget))["failed"] == 1


async def test_a_failure_that_no_visitor_heard_of_is_counted_by_its_event(
    page: Page, widget: dict[str, Any], house: House, database: Database
) -> None:
    turn_id = told(await page.say("Hello"))[0][1]["turn_id"]
    (subscription,) = house.module.subscriptions
    assert isinstance(subscription, Handler)
    async with database.begin() as work:
        await subscription.handle(failure(turn_id), work)
    assert counted(await stats(page.client, widget))["failed"] == 1


def failure(turn_id: str) -> Event:
    return Event(
        id=f"{turn_id}-failed",
        type="conversation.failed",
        source="/conversations",
        subject="s",
        time=datetime(2025, 6, 15, tzinfo=UTC),
        namespace="default",
        data={"conversation_id": turn_id},
    )


async def test_a_widget_takes_no_more_messages_in_a_day_than_it_may_and_the_next_day_it_does(
    database: Database, clock: FrozenClock, page: Page
) -> None:
    one = House(database, clock, limits=WidgetLimits(daily_messages=2))
    async with one.client() as client:
        mine = Page(client, page.key)
        await mine.meet()
        assert (await mine.say("1", "c1")).status_code == 200
        assert (await mine.say("2", "c2")).status_code == 200
        refused = await mine.say("3", "c3")
        assert refused.status_code == 429
        assert refused.json()["type"].endswith(":daily-limit")
        wait = int(refused.headers["retry-after"])
        assert utc(clock.now() + wait).isoformat() == "2025-06-16T00:00:00+00:00"
        clock.jump(wait)
        assert (await mine.say("3", "c3")).status_code == 200
    await one.close()


async def test_what_is_known_of_a_visitor_is_erased_with_their_memories_and_numbers_stay(
    page: Page, other: Page, widget: dict[str, Any], database: Database, database_url: str
) -> None:
    await page.say("Hello")
    await other.post("track", {"event_type": "view"})
    memories = MemoryService(
        memory_store(database, database_url),
        FrozenClock(),
        RandomIds(),
        holders=[WidgetErasure()],
    )
    whose = {"user_id": f"visitor:{page.visitor_id}"}
    assert (await memories.erase(whose, dry_run=True)).removed["widget_visitors"] == 1
    assert (await memories.erase(whose)).removed["widget_visitors"] == 1
    assert (await memories.erase(whose)).removed["widget_visitors"] == 0
    assert (await memories.erase({"user_id": other.visitor_id})).removed["widget_visitors"] == 0
    assert await rows_of(database, page.visitor_id) == 0
    assert counted(await stats(page.client, widget))["visitors"] == 2
    assert (await memories.erase({"agent_id": "clerk"})).removed["widget_visitors"] == 1


async def rows_of(database: Database, visitor_id: str) -> int:
    async with database.reading() as connection:
        count = 0
        for column in (VISITORS.c.id, TURNS.c.visitor_id):
            wanted = select(func.count()).where(column == visitor_id)
            count += (await connection.execute(wanted)).scalar_one()
        return count


async def test_visitors_who_have_gone_for_good_are_forgotten(
    page: Page, other: Page, widget: dict[str, Any], house: House, clock: FrozenClock
) -> None:
    await page.say("Hello")
    clock.jump(KEPT_SECONDS)
    await other.post("track", {"event_type": "view"})
    assert (await other.post("track", {"event_type": "view"})).status_code == 401
    await other.meet()
    await other.post("track", {"event_type": "view"})
    assert await house.store.forget(clock.now() - KEPT_SECONDS + 1) == 1
    assert await house.store.forget(clock.now() - KEPT_SECONDS + 1) == 0
    found = await stats(page.client, widget, 30)
    assert counted(found)["visitors"] == 2


@pytest.mark.parametrize("days", [0, 367, "x", -1])
async def test_a_period_is_from_a_day_to_a_year(
    days: Any, client: httpx.AsyncClient, widget: dict[str, Any]
) -> None:
    answer = await client.get(f"/api/widgets/{widget['id']}/stats", params={"period_days": days})
    assert answer.status_code == 422


async def test_nothing_is_counted_of_a_widget_that_is_gone(
    page: Page, widget: dict[str, Any], house: House, database: Database
) -> None:
    kept = await house.store.get("default", widget["id"])
    assert kept is not None
    await page.client.delete(f"/api/widgets/{widget['id']}")
    async with house.store.begin() as work:
        await work.message(kept, "vis_1", "turn_1", 1e9)
    assert await rows_of(database, "vis_1") == 0
