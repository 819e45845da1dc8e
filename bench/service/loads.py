# SPDX-License-Identifier: Apache-2.0
"""Loads that wrk cannot make, each a process of its own on the client's core.

    python -m bench.service.loads websocket '{"url": ..., "key": ..., "seconds": 3, ...}'

prints `{"rate": ..., "p50": ..., "p99": ...}`.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from bench import environment
from bench.service.wrk import CLIENT_CORE, Figures, NotMeasured, pinned


def run(name: str, **options: Any) -> Figures:
    """The figures of a load, run to its end.

    Raises:
        NotMeasured: It failed, or a library that it needs is not installed.
    """
    # The benchmarks' own environment has what the peers' clients need.
    python = environment.PYTHON if environment.PYTHON.exists() else Path(sys.executable)
    command = [str(python), "-W", "ignore", "-m", "bench.service.loads", name]
    done = subprocess.run(
        pinned(CLIENT_CORE, [*command, json.dumps(options)]),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode:
        raise NotMeasured(done.stderr.strip().splitlines()[-1])
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


async def websocket(options: dict[str, Any]) -> Figures:
    """Messages of `size` heartbeats over one connection, one after the other; heartbeats/s."""
    import websockets

    size, agents = options["size"], options["agents"]
    messages = [
        json.dumps({"agent_ids": [f"agent-{n:06}" for n in range(first, first + size)]})
        for first in range(0, agents - size + 1, size)
    ]
    url = options["url"].replace("http", "ws", 1) + "/ws/heartbeats"
    headers = {"Authorization": f"Bearer {options['key']}"}
    times: list[float] = []
    async with websockets.connect(url, additional_headers=headers, compression=None) as socket:
        begun = time.perf_counter()
        while (sent := time.perf_counter()) < begun + options["seconds"]:
            await socket.send(messages[len(times) % len(messages)])
            answer = json.loads(await socket.recv())
            assert answer["renewed"] == size, answer
            times.append(time.perf_counter() - sent)
    return _figures(len(times) * size / (time.perf_counter() - begun), times)


async def fanout(options: dict[str, Any]) -> Figures:
    """Events that reach `subscribers` streams while one agent's status changes; events/s over all.

    Latency is from before a change is sent until a stream has its event.
    """
    import httpx

    headers = {"Authorization": f"Bearer {options['key']}"}
    expected = options["changes"]
    limits = httpx.Limits(max_connections=None)
    sent: list[float] = []
    times: list[float] = []
    ready = asyncio.Semaphore(0)

    async def listen(client: httpx.AsyncClient) -> None:
        heard = 0
        async with client.stream("GET", "/events?type=status_changed", timeout=60) as stream:
            ready.release()
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    times.append(time.perf_counter() - sent[heard])
                    heard += 1
                    if heard == expected:
                        return

    async with httpx.AsyncClient(base_url=options["url"], headers=headers, limits=limits) as client:
        listeners = [asyncio.create_task(listen(client)) for _ in range(options["subscribers"])]
        for _ in listeners:
            await ready.acquire()
        # A stream's head comes before its first event can: one that is lost would be waited for.
        begun = time.perf_counter()
        for number in range(expected):
            sent.append(time.perf_counter())
            status = "busy" if number % 2 == 0 else "active"
            answer = await client.patch("/agents/agent-000000/status", json={"status": status})
            answer.raise_for_status()
        await asyncio.wait_for(asyncio.gather(*listeners), 60)
        took = time.perf_counter() - begun
    return _figures(len(times) / took, times)


async def zookeeper(options: dict[str, Any]) -> Figures:
    """One kind of request with `flight` under way at a time over one session, by kazoo."""
    from kazoo.client import KazooClient

    def measured() -> Figures:
        client = KazooClient(hosts=f"127.0.0.1:{options['port']}")
        client.start()
        client.ensure_path("/bench")
        client.ensure_path("/bench/one")
        value, number = b"x" * 220, 0
        times: list[float] = []

        def ask() -> Any:
            nonlocal number
            number += 1
            if options["kind"] == "ping":
                # What a ping is to a session, asked for: kazoo sends pings by itself only.
                return client.exists_async("/bench/one")
            if options["kind"] == "set":
                return client.set_async("/bench/one", value)
            return client.create_async(f"/bench/{options['round']}-{number:08}", value)

        begun = time.perf_counter()
        waiting = [(time.perf_counter(), ask()) for _ in range(options["flight"])]
        while time.perf_counter() < begun + options["seconds"]:
            sent, result = waiting.pop(0)
            result.get(timeout=30)
            times.append(time.perf_counter() - sent)
            waiting.append((time.perf_counter(), ask()))
        took = time.perf_counter() - begun
        for _, result in waiting:
            result.get(timeout=30)
        client.stop()
        client.close()
        return _figures(len(times) / took, times)

    return await asyncio.to_thread(measured)


LOADS: Final[dict[str, Callable[[dict[str, Any]], Awaitable[Figures]]]] = {
    "websocket": websocket,
    "fanout": fanout,
    "zookeeper": zookeeper,
}


def _figures(rate: float, times: list[float]) -> Figures:
    if len(times) < 2:
        return Figures(rate)
    cuts = statistics.quantiles(times, n=100)
    return Figures(rate, cuts[49], cuts[98])


if __name__ == "__main__":
    found = asyncio.run(LOADS[sys.argv[1]](json.loads(sys.argv[2])))  # type: ignore[arg-type]
    print(json.dumps({"rate": found.rate, "p50": found.p50, "p99": found.p99}))
