"""Rollcall with all of its services, in one process or each in two of its own: for tests that must
not tell the difference.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final, Protocol

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from rollcall.app.services import GATEWAY_NAME, SERVICES, Service
from rollcall.testing.scripted_model import Call, Says, ScriptedModel
from rollcall.testing.scripted_model.script import Request
from support.balanced import Balanced
from support.modelled import until
from support.servers.kafka import Kafka
from support.serving import Serving, serving

AT_ONCE: Final = 3
"""Processes that are started at the same time."""
ANSWERS: Final = 10_000
"""What the model says at most."""
KEY: Final = "sk-scripted-0123456789"
MODEL: Final = "openai:gpt-4o"
"""A model on the price list, which the scripted one stands in for."""
PATIENCE: Final = 60.0
"""Seconds that all processes together may take to end."""


class House(Protocol):
    """Rollcall, where it answers now: after a kill that may be elsewhere."""

    def url(self, service: str) -> str:
        """Of a service that lives, each time another instance."""
        ...

    def both(self, service: str) -> Sequence[str]:
        """Of all instances of a service that live."""
        ...

    def kill_one_of_each(self) -> None:
        """`kill -9` of one instance of every service; the registries among them."""
        ...

    @property
    def gateway(self) -> str:
        """Of a gateway that lives."""
        ...


class Together:
    """`rollcall up` on SQLite. Who kills it starts it again: there is one of each."""

    def __init__(self, folder: Path, stack: ExitStack, told: Mapping[str, str]) -> None:
        self._folder = folder
        self._stack = stack
        self._told = told
        self._start()

    def url(self, service: str) -> str:
        return self._one.urls[SERVICES[service].title]

    def both(self, service: str) -> Sequence[str]:
        return [self.url(service)]

    @property
    def gateway(self) -> str:
        return self.url(GATEWAY_NAME)

    def kill_one_of_each(self) -> None:
        self._one.kill()
        self._start()

    def end(self) -> list[str]:
        """End it as an operator does; what was wrong with that."""
        return _ended([self._one])

    def _start(self) -> None:
        self._one = self._stack.enter_context(serving(self._folder, "up", **self._told))


class Apart:
    """Two processes of each service on one PostgreSQL and one Kafka, found through the registry."""

    def __init__(self, folder: Path, stack: ExitStack, told: Mapping[str, str]) -> None:
        self._folder = folder
        self._stack = stack
        self._told = {"PORT": "0", **told}
        self._turns = count()
        self._running: dict[str, list[Serving]] = {}
        self._registries = [one.name for one in SERVICES.values() if one.registration is None]
        self._start([SERVICES[name] for name in self._registries])
        for name in self._registries:
            # They have no record of themselves, so it is said where they are.
            balanced = stack.enter_context(Balanced(self.both(name)))
            self._told[f"{name.upper().replace('-', '_')}_URL"] = balanced.url
        self._start([one for one in SERVICES.values() if one.registration is not None])

    def url(self, service: str) -> str:
        living = self.both(service)
        return living[next(self._turns) % len(living)]

    def both(self, service: str) -> Sequence[str]:
        return [one.urls[SERVICES[service].title] for one in self._running[service]]

    @property
    def gateway(self) -> str:
        return self.url(GATEWAY_NAME)

    def kill_one_of_each(self) -> None:
        victims = [one.pop(0) for one in self._running.values()]
        for one in victims:
            one.process.kill()
        for one in victims:
            one.kill()

    def end(self) -> list[str]:
        """End all as an operator does; what was wrong with that."""
        # Who leaves says so to a registry.
        registries = [one for name in self._registries for one in self._running.pop(name)]
        others = [one for some in self._running.values() for one in some]
        return [*_ended(others), *_ended(registries)]

    def _start(self, some: Sequence[Service]) -> None:
        names = [(one.name, number) for number in range(2) for one in some]
        with ThreadPoolExecutor(AT_ONCE) as starting:
            started = list(starting.map(self._serve, names))
        for (name, _), one in zip(names, started, strict=True):
            self._running.setdefault(name, []).append(one)

    def _serve(self, which: tuple[str, int]) -> Serving:
        name, number = which
        one = serving(self._folder / f"{name}-{number}", "serve", name, **self._told)
        return self._stack.enter_context(one)


@contextmanager
def modelled() -> Iterator[Mapping[str, str]]:
    """A model that says something to everything; what Rollcall is told of it."""
    model = ScriptedModel(*[answered] * ANSWERS)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(model):
        yield {
            "ROLLCALL_MODEL": "offline-planner",
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": model.url,
            # Visitors here ask more quickly than people do.
            "ROLLCALL_WIDGET_VISITOR_MESSAGES": "1000",
        }


@pytest.fixture(params=["together", pytest.param("apart", marks=pytest.mark.server)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """All services, once they have found each other; their model is a scripted one."""
    with ExitStack() as stack:
        told = stack.enter_context(modelled())
        one: Together | Apart
        if request.param == "together":
            one = Together(tmp_path, stack, told)
        else:
            kafka: Kafka = request.getfixturevalue("kafka")
            shared = {
                "ROLLCALL_STORE": request.getfixturevalue("fresh_database")(),
                "ROLLCALL_EVENTS": "kafka",
                "KAFKA_BOOTSTRAP_SERVERS": kafka.place,
                "KAFKA_TOPIC_PREFIX": request.getfixturevalue("fresh_prefix")(),
                "KAFKA_PARTITIONS": "3",
            }
            one = Apart(tmp_path, stack, {**told, **shared})
        until(lambda: found_each_other(one), seconds=PATIENCE)
        yield one
        assert one.end() == []


def found_each_other(house: House) -> bool:
    """Whether every gateway reaches every service, and every agent the tools."""
    others = [name for name in SERVICES if name != GATEWAY_NAME]
    for url in house.both(GATEWAY_NAME):
        checks = httpx.get(f"{url}/health", timeout=30).json()["checks"]
        if any(checks[name] != "ok" for name in others):
            return False
    tools = [httpx.get(f"{url}/api/v1/tools", timeout=30) for url in house.both("agent")]
    return all('"calculate"' in answer.text for answer in tools)


def answered(request: Request) -> Says:
    """What the model says: it has sums calculated, and else repeats what it was told."""
    last: dict[str, Any] = request.messages[-1]
    if last["role"] == "tool":
        return Says(f"It is {last['content']}.")
    said = request.told("user")[-1]
    _, sum_, expression = said.partition("Calculate ")
    if sum_:
        return Says(Call("calculate", {"expression": expression}))
    return Says(f"You said: {said}\nI was told: {json.dumps(request.messages)}")


def _ended(some: Sequence[Serving]) -> list[str]:
    for one in some:
        one.process.send_signal(signal.SIGTERM)
    faults: list[str] = []
    for one in some:
        code = one.process.wait(PATIENCE)
        said = one.errors()
        if code or "Traceback" in said or "leaked" in said:
            faults.append(f"{', '.join(one.urls)} ended with {code}: {said[-3000:]}")
    return faults
