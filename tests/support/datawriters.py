"""Clients who change definitions and memories, and remember what they were told."""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import httpx

AGENTS = 3
"""How many definitions each client writes about, so that it changes and removes what it made."""
MEMORIES = 6
"""From how many memories on each client writes no new one before it has deleted one."""
CAPABILITIES = ("search", "summary", "translation")

StateT = TypeVar("StateT")


class AgentState(NamedTuple):
    """What a definition says."""

    number: int
    capabilities: frozenset[str]


class Act(NamedTuple, Generic[StateT]):
    """A change: how it is asked for, and what is there then. Without a key it makes a new thing."""

    method: str
    path: str
    body: Any
    key: str | None
    wanted: StateT | None
    seen: str | None = None


@dataclass
class Writer(ABC, Generic[StateT]):
    """Changes things of its own, one at a time."""

    name: str
    rng: random.Random
    known: dict[str, StateT] = field(default_factory=dict)
    """What is there, by its key."""
    tags: dict[str, str] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)
    """How many changes of each thing were acknowledged or seen."""
    unsure: Act[StateT] | None = None
    acknowledged: int = 0
    fault: str = ""

    def write(self, url: str, stop: threading.Event, written: threading.Semaphore) -> None:
        """Until it is told to stop, or nobody answers."""
        with httpx.Client(base_url=url, timeout=30) as http:
            while not stop.is_set():
                act = self.next()
                headers = {} if act.seen is None else {"If-Match": act.seen}
                self.unsure = act
                try:
                    answer = http.request(act.method, act.path, json=act.body, headers=headers)
                except httpx.HTTPError:
                    return
                if not answer.is_success:
                    self.fault = f"{act.method} {act.path}: {answer.status_code} {answer.text}"
                    return
                self.unsure = None
                self._took(act, act.key or self.key_of(answer.json()), answer.headers.get("ETag"))
                self.acknowledged += 1
                written.release()

    def _took(self, act: Act[StateT], key: str, tag: str | None) -> None:
        self.changes[key] = self.changes.get(key, 0) + 1
        if act.wanted is None:
            del self.known[key], self.tags[key]
            return
        self.known[key] = act.wanted
        assert tag is not None
        self.tags[key] = tag

    def faults(self, there: dict[str, tuple[StateT, str]]) -> list[str]:
        """What is lost or invented, and take over what turned out to be there.

        Args:
            there: Of each thing of this client what it says, and its entity tag.
        """
        found: list[str] = []
        act, self.unsure = self.unsure, None
        for key in sorted({*there, *self.known}):
            state, tag = there.get(key, (None, ""))
            before = self.known.get(key)
            if (state, tag) == (before, self.tags.get(key, "")):
                continue
            if act is None or key != (act.key or key) or state != act.wanted:
                found.append(f"{key} is {state} {tag}, not {before}; in doubt was {act}")
                continue
            self._took(act, key, tag)
            act = None  # One act does one thing.
        return found

    @abstractmethod
    def next(self) -> Act[StateT]:
        """What to do next."""

    @abstractmethod
    def key_of(self, answer: Any) -> str:
        """The key of what was made."""

    @abstractmethod
    def look(self, http: httpx.Client) -> dict[str, tuple[StateT, str]]:
        """What there is of this client's."""


class AgentWriter(Writer[AgentState]):
    """Makes definitions, changes what it has seen, attaches capabilities, deletes."""

    def next(self) -> Act[AgentState]:
        key = f"{self.name}-{self.rng.randrange(AGENTS)}"
        path, state = f"/api/agents/{key}", self.known.get(key)
        number = self.rng.randrange(1 << 30)
        if state is None:
            body = {"id": key, "name": "A", "configuration": {"number": number}}
            return Act("POST", "/api/agents", body, key, AgentState(number, frozenset()))
        luck = self.rng.random()
        if luck < 0.5:
            body = {"configuration": {"number": number}}
            wanted = AgentState(number, state.capabilities)
            return Act("PATCH", path, body, key, wanted, self.tags[key])
        missing = sorted({*CAPABILITIES} - state.capabilities)
        if luck < 0.85 and missing:
            one = self.rng.choice(missing)
            wanted = AgentState(state.number, state.capabilities | {one})
            return Act("POST", f"{path}/capabilities/{one}", None, key, wanted)
        return Act("DELETE", path, None, key, None)

    def key_of(self, answer: Any) -> str:
        return answer["id"]

    def look(self, http: httpx.Client) -> dict[str, tuple[AgentState, str]]:
        found: dict[str, tuple[AgentState, str]] = {}
        for number in range(AGENTS):
            answer = http.get(f"/api/agents/{self.name}-{number}")
            if answer.status_code == 404:
                continue
            one = answer.raise_for_status().json()
            state = AgentState(one["configuration"]["number"], frozenset(one["capabilities"]))
            found[one["id"]] = state, answer.headers["ETag"]
        return found


class MemoryWriter(Writer[int]):
    """Keeps memories that name an address, changes and deletes them."""

    def next(self) -> Act[int]:
        number = self.rng.randrange(1 << 60)
        body: dict[str, Any] = {"content": said(number)}
        if not self.known or (len(self.known) < MEMORIES and self.rng.random() < 0.4):
            body["filters"] = {"user_id": self.name}
            return Act("POST", "/api/memories", body, None, number)
        key = self.rng.choice(sorted(self.known))
        if self.rng.random() < 0.6:
            return Act("PATCH", f"/api/memories/{key}", body, key, number, self.tags[key])
        return Act("DELETE", f"/api/memories/{key}", None, key, None)

    def key_of(self, answer: Any) -> str:
        return answer["id"]

    def look(self, http: httpx.Client) -> dict[str, tuple[int, str]]:
        listed = http.get("/api/memories", params={"user_id": self.name, "limit": 500})
        return {
            one["id"]: (number_in(one["content"]), f'"{one["version"]}"')
            for one in listed.raise_for_status().json()
        }


def said(number: int) -> str:
    """What a memory says; in it stands an entity that no other memory speaks of."""
    return f"Write to {address(number)} about the invoice"


def address(number: int) -> str:
    return f"m{number}@example.org"


def number_in(content: str) -> int:
    return int(content.removeprefix("Write to m").partition("@")[0])
