# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.types import ASGIApp

from rollcall.backends.messages.sqlite import SqliteMessageIndex
from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.tools.messages.module import module
from rollcall.tools.messages.service import MessageSearch
from rollcall.tools.messages.wire import SearchAnswer, SearchRequest
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.module import Kit, Module, create_app
from support.databases import sqlite_at
from support.hosting import hosted
from support.typed import Shell


def line(text: str, **fields: Any) -> str:
    return json.dumps({"text": text, "sent_at": "2026-01-31T12:00:00Z", **fields}) + "\n"


LINES = (
    line("The invoice 4711\nis late", conversation_id="c-1", sender_id="anna")
    + line("The bill\x1b[2J is late", sender_id="ben", sent_at="2026-02-01T12:00:00Z")
    + line("The weather is fine")
)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A tools service that has message search alone."""

    @contextlib.asynccontextmanager
    async def opened() -> AsyncGenerator[ASGIApp]:
        database = Database(dialect_of(sqlite_at(tmp_path / "services.db")))
        await database.open()
        index = SqliteMessageIndex(database)
        search = MessageSearch(index)
        routes = APIRouter()

        @routes.post("/messages")
        async def messages(request: SearchRequest) -> SearchAnswer:
            return await search.search("default", request)

        kit = Kit(
            *("tools", "1", SystemClock(), RandomIds(), OpenAccess(), InMemoryAuditLog(), Drain())
        )
        yield create_app([module(search, index), Module("search", [routes])], kit)
        await database.close()

    with hosted(opened) as place:
        yield place


@pytest.fixture
def shell(url: str) -> Shell:
    """Where the tools service is on a port of its own."""
    return Shell({"EXT_TOOL_PORT": url.rpartition(":")[2]})


@pytest.fixture
def filled(shell: Shell) -> Shell:
    assert shell("messages", "import", "-", typed=LINES).code == 0
    return shell


def test_a_file_is_imported_once(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "mail.jsonl"
    file.write_text(LINES, encoding="utf-8")
    done = shell("messages", "import", str(file), "--dry-run")
    assert [line.rsplit("  ", 1) for line in done.out.splitlines()] == [
        ["would be imported", "3"],
        ["known already    ", "0"],
        ["refused          ", "0"],
    ]
    assert shell.json("messages", "import", str(file))["imported"] == 3
    again = shell.json("messages", "import", str(file))
    assert (again["imported"], again["known"]) == (0, 3)


def test_lines_that_are_refused_are_told_one_by_one(shell: Shell) -> None:
    done = shell("messages", "import", "-", typed=LINES + "nonsense\n" + line("", id="x"))
    assert done.code == 1
    assert ["5", "text: must not be blank"] in done.lines
    assert "imported       3" in done.out


def test_what_is_found_is_shown_in_a_line_each(filled: Shell) -> None:
    done = filled("messages", "search", "late", "invoice")
    assert done.lines[1:] == [
        ["2026-01-31T12:00:00Z", "anna", "c-1", "The [invoice] 4711 is [late]"]
    ]
    assert done.err == ""


def test_what_somebody_said_does_not_steer_the_terminal(filled: Shell) -> None:
    done = filled("messages", "search", "bill")
    assert "\x1b" not in done.out
    assert "The [bill]\ufffd[2J is late" in done.out


def test_words_filters_and_limits_narrow_the_answer(filled: Shell) -> None:
    def found(*words: str) -> list[str]:
        results = filled.json("messages", "search", *words)["results"]
        return [one["sender_id"] for one in results]

    assert found("late") == ["ben", "anna"]
    assert found("late -bill") == ["anna"]
    assert found("late", "--sender", "ben") == ["ben"]
    assert found("late", "--conversation", "c-1") == ["anna"]
    assert found("late", "--since", "2026-02-01T00:00:00Z") == ["ben"]
    assert found("late", "--until", "2026-01-31T13:00:00+00:00") == ["anna"]
    assert found("late", "--source", "conversation") == []
    more = filled("messages", "search", "late", "--limit", "1")
    assert len(more.lines) == 2
    assert "there are more than 1" in more.err


def test_what_has_only_some_of_the_words_is_told_to_be_so(filled: Shell) -> None:
    done = filled("messages", "search", "what about the invoices and hotels")
    assert "these have some" in done.err
    assert len(done.lines) == 2
    strict = filled("messages", "search", "invoices and hotels", "--exact")
    assert (strict.code, strict.out) == (0, "")
    assert "no message has these words" in strict.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("?!",), "names no word to look for"),
        (("late", "--since", "yesterday"), "--since: must be like 2026-01-31"),
        (("late", "--sender", "a\nb"), "sender_id"),
    ],
)
def test_what_cannot_be_asked_is_told_in_a_line(
    shell: Shell, words: tuple[str, ...], said: str
) -> None:
    done = shell("messages", "search", *words)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert said in done.err


def test_a_service_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    for words in (("search", "late"), ("import", "-")):
        done = Shell({})("messages", *words, "--url", "http://127.0.0.1:9")
        assert (done.code, done.err.count("\n")) == (4, 1)
