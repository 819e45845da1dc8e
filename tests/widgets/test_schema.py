"""Generated requests against what widgets say of themselves: no 500, nothing undescribed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import schemathesis
from starlette.types import ASGIApp

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.clock import SystemClock
from rollcall.widgets.limits import WidgetLimits
from support.databases import sqlite_at
from support.generated import asked_of_all, valid
from support.hosting import hosted
from support.widgets import WIDGET, House

MANY = 1_000_000
OURS = ("/api/widgets", "/api/templates", "/widget/v1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path: Path = tmp_path_factory.mktemp("widgets") / "x.db"

    @asynccontextmanager
    async def opened() -> AsyncIterator[ASGIApp]:
        database = Database(dialect_of(sqlite_at(path)))
        await database.open()
        limits = WidgetLimits(
            visitor_messages=MANY,
            address_messages=MANY,
            address_visitors=MANY,
            address_requests=MANY,
            widget_messages=MANY,
            widget_visitors=MANY,
        )
        house = House(database, SystemClock(), limits=limits)
        await house.hire()
        yield house.app
        await house.close()
        await database.close()

    with hosted(opened) as url:
        yield url


@pytest.mark.timeout(300)
def test_no_generated_request_finds_a_fault(server: str, subtests: pytest.Subtests) -> None:
    made = httpx.post(f"{server}/api/widgets", json=WIDGET).json()
    preview = httpx.get(f"{server}/api/widgets/{made['id']}/preview").text
    token = preview.partition('data-token="')[2].partition('"')[0]

    def ask(case: schemathesis.Case, url: str) -> None:
        # What was made up finds nothing: where a widget can be named, ours is.
        named = {"widget_id": made["id"], "public_key": made["public_key"]}
        for name, value in named.items():
            if name in (case.path_parameters or {}) and case.method != "DELETE":
                case.path_parameters[name] = value
        public = case.path.startswith("/widget/v1")
        headers = {"Authorization": f"Bearer {token}"} if public else {}
        answer = valid(case, url, headers=headers)
        if "rotate-key" in case.path:
            made["public_key"] = answer.json().get("public_key", made["public_key"])
        if case.path.endswith("/pause"):
            httpx.post(f"{url}/api/widgets/{made['id']}/resume")

    asked = asked_of_all(server, subtests, ask, ours=OURS, examples=10)
    assert len(asked) >= 22
