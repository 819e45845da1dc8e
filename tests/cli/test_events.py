from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator

import httpx
import pytest
from starlette.types import ASGIApp

from rollcall.app.backup import backup_of
from rollcall.app.places import Places
from rollcall.backends.eventlog.inmemory import InMemoryEventLog
from rollcall.backends.records.inmemory import InMemoryStore
from rollcall.events.dispatcher import Dispatcher
from rollcall.events.subscriptions import DeliverySettings, Handler
from rollcall.kernel.clock import SystemClock
from rollcall.kernel.ids import RandomIds
from rollcall.policies.retry import RetryPolicy
from rollcall.protocols.admin.module import module
from rollcall.registry.service import RegistryService
from rollcall.testing.event_log_contract.case import created
from rollcall.web.audit import InMemoryAuditLog
from rollcall.web.auth import OpenAccess
from rollcall.web.drain import Drain
from rollcall.web.keys import InMemoryKeyStore
from rollcall.web.module import Kit, create_app
from support.hosting import hosted
from support.serving import Serving, environment
from support.typed import Shell


def registered(server: Serving, agent_id: str) -> None:
    card = {"agent_id": agent_id, "agent_name": agent_id.title(), "base_url": "http://x:1"}
    httpx.post(f"{server.agents}/register", json=card).raise_for_status()


def reported(server: Serving, agent_id: str, status: str) -> None:
    httpx.patch(
        f"{server.agents}/agents/{agent_id}/status", json={"status": status}
    ).raise_for_status()


def test_events_since_one_are_shown(server: Serving, shell: Shell) -> None:
    registered(server, "eve")
    with httpx.stream("GET", f"{server.agents}/events?record_id=eve") as stream:
        lines = stream.iter_lines()
        next(lines)
        reported(server, "eve", "busy")
        event_id = next(line for line in lines if line.startswith("id: "))[4:]
    reported(server, "eve", "active")

    done = shell("events", "--after", event_id, "--id", "eve", "--json")
    (event,) = [json.loads(line) for line in done.out.splitlines()]
    assert event["event"] == "status_changed"
    assert (event["data"]["old"], event["data"]["new"]) == ("busy", "active")
    (row,) = shell("events", "--after", event_id, "--id", "eve").lines
    assert row[1:] == ["status_changed", "eve", "Eve", "busy -> active", "status reported"]
    none = shell("events", "--after", event_id, "--id", "eve", "--type", "deregistered")
    assert (none.code, none.out) == (0, "")


def test_events_need_a_word_about_which(shell: Shell) -> None:
    done = shell("events")
    assert done.code == 2
    assert "--follow" in done.err


@pytest.mark.parametrize("after", ["nonsense", "other-epoch:1:0"])
def test_a_place_that_nobody_knows_is_told_in_a_line(after: str, shell: Shell) -> None:
    done = shell("events", "--after", after)
    assert done.code in (1, 2)
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("agents", "watch", "--tag", "watched"), "active"),
        (("services", "watch", "--tag", "watched"), "active"),
        (("agents", "watch"), "active"),
    ],
)
def test_who_is_in_an_answer_is_watched(words: tuple[str, ...], name: str, server: Serving) -> None:
    card = {"agent_id": "seen", "agent_name": "S", "base_url": "http://x:1", "tags": ["watched"]}
    httpx.post(f"{server.agents}/register", json=card).raise_for_status()
    process = subprocess.Popen(
        [sys.executable, "-m", "rollcall", *words],
        env=environment(
            {"ROLLCALL_REGISTRY_URL": server.agents, "SERVICE_REGISTRY_URL": server.services}
        ),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        rows = (line.rstrip("\n").split("\t") for line in process.stdout)
        present = next(row for row in rows if row[2] == "seen")
        assert present[1:] == ["present", "seen", "S", name]
        httpx.delete(f"{server.agents}/agents/seen").raise_for_status()
        left = next(row for row in rows if row[2] == "seen")
        assert left[1] == "exited"
        assert left[-1] == "deregistered"
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()


class Printer:
    """Fails until it is mended."""

    def __init__(self) -> None:
        self.broken = True

    async def __call__(self, event: object, work: object) -> None:
        if self.broken:
            raise RuntimeError("out of paper")


@pytest.fixture
def printer() -> Printer:
    return Printer()


@pytest.fixture
def office(printer: Printer) -> Iterator[Shell]:
    """At a real server whose one event could not be handled."""

    @contextlib.asynccontextmanager
    async def opened() -> AsyncGenerator[ASGIApp]:
        clock, ids = SystemClock(), RandomIds()
        registry = RegistryService(InMemoryStore(clock, ids), clock=clock)
        await registry.start()
        log, event = InMemoryEventLog(), created()
        handler = Handler("printing", frozenset({event.type}), printer)
        settings = DeliverySettings(retry=RetryPolicy(max_retries=0))
        dispatcher = Dispatcher(log, clock, [handler], settings)
        async with log.begin() as work:
            work.publish(event)
        await dispatcher.start()
        await dispatcher.drained()
        audit, drain = InMemoryAuditLog(), Drain()
        kit = Kit("office", "1", clock, ids, OpenAccess(), audit, drain)
        backup = backup_of(Places("memory", "memory"))
        keys = InMemoryKeyStore()
        part = module(registry, keys, audit, dispatcher, clock, ids, backup)
        yield create_app([part], kit)
        await dispatcher.stop()
        await registry.stop()

    with hosted(opened) as url:
        yield Shell({"ROLLCALL_REGISTRY_URL": url})


def test_a_dead_event_is_listed_and_replayed(office: Shell, printer: Printer) -> None:
    heading, row = office("events", "dead").lines
    assert heading[:3] == ["group", "position", "event"]
    assert row[:2] == ["printing", "1"]
    assert "out of paper" in row[-1]
    (told,) = office.json("events", "dead", "--group", "printing")
    assert told["position"] == 1

    printer.broken = False
    assert office("events", "replay", "printing", "1").out == "event 1 is tried again by printing\n"
    again = office("events", "replay", "printing", "1")
    assert (again.code, again.err.count("\n")) == (1, 1)
    assert "position 1" in again.err
    assert office("events", "dead").out == ""


def test_a_dead_event_is_given_up_only_on_purpose(office: Shell) -> None:
    tried = office("events", "skip", "printing", "1", "--dry-run")
    assert tried.out == "would give up event 1 of printing\n"
    assert office("events", "skip", "printing", "1", typed="n\n").code == 1
    assert len(office.json("events", "dead")) == 1
    done = office("events", "skip", "printing", "1", "--yes")
    assert done.out == "event 1 was given up by printing\n"
    assert office.json("events", "dead") == []
    assert office("events", "replay", "nobody", "1").code == 3
