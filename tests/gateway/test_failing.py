"""Instances that die, refuse, hang or talk nonsense, and what callers see of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from rollcall.gateway.ports import Instance as At
from rollcall.gateway.settings import GatewaySettings
from support.gateways import Registered, gateway, instance, served

PATIENCE = 20.0
BROKEN = (httpx.RemoteProtocolError, httpx.ReadError)
"""How it looks to a caller that the connection is cut, before a reset and after."""


@dataclass
class Instance:
    """A service of bare sockets that does to each connection what it is told."""

    act: Callable[[socket.socket], None]
    requests: list[bytes] = field(default_factory=list[bytes])

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            thread = threading.Thread(target=self._accept, args=(listening,), daemon=True)
            thread.start()
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            listening.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(PATIENCE)
                head = b""
                while b"\r\n\r\n" not in head:
                    more = connection.recv(65536)
                    if not more:
                        break
                    head += more
                else:
                    self.requests.append(head)
                    self.act(connection)


def dead() -> str:
    """The URL of nobody."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


def slam(connection: socket.socket) -> None:
    linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def half(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    slam(connection)


def half_of_much(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf")
    slam(connection)


def half_of_chunks(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")


def nonsense(connection: socket.socket) -> None:
    connection.sendall(b"220 smtp.example.com ESMTP\r\n\r\n")


def silent(connection: socket.socket) -> None:
    connection.recv(1)


async def fine(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("fine")(scope, receive, send)


async def busy(scope: Scope, receive: Receive, send: Send) -> None:
    await Response("later", 503, {"retry-after": "7"})(scope, receive, send)


def retries(url: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in httpx.get(f"{url}/metrics", timeout=PATIENCE).text.splitlines():
        if line.startswith("rollcall_gateway_retries_total{"):
            found[line.partition('reason="')[2].partition('"')[0]] = float(line.split()[-1])
    return found


def test_an_instance_that_takes_no_connection_costs_nothing_but_a_retry() -> None:
    with served(fine) as good, gateway(dead(), good) as url:
        for _ in range(20):
            assert (
                httpx.post(f"{url}/services/shop/", content=b"x", timeout=PATIENCE).text == "fine"
            )
        assert 1 <= retries(url)["unreached"] <= 2


def test_a_lost_get_is_asked_again_elsewhere() -> None:
    bad = Instance(slam)
    with bad.serving() as one, served(fine) as good, gateway(one, good) as url:
        assert {httpx.get(f"{url}/services/shop/", timeout=PATIENCE).text for _ in range(20)} == {
            "fine"
        }
        assert retries(url)["lost"] == len(bad.requests) >= 1


def test_a_lost_post_is_not_sent_again() -> None:
    bad = Instance(slam)
    with bad.serving() as one, gateway(one, settings=GatewaySettings(attempts=3)) as url:
        said = httpx.post(f"{url}/services/shop/", content=b"one pear", timeout=PATIENCE)
        assert said.status_code == 502
        assert said.json()["type"] == "urn:rollcall:problem:answer-lost"
        assert said.json()["service"] == "shop"
        assert "nobody knows" in said.json()["problem"]
        assert len(bad.requests) == 1
        assert retries(url) == {}


def test_an_instance_that_is_stopping_sends_a_get_elsewhere() -> None:
    with served(busy) as one, served(fine) as good, gateway(one, good) as url:
        assert {httpx.get(f"{url}/services/shop/", timeout=PATIENCE).text for _ in range(20)} == {
            "fine"
        }
        assert retries(url)["busy"] >= 1


def test_the_only_instance_may_say_that_it_is_busy_itself() -> None:
    with served(busy) as one, gateway(one) as url:
        said = httpx.get(f"{url}/services/shop/", timeout=PATIENCE)
        assert (said.status_code, said.text) == (503, "later")
        assert said.headers["retry-after"] == "7"


class Leaving(Registered):
    """A registry that a stopping instance has left when the gateway looks for another one."""

    async def find(self, service: str) -> Sequence[At]:
        found = await super().find(service)
        return found if self.asked % 2 else ()


def test_the_last_instance_says_itself_that_it_is_stopping_and_keeps_no_connection() -> None:
    few = GatewaySettings(connections=2)
    with (
        served(busy) as one,
        gateway(settings=few, registry=Leaving([instance(one)])) as url,
    ):
        said = [httpx.get(f"{url}/api/shop/", timeout=PATIENCE) for _ in range(5)]
        assert [(one.status_code, one.text) for one in said] == [(503, "later")] * 5


def test_a_get_whose_small_answer_breaks_off_is_asked_again_elsewhere() -> None:
    bad = Instance(half)
    with bad.serving() as one, served(fine) as good, gateway(one, good) as url:
        assert {httpx.get(f"{url}/services/shop/", timeout=PATIENCE).text for _ in range(20)} == {
            "fine"
        }
        assert retries(url)["lost"] == len(bad.requests) >= 1


def test_a_small_answer_that_always_breaks_off_is_a_502() -> None:
    with Instance(half).serving() as one, gateway(one) as url:
        said = httpx.get(f"{url}/services/shop/", timeout=PATIENCE)
        assert said.json()["type"] == "urn:rollcall:problem:answer-lost"


def test_a_post_whose_answer_breaks_off_is_not_sent_again() -> None:
    bad = Instance(half)
    with bad.serving() as one, gateway(one) as url:
        # The reset may overtake what was sent before it.
        with contextlib.suppress(*BROKEN):
            assert (
                httpx.post(
                    f"{url}/services/shop/", content=b"one pear", timeout=PATIENCE
                ).status_code
                == 502
            )
        assert len(bad.requests) == 1


@pytest.mark.parametrize("act", [half_of_much, half_of_chunks])
def test_an_answer_that_breaks_off_does_not_look_whole(act) -> None:
    with (
        Instance(act).serving() as one,
        gateway(one) as url,
        pytest.raises(BROKEN),
    ):
        httpx.get(f"{url}/services/shop/", timeout=PATIENCE)


def test_those_that_take_no_connection_are_not_counted_as_asked() -> None:
    settings = GatewaySettings(attempts=1, doors=7)
    with served(fine) as good, gateway(*(dead() for _ in range(6)), good, settings=settings) as url:
        for _ in range(5):
            assert httpx.post(f"{url}/services/shop/", timeout=PATIENCE).text == "fine"


def test_nobody_there_is_a_502() -> None:
    with gateway(dead()) as url:
        said = httpx.get(f"{url}/services/shop/", timeout=PATIENCE)
        assert said.status_code == 502
        assert said.json()["type"] == "urn:rollcall:problem:instance-unreached"


def test_an_answer_that_is_none_is_a_502() -> None:
    with Instance(nonsense).serving() as one, gateway(one) as url:
        said = httpx.get(f"{url}/services/shop/", timeout=PATIENCE)
        assert said.status_code == 502
        assert said.json()["type"] == "urn:rollcall:problem:answer-lost"


def test_an_answer_that_does_not_come_is_a_504() -> None:
    impatient = GatewaySettings(answer_seconds=0.2)
    with Instance(silent).serving() as one, gateway(one, settings=impatient) as url:
        said = httpx.get(f"{url}/services/shop/", timeout=PATIENCE)
        assert said.status_code == 504
        assert said.json()["type"] == "urn:rollcall:problem:answer-late"


def test_an_answer_that_stops_is_cut_off() -> None:
    def stop(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf")
        connection.recv(1)

    impatient = GatewaySettings(idle_seconds=0.2)
    with (
        Instance(stop).serving() as one,
        gateway(one, settings=impatient) as url,
        pytest.raises(BROKEN),
    ):
        httpx.get(f"{url}/services/shop/", timeout=PATIENCE)


def test_an_instance_that_keeps_failing_is_left_alone() -> None:
    bad = Instance(slam)
    with bad.serving() as one, gateway(one, settings=GatewaySettings(broken_after=3)) as url:
        said = [
            httpx.post(f"{url}/services/shop/", content=b"x", timeout=PATIENCE) for _ in range(10)
        ]
        assert [one.status_code for one in said] == [502] * 3 + [503] * 7
        assert said[-1].json()["type"] == "urn:rollcall:problem:no-instance-works"
        assert 1 <= int(said[-1].headers["retry-after"]) <= 10
        assert len(bad.requests) == 3


def test_a_gateway_that_is_full_says_so_and_blames_no_instance() -> None:
    def stay(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        connection.recv(1)

    one_line = GatewaySettings(connections=1, broken_after=1)
    with (
        Instance(stay).serving() as one,
        gateway(one, settings=one_line) as url,
        httpx.stream("GET", f"{url}/api/shop/", timeout=PATIENCE) as held,
    ):
        pieces = held.iter_raw()
        assert next(pieces) == b"one"
        for _ in range(3):
            said = httpx.get(f"{url}/api/shop/", timeout=PATIENCE)
            assert said.status_code == 503
            assert said.json()["type"] == "urn:rollcall:problem:gateway-full"
            assert said.headers["retry-after"] == "1"


def test_a_service_that_runs_nowhere_is_a_503_that_names_it() -> None:
    with gateway() as url:
        said = httpx.get(f"{url}/api/shop/fruit", timeout=PATIENCE)
        assert said.status_code == 503
        assert said.json()["type"] == "urn:rollcall:problem:service-not-here"
        assert said.json()["service"] == "shop"
        assert httpx.get(f"{url}/health", timeout=PATIENCE).json()["checks"]["shop"] == "absent"


def test_two_instances_one_of_which_dies_fail_no_get() -> None:
    with contextlib.ExitStack() as stack:
        dying = stack.enter_context(contextlib.ExitStack())
        one = dying.enter_context(served(fine))
        good = stack.enter_context(served(fine))
        url = stack.enter_context(gateway(one, good))
        client = stack.enter_context(httpx.Client(timeout=PATIENCE))
        half_way = threading.Semaphore(0)

        def ask(_: int) -> int:
            half_way.release()
            return client.get(f"{url}/services/shop/").status_code

        with ThreadPoolExecutor(4) as pool:
            asked = pool.map(ask, range(600))
            for _ in range(200):
                assert half_way.acquire(timeout=PATIENCE)
            dying.close()
            assert set(asked) == {200}


def test_health_names_the_service_that_fails() -> None:
    with served(busy) as one, gateway(one) as url:
        said = httpx.get(f"{url}/health", timeout=PATIENCE).json()
        assert said["status"] == "degraded"
        assert said["failed"] == ["shop"]
