from __future__ import annotations

import asyncio
import sys
from types import FrameType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import Compacted
from rollcall.registry.events import Event, EventType
from rollcall.registry.feed import Feed, Lagged, Position


def event(revision: int, ordinal: int = 0, namespace: str = "default") -> Event:
    return Event(
        EventType.UPDATED, namespace, "a", "", 1.0, revision, ordinal, f"op-{revision}", "test"
    )


def fed(revisions: int, keep: int = 10_000, each: int = 1) -> Feed:
    feed = Feed("epoch", 0, keep)
    for revision in range(1, revisions + 1):
        feed.publish([event(revision, ordinal) for ordinal in range(each)])
    return feed


def read(feed: Feed, after: Position | None, namespace: str | None = None) -> list[Any]:
    subscription = feed.subscribe(after=after, namespace=namespace)
    found = []
    while (one := subscription.poll()) is not None:
        found.append(one if isinstance(one, Lagged) else (one.revision, one.ordinal))
    return found


async def test_a_subscriber_hears_what_comes_after_it_came() -> None:
    feed = fed(3)
    subscription = feed.subscribe()
    feed.publish([event(4), event(4, 1)])
    assert [await anext(subscription), await anext(subscription)] == [event(4), event(4, 1)]
    assert subscription.backlog == 0
    waiting = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    feed.publish([event(5)])
    assert await waiting == event(5)


async def test_a_subscription_ends_when_the_feed_is_closed_and_all_is_read() -> None:
    feed = fed(0)
    subscription = feed.subscribe()
    feed.publish([event(1)])
    feed.close()
    assert [one async for one in subscription] == [event(1)]


def test_a_slow_subscriber_loses_its_own_backlog_and_is_told_how_much() -> None:
    feed = fed(0, keep=5)
    slow, quick = feed.subscribe(), feed.subscribe()
    read_in_time: list[Any] = []
    for revision in range(1, 13):
        feed.publish([event(revision)])
        read_in_time.append(quick.poll())
    assert read_in_time == [event(revision) for revision in range(1, 13)]
    assert slow.poll() == Lagged(7)
    assert [slow.poll() for _ in range(6)] == [*map(event, range(8, 13)), None]


def test_a_subscriber_of_one_namespace_hears_nothing_of_others() -> None:
    feed = fed(0)
    subscription = feed.subscribe(namespace="two")
    feed.publish([event(1), event(2, namespace="two"), event(3)])
    assert subscription.poll() == event(2, namespace="two")
    assert subscription.poll() is None


@given(st.integers(0, 15), st.integers(1, 4), st.integers(1, 40), st.data())
def test_one_resumes_just_behind_a_position_or_is_told_that_it_is_gone(
    revisions: int, each: int, keep: int, data: st.DataObject
) -> None:
    feed = fed(revisions, keep, each)
    everything = [(r, o) for r in range(1, revisions + 1) for o in range(each)]
    place = (data.draw(st.integers(0, revisions)), data.draw(st.integers(-1, each)))
    wanted = [one for one in everything if one > place]
    if len(wanted) > keep:
        with pytest.raises(Compacted) as gone:
            read(feed, Position("epoch", *place))
        assert gone.value.asked == place[0]
    else:
        assert read(feed, Position("epoch", *place)) == wanted


def test_a_position_of_another_history_is_gone() -> None:
    with pytest.raises(Compacted):
        fed(5).subscribe(after=Position("another", 3, 0))


def test_what_was_before_the_feed_began_is_gone() -> None:
    feed = Feed("epoch", 10, 5)
    with pytest.raises(Compacted) as caught:
        feed.subscribe(after=Position("epoch", 9, 0))
    assert (caught.value.asked, caught.value.oldest) == (9, 10)
    assert read(feed, Position("epoch", 10, 0)) == []


