# SPDX-License-Identifier: Apache-2.0
"""A real nginx in front of instances that the registry knows, while one of them is killed."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp
from websockets.sync.client import connect

from rollcall.app.compose import compose
from rollcall.app.own import MARK, mark_of
from rollcall.app.settings import Settings
from rollcall.web.passes import Passes
from support.counting import counting
from support.hosting import hosted
from support.servers.nginx import Nginx
from support.servers.ports import free_ports
from support.typed import Shell

pytestmark = pytest.mark.server

SERVICE = "billing-service"
CLIENTS = 8
BEFORE = 200
"""Answers before an instance is killed."""
ALTOGETHER = 900


@dataclass
class House:
    """A registry, instances of a service, and nginx in front of them."""

    folder: Path
    stack: ExitStack
    registry: str
    passes: Passes
    nginx: Nginx
    notes: list[Path] = field(default_factory=list[Path])

    def instance(self) -> tuple[str, Callable[[], None]]:
        """Start one more, and register it as the installation's own; what kills it."""
        (port,) = free_ports(1)
        notes = self.folder / f"notes-{port}"
        self.notes.append(notes)
        process = self.stack.enter_context(counting(port, notes))
        mark = mark_of(SERVICE, "127.0.0.1", port, self.passes)
        self.register(port, {"extra": {MARK: mark}})
        return str(port), process.kill

    def register(self, port: int, metadata: object) -> None:
        body = {"name": SERVICE, "service_type": "api", "host": "127.0.0.1", "port": port}
        url = f"{self.registry}/api/v1/register"
        httpx.post(url, json={**body, "metadata": metadata}).raise_for_status()

    def write(self) -> None:
        shell = Shell({"SERVICE_REGISTRY_URL": self.registry})
        words = ("--listen", self.nginx.listen, "--output", str(self.nginx.configuration))
        done = shell("gateway", "nginx", "--check", *words)
        assert done.code == 0, done.err

    def done(self) -> Counter[str]:
        """How often each POST was done, by its id."""
        written = [one.read_text() for one in self.notes if one.exists()]
        return Counter(line for text in written for line in text.splitlines())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    told = {"ROLLCALL_STORE": "memory", "ROLLCALL_DATA_DIR": str(tmp_path / "data")}
    opened: list[Passes] = []

    @asynccontextmanager
    async def registry() -> AsyncGenerator[ASGIApp]:
        async with compose(Settings.load(told), ["service-registry"]) as platform:
            opened.append(platform.passes)
            yield platform.apps["service-registry"]

    with ExitStack() as stack:
        url = stack.enter_context(hosted(registry))
        nginx = Nginx(tmp_path)
        one = House(tmp_path, stack, url, opened[0], nginx)
        yield one


@dataclass
class Load:
    """Clients that ask without a pause, and what they were told."""

    url: str
    gets: Counter[int] = field(default_factory=Counter[int])
    posts: dict[str, int] = field(default_factory=dict[str, int])
    by: Counter[str] = field(default_factory=Counter[str])
    numbers: Iterator[int] = field(default_factory=itertools.count)
    half_way: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def answers(self) -> int:
        return self.gets.total() + len(self.posts)

    async def run(self, wanted: Callable[[], bool]) -> None:
        # Kept connections that nginx closes while it reads a configuration are the client's own
        # matter: each request has a new one.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with (
            httpx.AsyncClient(base_url=self.url, timeout=30, limits=limits) as client,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(CLIENTS):
                group.create_task(self._ask(client, wanted))

    async def _ask(self, client: httpx.AsyncClient, wanted: Callable[[], bool]) -> None:
        while wanted():
            number = next(self.numbers)
            if number % 3 == 0:
                answer = await client.post("/api/payments", content=f"p{number}")
                self.posts[f"p{number}"] = answer.status_code
            else:
                answer = await client.get("/api/invoices")
                self.gets[answer.status_code] += 1
            if self.answers >= BEFORE:
                self.half_way.set()
            if answer.status_code == 200:
                self.by[answer.json()["by"]] += 1


