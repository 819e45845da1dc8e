# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from rollcall.kernel.services import ServiceRegistry


def test_a_service_is_found_by_its_name() -> None:
    registry = ServiceRegistry()
    service = object()
    registry.register("agent_service", service)
    assert registry.get("agent_service") is service
    assert registry.has_service("agent_service")
    assert not registry.has_service("memory_service")


def test_a_name_is_given_once_and_the_first_service_keeps_it() -> None:
    registry = ServiceRegistry()
    first = object()
    registry.register("agent_service", first)
    with pytest.raises(ValueError, match="a service called 'agent_service' already"):
        registry.register("agent_service", object())
    assert registry.get("agent_service") is first


def test_who_asks_for_a_service_that_is_not_there_is_told_which_are() -> None:
    registry = ServiceRegistry()
    with pytest.raises(KeyError, match="no service called 'memory_service'; there is none"):
        registry.get("memory_service")
    registry.register("b", object())
    registry.register("a", object())
    with pytest.raises(KeyError, match="no service called 'memory_service'; there is a, b"):
        registry.get("memory_service")


def test_even_nothing_is_a_service_that_is_there() -> None:
    registry = ServiceRegistry()
    registry.register("nothing", None)
    assert registry.has_service("nothing")
    assert registry.get("nothing") is None
    with pytest.raises(ValueError, match="already"):
        registry.register("nothing", object())


def test_of_threads_that_want_one_name_at_once_one_gets_it() -> None:
    registry = ServiceRegistry()
    names, threads = 200, 8
    together = Barrier(threads)

    def claim(thread: int) -> int:
        got = 0
        for name in range(names):
            together.wait(30)
            try:
                registry.register(str(name), thread)
            except ValueError:
                continue
            assert registry.get(str(name)) == thread
            got += 1
        return got

    with ThreadPoolExecutor(threads) as pool:
        won = list(pool.map(claim, range(threads)))
    assert sum(won) == names
    held = [registry.get(str(name)) for name in range(names)]
    assert [held.count(thread) for thread in range(threads)] == won