def test_after_a_new_history_nothing_of_the_old_one_comes() -> None:
    feed = fed(1000)
    feed.restart("new", 10)
    feed.publish([event(11), event(12)])
    assert read(feed, Position("new", 10, 0)) == [(11, 0), (12, 0)]
    assert read(feed, Position("new", 11, 0)) == [(12, 0)]
    for gone in (Position("epoch", 999, 0), Position("new", 9, 0)):
        with pytest.raises(Compacted):
            feed.subscribe(after=gone)


def test_a_new_history_that_fills_the_feed_can_be_resumed_as_far_as_it_is_kept() -> None:
    feed = fed(4, keep=4)
    feed.restart("new", 0)
    for revision in range(1, 4):
        feed.publish([event(revision)])
        assert read(feed, Position("new", 0, 0)) == [(r, 0) for r in range(1, revision + 1)]
    for revision in range(4, 6):
        feed.publish([event(revision)])
    assert read(feed, Position("new", 1, 0)) == [(r, 0) for r in range(2, 6)]
    with pytest.raises(Compacted):
        feed.subscribe(after=Position("new", 0, 0))


def test_one_who_comes_from_a_replica_that_is_ahead_hears_nothing_twice() -> None:
    feed = fed(3)
    subscription = feed.subscribe(after=Position("epoch", 5, 0))
    feed.publish([event(4), event(5), event(5, 1), event(6)])
    assert [subscription.poll() for _ in range(3)] == [event(5, 1), event(6), None]


def test_one_who_was_ahead_in_an_old_history_hears_all_of_the_new_one() -> None:
    feed = fed(3)
    subscription = feed.subscribe(after=Position("epoch", 500, 0))
    feed.restart("new", 0)
    feed.publish([event(1), event(2)])
    assert [subscription.poll() for _ in range(3)] == [event(1), event(2), None]


def test_an_event_is_encoded_once_for_all_and_no_longer_than_it_is_kept() -> None:
    feed = fed(0, keep=2)
    readers = [feed.subscribe() for _ in range(3)]
    feed.publish([event(1)])
    lines = [reader.poll_encoded() for reader in readers]
    assert lines[0] is lines[1] is lines[2]
    assert isinstance(lines[0], bytes)
    assert msgspec.json.decode(lines[0], type=Event) == event(1)
    for revision in range(2, 8):
        feed.publish([event(revision)])
        for reader in readers[1:]:
            reader.poll_encoded()
    assert isinstance(readers[0].poll_encoded(), Lagged)
    assert len(feed._encoded) <= 2


async def test_a_change_that_meant_nothing_wakes_who_waits() -> None:
    feed = fed(1)
    waiting = asyncio.ensure_future(feed.changed())
    await asyncio.sleep(0)
    feed.publish([])
    await asyncio.wait_for(waiting, 1)
    assert feed.end == 1


def lines_run(feed: Feed) -> int:
    """How many lines of code it takes to publish 20 events."""
    count = 0

    def line(frame: FrameType, what: str, argument: object) -> Any:
        nonlocal count
        count += what == "line"
        return line

    before = sys.gettrace()
    sys.settrace(line)
    try:
        for revision in range(1, 21):
            feed.publish([event(revision)])
    finally:
        sys.settrace(before)
    return count


def test_publishing_costs_the_same_however_many_subscribers_hang() -> None:
    alone, crowded = fed(0, keep=5), fed(0, keep=5)
    hanging = [crowded.subscribe() for _ in range(1000)]
    assert lines_run(alone) == lines_run(crowded)
    assert hanging[0].poll() == Lagged(15)


async def test_a_burst_wakes_each_who_waits_once() -> None:
    feed = fed(0)
    subscriptions = [feed.subscribe() for _ in range(100)]
    waiting = [asyncio.ensure_future(anext(one)) for one in subscriptions]
    await asyncio.sleep(0)
    assert len(feed.waiters) == 100
    feed.publish([event(1)])
    assert feed.waiters == []
    feed.publish([event(revision) for revision in range(2, 50)])
    assert await asyncio.gather(*waiting) == [event(1)] * 100
