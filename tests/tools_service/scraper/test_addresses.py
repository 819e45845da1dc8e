# SPDX-License-Identifier: Apache-2.0
"""Public addresses and others."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.scraper.addresses import AllowedHosts, is_public

PRIVATE_4 = st.one_of(
    *(
        st.ip_addresses(v=4, network=network)
        for network in """
        0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
        192.0.2.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4
        240.0.0.0/4 168.63.129.16/32
        """.split()
    )
)
PRIVATE_6 = st.one_of(
    *(
        st.ip_addresses(v=6, network=network)
        for network in """
        ::/128 ::1/128 ::ffff:0:0/96 64:ff9b:1::/48 100::/64 2001::/32 2001:db8::/32 2002::/16
        3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
        """.split()
    )
)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001:82b::200e"],
)
def test_addresses_of_websites_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.one_of(PRIVATE_4, PRIVATE_6))
def test_addresses_that_are_set_aside_are_not(address: IPv4Address | IPv6Address) -> None:
    assert not is_public(address)


@given(st.ip_addresses())
def test_nothing_is_public_that_python_holds_for_private(
    address: IPv4Address | IPv6Address,
) -> None:
    if not address.is_global or address.is_multicast:
        assert not is_public(address)


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "::{}", "2002:{}::1", "64:ff9b:1::{}"]))
def test_an_ipv4_address_in_the_clothes_of_ipv6_is_not_public(
    address: IPv4Address, clothes: str
) -> None:
    words = f"{int(address) >> 16:x}:{int(address) & 0xFFFF:x}"
    assert not is_public(IPv6Address(clothes.format(words)))


@given(st.ip_addresses(v=4))
def test_behind_nat64_the_ipv4_address_counts(address: IPv4Address) -> None:
    behind = IPv6Address((0x64FF9B << 96) | int(address))
    assert str(behind).startswith("64:ff9b::")
    assert is_public(behind) == is_public(address)


def test_an_address_with_a_zone_is_not_public() -> None:
    assert not is_public(IPv6Address("2606:4700:4700::1111%eth0"))


def test_a_name_is_opened_at_the_port_it_is_listed_with() -> None:
    allowed = AllowedHosts.parse(["Wiki.Example.:8080", "intranet"])
    assert allowed.has_name("wiki.example", 8080)
    assert not allowed.has_name("wiki.example", 80)
    assert allowed.has_name("intranet", 80)
    assert allowed.has_name("intranet", 9999)
    assert not allowed.has_name("sub.intranet", 80)


@pytest.mark.parametrize(
    ("entry", "address", "port", "opened"),
    [
        ("10.1.2.3", "10.1.2.3", 80, True),
        ("10.1.2.3", "10.1.2.4", 80, False),
        ("10.1.2.3:8080", "10.1.2.3", 8080, True),
        ("10.1.2.3:8080", "10.1.2.3", 80, False),
        ("10.0.0.0/8", "10.200.0.1", 5000, True),
        ("10.0.0.0/8", "11.0.0.1", 5000, False),
        ("10.0.0.0/8", "::ffff:10.0.0.1", 80, False),
        ("::1", "::1", 80, True),
        ("[::1]", "::1", 80, True),
        ("[::1]:8080", "::1", 8080, True),
        ("[::1]:8080", "::1", 80, False),
        ("fd00::/8", "fd12::1", 80, True),
    ],
)
def test_addresses_are_opened_as_listed(entry: str, address: str, port: int, opened: bool) -> None:
    assert AllowedHosts.parse([entry]).has_address(ip_address(address), port) is opened


@pytest.mark.parametrize(
    "entry", ["", "http://wiki", "wiki:0", "wiki:http", "10.0.0.1/8", "*.wiki", "u@wiki", "[::1]x"]
)
def test_an_entry_that_is_neither_host_nor_network_is_refused(entry: str) -> None:
    with pytest.raises(InvalidInput, match="allowed_hosts"):
        AllowedHosts.parse([entry])
