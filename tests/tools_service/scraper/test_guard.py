# SPDX-License-Identifier: Apache-2.0
"""Where connections may go."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.tools.scraper.addresses import AllowedHosts, is_public
from rollcall.tools.scraper.errors import AddressRefused, FetchFailed
from rollcall.tools.scraper.guard import Guard, MachineResolver
from rollcall.tools.scraper.targets import parse_url
from support.pages import Names


def guard(*allowed: str, ports: frozenset[int] = frozenset(), **names: list[str]) -> Guard:
    known = {name.replace("_", "."): [found] for name, found in names.items()}
    return Guard(AllowedHosts.parse(allowed), ports, Names(known))


async def test_a_public_name_leads_to_its_addresses() -> None:
    one = guard(site_example=["93.184.215.14", "2606:4700::1", "93.184.215.14"])
    found = await one.addresses(parse_url("http://site.example/"))
    assert [str(address) for address in found] == ["93.184.215.14", "2606:4700::1"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://168.63.129.16/",
        "http://255.255.255.255/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:8.8.8.8]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[2001:0:7f00:1::]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://sub.localhost/",
        "http://printer.local/",
        "http://router/",
        "http://metadata.google.internal/",
        "http://metadata.google.internal./",
        "http://anything.internal/",
    ],
)
async def test_what_is_not_of_the_public_web_is_refused_unasked(url: str) -> None:
    names = Names({})
    one = Guard(AllowedHosts.parse([]), frozenset(), names)
    with pytest.raises(AddressRefused):
        await one.addresses(parse_url(url))
    assert names.asked == []


@given(st.ip_addresses())
async def test_a_name_that_leads_to_no_public_address_is_refused(
    address: IPv4Address | IPv6Address,
) -> None:
    if is_public(address):
        return
    one = guard(site_example=[str(address)])
    with pytest.raises(AddressRefused) as caught:
        await one.addresses(parse_url("http://site.example/"))
    assert str(address) not in str(caught.value).replace("site.example", "")


async def test_one_private_address_among_public_ones_is_enough() -> None:
    one = guard(site_example=["93.184.215.14", "10.0.0.1"])
    with pytest.raises(AddressRefused):
        await one.addresses(parse_url("http://site.example/"))


async def test_a_zone_in_an_answer_is_refused() -> None:
    one = guard(site_example=["fe80::1%eth0"])
    with pytest.raises(AddressRefused):
        await one.addresses(parse_url("http://site.example/"))


async def test_a_name_that_nobody_knows_is_said_to_be_unknown() -> None:
    with pytest.raises(FetchFailed, match="nobody knows"):
        await guard().addresses(parse_url("http://nobody.example/"))


async def test_an_answer_that_is_no_address_leads_nowhere() -> None:
    with pytest.raises(FetchFailed, match="no address"):
        await guard(site_example=["what?"]).addresses(parse_url("http://site.example/"))


async def test_pages_are_read_at_the_ports_of_the_web() -> None:
    one = guard("8.8.8.8:22", ports=frozenset({80, 443}), site_example=["1.1.1.1"])
    assert await one.addresses(parse_url("https://site.example/"))
    with pytest.raises(AddressRefused, match="ports 80, 443"):
        await one.addresses(parse_url("http://site.example:25/"))
    assert await one.addresses(parse_url("http://8.8.8.8:22/"))


async def test_an_opened_name_may_be_private_but_never_a_metadata_service() -> None:
    one = guard("wiki", "trap", wiki=["10.0.0.5"], trap=["169.254.169.254"])
    assert await one.addresses(parse_url("http://wiki:3000/")) == [IPv4Address("10.0.0.5")]
    with pytest.raises(AddressRefused):
        await one.addresses(parse_url("http://trap/"))


async def test_an_opened_name_opens_neither_its_address_nor_its_other_ports() -> None:
    one = guard("wiki:3000", wiki=["10.0.0.5"], other_example=["10.0.0.5"])
    assert await one.addresses(parse_url("http://wiki:3000/"))
    for url in ("http://10.0.0.5:3000/", "http://other.example:3000/", "http://wiki:3001/"):
        with pytest.raises(AddressRefused):
            await one.addresses(parse_url(url))


async def test_an_opened_network_opens_the_names_that_lead_into_it() -> None:
    one = guard("10.0.0.0/8", wiki=["10.0.0.5"], router=["192.168.0.1"])
    assert await one.addresses(parse_url("http://wiki/"))
    with pytest.raises(AddressRefused):
        await one.addresses(parse_url("http://router/"))


async def test_an_opened_network_does_not_open_other_spellings_of_it() -> None:
    one = guard("127.0.0.0/8")
    assert await one.addresses(parse_url("http://127.0.0.1/"))
    for host in ("[::ffff:127.0.0.1]", "[::1]"):
        with pytest.raises(AddressRefused):
            await one.addresses(parse_url(f"http://{host}/"))


async def test_the_machine_itself_is_asked_where_nobody_else_is() -> None:
    with ThreadPoolExecutor(1) as threads:
        resolver = MachineResolver(threads)
        assert "127.0.0.1" in await resolver("localhost", 80)
        one = Guard(AllowedHosts.parse(["localhost", "nobody.invalid"]), frozenset(), resolver)
        assert IPv4Address("127.0.0.1") in await one.addresses(parse_url("http://localhost/"))
        with pytest.raises(FetchFailed, match="nobody knows"):
            await one.addresses(parse_url("http://nobody.invalid./"))
