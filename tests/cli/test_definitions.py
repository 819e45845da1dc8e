"""Definitions as files, against a service that is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp

from rollcall.backends.sql.database import Database, dialect_of
from rollcall.kernel.clock import SystemClock
from support.databases import sqlite_at
from support.definitions import app_of
from support.hosting import hosted
from support.typed import Shell

FILE = """\
kind: capability
id: search
name: Search
tags: [web]
configuration_schema:
  type: object
  properties:
    top: {type: integer}
---
name: Writer
description: Writes letters
configuration:
  model: openai:gpt-5-mini
  instructions: |
    Write well.
    Write briefly.
capabilities:
  search: {top: 3}
prompt_templates:
  hello: Hello {{who}}
status: paused
---
id: leaf
business_name: Green Leaf
business_description: A garden centre with advice
industry: retail
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[ASGIApp]:
        database = Database(dialect_of(sqlite_at(tmp_path / "x.db")))
        await database.open()
        yield app_of(database, SystemClock())
        await database.close()

    with hosted(opened) as place:
        yield place


@pytest.fixture
def shell(url: str) -> Shell:
    return Shell({"ROLLCALL_GATEWAY_URL": url})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    one = tmp_path / "agents.yaml"
    one.write_text(FILE, encoding="utf-8")
    return one


def agents(url: str) -> list[dict[str, object]]:
    return httpx.get(f"{url}/api/agents").json()


def test_a_file_is_applied_once_however_often(shell: Shell, url: str, file: Path) -> None:
    first = shell("agents", "apply", "-f", str(file))
    assert first.code == 0, first.err
    assert [line.partition(" is ")[2] for line in first.out.splitlines()] == [
        "created",
        "created, version 1",
        "created, version 1",
    ]
    writer = next(one for one in agents(url) if one["name"] == "Writer")
    assert (writer["status"], writer["capabilities"]) == ("paused", {"search": {"top": 3}})
    assert writer["prompt_templates"] == {"hello": {"text": "Hello {{who}}", "variables": ["who"]}}
    leaf = httpx.get(f"{url}/api/agents/leaf").json()
    assert (leaf["name"], leaf["status"]) == ("Green Leaf", "draft")

    before = agents(url)
    again = shell("agents", "apply", "-f", str(file))
    assert again.out.count("is as it should be") == 3
    assert agents(url) == before
    assert shell("agents", "diff", "-f", str(file)).code == 0


def test_a_dry_run_and_a_diff_change_nothing(shell: Shell, url: str, file: Path) -> None:
    dry = shell("agents", "apply", "-f", str(file), "--dry-run")
    assert (dry.code, dry.out.count("would be created")) == (0, 3)
    assert shell("agents", "diff", "-f", str(file)).code == 1
    assert agents(url) == []


def test_a_change_is_shown_step_by_step_and_then_made(shell: Shell, url: str, file: Path) -> None:
    shell("agents", "apply", "-f", str(file))
    text = FILE.replace("top: 3", "top: 4").replace("status: paused", "status: active")
    file.write_text(text.replace("letters", "books"), encoding="utf-8")

    seen = shell("agents", "diff", "-f", str(file))
    assert seen.code == 1
    assert '  ~ /description: "Writes letters" -> "Writes books"' in seen.out
    assert "  ~ /capabilities/search/top: 3 -> 4" in seen.out
    assert '  ~ /status: "paused" -> "active"' in seen.out
    machine = shell("agents", "diff", "-f", str(file), "--json")
    assert '"action": "update"' in machine.out

    done = shell("agents", "apply", "-f", str(file))
    assert "is changed, version 2: capabilities, description, status" in done.out
    writer = next(one for one in agents(url) if one["name"] == "Writer")
    assert (writer["version"], writer["status"]) == ("2", "active")


def test_what_is_exported_is_applied_elsewhere(
    shell: Shell, file: Path, tmp_path: Path, url: str
) -> None:
    shell("agents", "apply", "-f", str(file))
    out = shell("agents", "export", "--all").out
    assert out.count("---\n") == 3
    assert "instructions: |\n" in out
    copy = tmp_path / "copy.yaml"
    copy.write_text(out, encoding="utf-8")
    assert shell("agents", "apply", "-f", str(copy)).out.count("as it should be") == 3
    one = shell("agents", "export", "leaf").out
    assert one.startswith("kind: agent\nid: leaf\nname: Green Leaf\n")
    assert shell("agents", "apply", "-f", "-", typed=one).code == 0

    for each in agents(url):
        httpx.delete(f"{url}/api/agents/{each['id']}")
    assert shell("agents", "apply", "-f", str(copy)).out.count("is created") == 2
    assert shell("agents", "diff", "-f", str(file)).code == 0


def test_what_is_wrong_is_told_with_file_and_line_and_nothing_is_done(
    shell: Shell, url: str, file: Path
) -> None:
    file.write_text(FILE.replace("industry: retail", "industri: retail"), encoding="utf-8")
    done = shell("agents", "apply", "-f", str(file))
    assert done.code == 2
    assert f"{file}:26: industri: is no field of an agent" in done.err
    assert agents(url) == []


def test_what_the_service_refuses_is_told_with_its_line(shell: Shell, file: Path) -> None:
    file.write_text(FILE.replace("{top: 3}", "{top: three}"), encoding="utf-8")
    done = shell("agents", "apply", "-f", str(file))
    assert done.code == 2
    assert f"{file}:18: capabilities.search: top: 'three' is not of type 'integer'" in done.err
    # What came before it stands, and is passed over the next time.
    assert "capability search is created" in done.out


def test_a_name_that_two_have_names_nobody(shell: Shell, url: str, file: Path) -> None:
    for one in ("a", "b"):
        httpx.post(f"{url}/api/agents", json={"id": one, "name": "Writer"})
    file.write_text("name: Writer\n", encoding="utf-8")
    done = shell("agents", "apply", "-f", str(file))
    assert done.code == 2
    assert f"{file}:1: name: several agents have the name 'Writer'" in done.err


def test_what_is_not_there_is_not_found(shell: Shell, file: Path) -> None:
    assert shell("agents", "export", "nobody").code == 3
    assert shell("agents", "export").code == 2
    assert shell("agents", "export", "a", "--all").code == 2
    nothing = shell("agents", "export", "--all")
    assert (nothing.code, nothing.out) == (0, "")
    assert shell("agents", "apply", "-f", str(file), "--url", "http://127.0.0.1:1").code == 4


def test_capabilities_are_made_before_the_agents_that_name_them(shell: Shell, file: Path) -> None:
    capability, writer, leaf = FILE.split("---\n")
    file.write_text(f"{writer}---\n{leaf}---\n{capability}", encoding="utf-8")
    done = shell("agents", "apply", "-f", str(file))
    assert (done.code, done.out.count("is created")) == (0, 3), done.err
    assert done.out.startswith("capability search is created")


def test_an_agent_that_has_another_name_by_now_is_named_by_its_id(
    shell: Shell, url: str, file: Path
) -> None:
    file.write_text("name: Writer\n", encoding="utf-8")
    assert shell("agents", "apply", "-f", str(file)).code == 0
    (made,) = agents(url)
    httpx.patch(f"{url}/api/agents/{made['id']}", json={"name": "Author"})
    done = shell("agents", "apply", "-f", str(file))
    assert done.code == 2
    assert f"{file}:1: name: was that of {made['id']}, which is 'Author' by now" in done.err
    assert [one["name"] for one in agents(url)] == ["Author"]
