# SPDX-License-Identifier: Apache-2.0
"""`kill -9` of the agent service while it answers: no message that was accepted is lost."""

from __future__ import annotations

import asyncio
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from rollcall.backends.sql import outbox
from rollcall.backends.sql.database import Database, dialect_of
from support.serving import Serving, serving

CLIENTS = 6
ENDED = {"answered", "failed", "cancelled"}
Start = Callable[[], AbstractContextManager[Serving]]


@dataclass
class Talker:
    """Sends messages in a session of its own, waiting for none of the answers."""

    session: str
    sent: int = 0
    accepted: dict[str, str] = field(default_factory=dict)
    fault: str = ""

    def talk(self, url: str, stop: threading.Event, heard: threading.Semaphore) -> None:
        with httpx.Client(base_url=url, timeout=30) as http:
            while not stop.is_set():
                self.sent += 1
                asked = {
                    "session_id": self.session,
                    "user_input": f"Calculate {self.sent} + {self.sent}",
                }
                try:
                    answer = http.post(
                        "/api/v1/process", json=asked, headers={"Prefer": "respond-async"}
                    )
                except httpx.HTTPError:
                    return
                if answer.status_code == 429:
                    # The session is full: it is answered faster than it is asked, but not always.
                    stop.wait(0.05)
                    continue
                if answer.status_code != 202:
                    self.fault = f"{answer.status_code} {answer.text}"
                    return
                self.accepted[answer.json()["turn_id"]] = asked["user_input"]
                heard.release()


def faults_after_kills(start: Start, database: str, seed: int, kills: int) -> list[str]:
    """What was lost or doubled by killing the service so often, each time at some moment."""
    rng = random.Random(seed)
    talkers = [Talker(f"s{number}") for number in range(CLIENTS)]
    for _ in range(kills):
        with start() as up:
            _killed_at_work(up, talkers, rng.randrange(5, 60))
    faults = [one.fault for one in talkers if one.fault]
    with start() as up:
        ends, lost = _ended(up, talkers)
        faults += lost
        assert up.end() == 0
    told = asyncio.run(_told(database))
    for turn, status in ends.items():
        wanted = "conversation.completed" if status == "answered" else "conversation.failed"
        if told[turn] != Counter({wanted: 1}):
            faults.append(f"{turn} is {status}, and was told as {dict(told[turn])}")
    counts = Counter(ends.values())
    sys.stdout.write(f"{len(ends):,} messages were accepted, {kills} kills: {dict(counts)}\n")
    return faults


def _killed_at_work(up: Serving, talkers: list[Talker], after: int) -> None:
    stop, heard = threading.Event(), threading.Semaphore(0)
    threads = [threading.Thread(target=one.talk, args=(up.talk, stop, heard)) for one in talkers]
    for thread in threads:
        thread.start()
    for _ in range(after):
        if not heard.acquire(timeout=30):
            break
    up.kill()
    stop.set()
    for thread in threads:
        thread.join(60)


def _ended(up: Serving, talkers: list[Talker]) -> tuple[dict[str, str], list[str]]:
    """How every accepted turn ended, and those that are not there or never end."""
    ends: dict[str, str] = {}
    faults: list[str] = []
    with httpx.Client(base_url=f"{up.talk}/api/v1", timeout=30) as http:
        for one in talkers:
            for turn_id, said in one.accepted.items():
                path = f"/sessions/{one.session}/turns/{turn_id}"
                turn: dict[str, Any] = {}
                for _ in range(600):
                    answer = http.get(path)
                    turn = answer.json()
                    if answer.status_code != 200 or turn["status"] in ENDED:
                        break
                    threading.Event().wait(0.05)
                ends[turn_id] = turn.get("status", "lost")
                if ends[turn_id] not in ENDED or turn["user_input"] != said:
                    faults.append(f"{turn_id} is {turn}")
    return ends, faults


async def _told(url: str) -> dict[str, Counter[str]]:
    """Of every turn, the events that tell how it ended."""
    database = Database(dialect_of(url))
    await database.open()
    found: dict[str, Counter[str]] = {}
    async with database.reading() as connection:
        position = 0
        while entries := await outbox.read(connection, position, 1000):
            position = entries[-1].position
            for entry in entries:
                if entry.event.type in {"conversation.completed", "conversation.failed"}:
                    turn = entry.event.data["conversation_id"]
                    found.setdefault(turn, Counter())[entry.event.type] += 1
    await database.close()
    return found


def test_no_accepted_message_is_lost_on_sqlite(tmp_path: Path) -> None:
    def start() -> AbstractContextManager[Serving]:
        return serving(tmp_path, "up")

    database = f"sqlite:///{tmp_path}/data/services.db"
    assert faults_after_kills(start, database, 1, 2) == []


@pytest.mark.server
@pytest.mark.slow
def test_no_accepted_message_is_lost_on_postgresql(
    tmp_path: Path, fresh_database: Callable[[], str]
) -> None:
    url = fresh_database()

    def start() -> AbstractContextManager[Serving]:
        return serving(tmp_path, "up", ROLLCALL_STORE=url)

    assert faults_after_kills(start, url, 3, 2) == []


@pytest.mark.kill
@pytest.mark.timeout(1800)
def test_no_accepted_message_is_lost_in_fifty_kills(tmp_path: Path) -> None:
    def start() -> AbstractContextManager[Serving]:
        return serving(tmp_path, "up")

    database = f"sqlite:///{tmp_path}/data/services.db"
    assert faults_after_kills(start, database, 7, 50) == []
