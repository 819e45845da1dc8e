"""Nobody is sent where nobody may be sent, however it is written."""

from __future__ import annotations

import httpx
import pytest

from rollcall.client.reaching import GuardedTransport, NotReached, places
from support.toolhosts import ToolHost


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "8.8.8.8"])
async def test_an_address_that_anybody_may_be_sent_to_is_its_own_place(host: str) -> None:
    assert await places(host, 80) == [host]


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "100.100.100.200", "0.0.0.0"],  # noqa: S104
)
async def test_a_metadata_address_is_refused(host: str) -> None:
    with pytest.raises(NotReached, match="nobody may be sent there"):
        await places(host, 80)


@pytest.mark.parametrize("host", ["0xA9FEA9FE", "2852039166"])
async def test_an_address_written_as_a_number_is_looked_at_too(host: str) -> None:
    with pytest.raises(NotReached):
        await places(host, 80)


async def test_a_name_that_leads_nowhere_is_not_reached() -> None:
    with pytest.raises(NotReached, match="cannot be looked up"):
        await places("no-such-host.invalid", 80)


async def test_a_name_of_several_addresses_is_reached_at_the_one_that_answers() -> None:
    host = await ToolHost().start()
    async with httpx.AsyncClient(transport=GuardedTransport()) as client:
        for _ in range(2):
            answer = await client.get(f"http://localhost:{host.port}/tools")
            assert answer.status_code == 200
    assert host.requests[0].headers["host"] == f"localhost:{host.port}"
    await host.kill()


async def test_where_nobody_listens_is_a_connect_error() -> None:
    host = await ToolHost().start()
    await host.kill()
    async with httpx.AsyncClient(transport=GuardedTransport()) as client:
        for url in (f"http://localhost:{host.port}/", "http://169.254.169.254/"):
            with pytest.raises(httpx.ConnectError):
                await client.get(url)
