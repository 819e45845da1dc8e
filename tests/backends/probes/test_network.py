# SPDX-License-Identifier: Apache-2.0
"""Health checks over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from rollcall.backends.probes.network import NetworkProber
from rollcall.registry.models import Address, HealthCheck
from rollcall.registry.probing import ProbeFailed
from support.servers.ports import free_ports

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is refused
Start = Callable[[str], "asyncio.Future[Address]"]


@pytest_asyncio.fixture
async def prober() -> AsyncIterator[NetworkProber]:
    prober = NetworkProber()
    yield prober
    await prober.close()


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Callable[[bytes], object]]:
    """Servers that answer every connection with some bytes; they note what they are asked."""
    async with AsyncExitStack() as stack:

        async def start(answer: bytes) -> tuple[Address, list[str]]:
            asked: list[str] = []

            async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                try:
                    asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
                except asyncio.IncompleteReadError:
                    asked.append("")
                writer.write(answer)
                await writer.drain()
                writer.close()

            server = await asyncio.start_server(handle, "127.0.0.1", 0)
            await stack.enter_async_context(server)
            return Address("127.0.0.1", server.sockets[0].getsockname()[1]), asked

        yield start


def answer(status: int, body: bytes = b"", headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), headers, body)


@pytest.mark.parametrize("status", [200, 204, 299])
async def test_a_good_status_is_well(status: int, prober: NetworkProber, serve: Start) -> None:
    address, asked = await serve(answer(status))  # type: ignore[misc, arg-type]
    await prober.probe(address, HealthCheck(endpoint="/healthz?deep=1"))
    assert asked[0].startswith("GET /healthz?deep=1 HTTP/1.1\r\n")
    assert f"127.0.0.1:{address.port}" in asked[0]


@pytest.mark.parametrize("status", [199 + 101, 404, 500, 503])
async def test_any_other_status_is_not(status: int, prober: NetworkProber, serve: Start) -> None:
    address, _ = await serve(answer(status, headers=b"Location: /other\r\n"))  # type: ignore[misc, arg-type]
    with pytest.raises(ProbeFailed, match=f"gave {status}"):
        await prober.probe(address, HealthCheck())


async def test_the_status_that_is_expected_can_be_another(
    prober: NetworkProber, serve: Start
) -> None:
    address, _ = await serve(answer(401))  # type: ignore[misc, arg-type]
    await prober.probe(address, HealthCheck(expected_status=401))
    with pytest.raises(ProbeFailed, match="204 is expected"):
        await prober.probe(address, HealthCheck(expected_status=204))


async def test_what_is_no_http_is_not_well(prober: NetworkProber, serve: Start) -> None:
    address, _ = await serve(b"220 smtp ready\r\n")  # type: ignore[misc, arg-type]
    with pytest.raises(ProbeFailed, match="Protocol"):
        await prober.probe(address, HealthCheck())


async def test_nobody_there_is_not_well(prober: NetworkProber) -> None:
    (port,) = free_ports(1)
    for kind in ("http", "tcp"):
        with pytest.raises(ProbeFailed):
            await prober.probe(Address("127.0.0.1", port), HealthCheck(type=kind))  # type: ignore[arg-type]


async def test_a_port_that_takes_connections_is_well_by_tcp(
    prober: NetworkProber, serve: Start
) -> None:
    address, asked = await serve(b"")  # type: ignore[misc, arg-type]
    await prober.probe(address, HealthCheck(type="tcp"))
    await prober.probe(Address("localhost", address.port), HealthCheck(type="tcp"))
    assert set(asked) <= {""}


async def test_a_name_that_nobody_knows_is_not_well(prober: NetworkProber) -> None:
    with pytest.raises(ProbeFailed, match="cannot be looked up"):
        await prober.probe(Address("nobody.invalid", 80), HealthCheck())


@pytest.mark.parametrize(
    "host", ["169.254.169.254", EVERYWHERE, "fe80::1", "::ffff:169.254.169.254"]
)
async def test_an_address_that_nobody_may_be_sent_to_is_never_connected_to(
    host: str, prober: NetworkProber
) -> None:
    with pytest.raises(ProbeFailed, match="nobody may be sent there"):
        await prober.probe(Address(host, 80), HealthCheck())