async def test_a_killed_instance_costs_no_get_and_doubles_no_post(house: House) -> None:
    first, kill = house.instance()
    second, _ = house.instance()
    # Whoever takes the name has no mark, and is sent nothing.
    house.register(free_ports(1)[0], {})
    await asyncio.to_thread(house.write)
    house.nginx.start()
    try:
        load = Load(house.nginx.url)
        loading = asyncio.create_task(load.run(lambda: load.answers < ALTOGETHER))
        await load.half_way.wait()
        kill()
        await loading
        assert load.gets.keys() == {200}, load.gets
        assert set(load.by) == {first, second}
        assert set(load.posts.values()) <= {200, 502}
        # Those that were under way, and what was sent before nginx saw the connection end.
        assert Counter(load.posts.values())[502] <= 2 * CLIENTS
        done = house.done()
        assert max(done.values()) == 1
        for name, status in load.posts.items():
            # Of what broke off nobody knows whether it was done, but nobody does it twice.
            assert done[name] == 1 or status == 502, name

        third, _ = house.instance()
        await asyncio.to_thread(house.write)
        more = Load(house.nginx.url, numbers=load.numbers)
        reloading = asyncio.create_task(more.run(lambda: not more.by[third]))
        house.nginx.reload()
        async with asyncio.timeout(60):
            await reloading
        assert more.gets.keys() == {200}
        assert max(house.done().values()) == 1
    finally:
        house.nginx.stop()


def test_what_nginx_adds_and_refuses(house: House) -> None:
    house.instance()
    house.write()
    house.nginx.start()
    try:
        headers = {
            "Authorization": "Bearer mine",
            "X-Request-ID": "mine",
            "X-Forwarded-For": "1.2.3.4",
            "X-Rollcall-Subject": "boss",
        }
        heard = httpx.get(f"{house.nginx.url}/api/billing/periods/", headers=headers).json()
        assert heard["path"] == "/api/billing/periods/"
        assert heard["authorization"] == "Bearer mine"
        assert heard["x-request-id"] == "mine"
        assert heard["x-forwarded-for"] == "127.0.0.1"
        assert heard["host"] == heard["x-forwarded-host"] == house.nginx.listen
        assert "x-rollcall-subject" not in heard
        absent = httpx.get(f"{house.nginx.url}/api/widgets")
        assert absent.status_code == 503
        assert absent.headers["content-type"] == "application/problem+json"
        assert absent.json()["type"] == "urn:rollcall:problem:service-not-here"
        for path in ("/api/%2e%2e/x", "/api//billing", "/api/billing%2fx", "/api/%252e%252e/x"):
            assert httpx.get(house.nginx.url + path).status_code == 400, path
        assert httpx.get(f"{house.nginx.url}/api/billing?next=//x/../y").status_code == 200
    finally:
        house.nginx.stop()


def test_streams_and_sockets_go_through_nginx_as_they_come(house: House) -> None:
    house.instance()
    house.write()
    house.nginx.start()
    try:
        url = f"{house.nginx.url}/api/billing"
        with httpx.stream("GET", f"{url}/stream", timeout=30) as answer:
            pieces = answer.iter_bytes()
            assert next(pieces) == b"data: one\n\n"
            httpx.get(f"{url}/go", timeout=30).raise_for_status()
            assert b"".join(pieces) == b"data: two\n\n"
        with connect(f"ws://{house.nginx.listen}/api/billing/socket", proxy=None) as socket:
            socket.send("hello")
            assert socket.recv(timeout=30) == "hello"
    finally:
        house.nginx.stop()


def test_what_would_be_the_same_is_not_touched(house: House) -> None:
    house.instance()
    house.write()
    before = house.nginx.configuration.stat()
    house.write()
    after = house.nginx.configuration.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    house.instance()
    house.write()
    assert house.nginx.configuration.stat().st_ino != before.st_ino
    assert house.nginx.configuration.stat().st_mode & 0o777 == 0o644


def test_what_nginx_does_not_take_is_not_written(house: House) -> None:
    house.write()
    before = house.nginx.configuration.read_text()
    house.instance()
    shell = Shell({"SERVICE_REGISTRY_URL": house.registry})
    nowhere = str(house.folder / "nowhere.pem")
    words = ("--check", "--tls-cert", nowhere, "--tls-key", nowhere)
    done = shell("gateway", "nginx", *words, "--output", str(house.nginx.configuration))
    assert done.code == 1
    assert "nowhere.pem" in done.err
    assert house.nginx.configuration.read_text() == before


def test_a_certificate_without_a_key_is_wrong_usage(house: House) -> None:
    shell = Shell({"SERVICE_REGISTRY_URL": house.registry})
    assert shell("gateway", "nginx", "--tls-cert", "/a.pem").code == 2


def test_without_a_registry_nothing_is_written(tmp_path: Path) -> None:
    output = tmp_path / "rollcall.conf"
    output.write_text("as it was")
    (port,) = free_ports(1)
    shell = Shell({"SERVICE_REGISTRY_URL": f"http://127.0.0.1:{port}"})
    done = shell("gateway", "nginx", "--output", str(output))
    assert done.code == 4
    assert "Is it running?" in done.err
    assert output.read_text() == "as it was"
