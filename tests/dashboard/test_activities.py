# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from rollcall.dashboard.activity import TYPES, noted
from rollcall.events.catalogue import CATALOGUE
from rollcall.events.envelope import Event
from support.dashboards import House, answered


def event(type_: str, **data: Any) -> Event:
    return Event(
        id="e",
        type=type_,
        source="/s",
        subject="s",
        time=datetime(2025, 6, 15, tzinfo=UTC),
        namespace="acme",
        data=data,
    )


@pytest.mark.parametrize("name", sorted(TYPES))
def test_every_type_is_in_the_catalogue_and_can_be_shown_by_its_required_fields(name: str) -> None:
    required = dict.fromkeys(CATALOGUE.type(name).fields, "something")
    note = noted(event(name, **required))
    assert note.message
    assert ("agent_id" in required) == (note.agent_id is not None)


def test_neither_what_was_said_nor_who_said_it_is_shown() -> None:
    note = noted(answered())
    assert not re.search("zebra|anna", f"{note}")
    assert note.details == {
        "conversation_id": "conv_1",
        "response_time_ms": 230,
        "tokens_used": 34,
        "cost": "0.0001",
    }


async def test_neither_is_kept(house: House) -> None:
    await house.happens(answered())
    async with house.database.reading() as connection:
        rows = await connection.execute(text("SELECT * FROM dashboard_activities"))
        assert not re.search("zebra|anna", str(rows.all()))


async def test_activities_count_without_gaps_and_each_namespace_for_itself(house: House) -> None:
    await house.happens(answered(1), answered(2, "zoo"), answered(3))
    await house.happens(answered(4))
    shown = await house.activities.before("acme", 10, None)
    assert [(one.id, one.details["conversation_id"]) for one in shown] == [
        (3, "conv_4"),
        (2, "conv_3"),
        (1, "conv_1"),
    ]
    assert await house.activities.newest("acme") == 3
    assert await house.activities.newest("zoo") == 1
    assert await house.activities.newest("nobody") == 0


async def test_the_newest_are_kept_and_pages_lead_back_to_the_oldest(house: House) -> None:
    await house.happens(*(answered(number) for number in range(25)))
    assert [one.id for one in await house.activities.before("acme", 100, None)] == [
        *range(25, 15, -1)
    ]
    assert [one.id for one in await house.activities.before("acme", 3, 20)] == [19, 18, 17]
    assert [one.id for one in await house.activities.after("acme", 20, 3)] == [21, 22, 23]
    assert [one.id for one in await house.activities.after("acme", 0, 2)] == [16, 17]


async def test_what_is_rolled_back_takes_no_id(house: House) -> None:
    async def broken() -> None:
        async with house.database.begin() as work:
            await house.activities.note([answered(1)], work)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()
    await house.happens(answered(2))
    assert [one.id for one in await house.activities.before("acme", 10, None)] == [1]


def test_a_long_message_is_cut() -> None:
    note = noted(event("agent.created", agent_id="a", name="n" * 500))
    assert len(note.message) == 200
    assert note.message.endswith("...")
