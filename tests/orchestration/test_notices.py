from __future__ import annotations

import asyncio
import logging

import pytest

from rollcall.orchestration.notices import Notifier


async def test_callbacks_are_called_in_order_sync_and_async_alike() -> None:
    heard: list[object] = []

    async def later(message: object) -> None:
        await asyncio.sleep(0)
        heard.append(message)

    notifier = Notifier()
    for number in range(4):
        notifier.tell(later if number % 2 else heard.append, number)
    assert heard == []
    await notifier.flush()
    assert heard == [0, 1, 2, 3]


async def test_one_that_fails_is_logged_and_counted_and_the_next_is_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[object] = []

    def fail(_: object) -> None:
        raise ValueError("bad hook")

    async def cancel(_: object) -> None:
        raise asyncio.CancelledError

    notifier = Notifier()
    with caplog.at_level(logging.ERROR):
        for callback in (fail, cancel, heard.append):
            notifier.tell(callback, "x")
        await notifier.flush()
    assert heard == ["x"]
    assert notifier.failed == 2
    assert "bad hook" in caplog.text


async def test_beyond_the_limit_the_oldest_is_dropped_and_counted() -> None:
    heard: list[object] = []
    notifier = Notifier(limit=2)
    for number in range(5):
        notifier.tell(heard.append, number)
    await notifier.flush()
    assert heard == [3, 4]
    assert notifier.dropped == 3


async def test_closing_breaks_off_a_callback_that_hangs() -> None:
    heard: list[object] = []

    async def hang(_: object) -> None:
        await asyncio.Event().wait()

    notifier = Notifier()
    notifier.tell(hang, 1)
    notifier.tell(heard.append, 2)
    await asyncio.sleep(0)
    await notifier.close()
    assert heard == []
    assert notifier.dropped == 1
