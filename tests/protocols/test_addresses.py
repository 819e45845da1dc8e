from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.protocols.addresses import base_url, parse_address, parse_base_url, parse_host
from rollcall.registry.models import Address

LINK_LOCAL = st.integers(0, 2**16 - 1).map(lambda tail: IPv4Address(0xA9FE0000 + tail))
LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


@given(LINK_LOCAL)
def test_a_link_local_address_is_refused_however_it_is_written(address: IPv4Address) -> None:
    number = int(address)
    first, second, third, fourth = address.packed
    spellings = [
        str(address),
        f"{address}.",
        str(number),
        hex(number),
        f"0{number:o}",
        f"{first}.{second}.{third * 256 + fourth}",
        f"0x{first:x}.0x{second:x}.{third}.{fourth}",
        f"0{first:o}.0{second:o}.0{third:o}.0{fourth:o}",
        f"::ffff:{address}",
        f"[::ffff:{address}]",
        f"64:ff9b::{address}",
        f"::{address}",
        str(IPv6Address((0x2002 << 112) | (number << 80))),
    ]
    for spelling in spellings:
        with pytest.raises(InvalidInput) as caught:
            parse_host(spelling)
        assert caught.value.field == "host"


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "metadata",
        "0.0.0.0",  # noqa: S104
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "fe80::1%eth0",
        "",
        ".",
        "..",
        "a..b",
        "-a",
        "a-",
        "a b",
        "a/b",
        "a@b",
        "a:80",
        "a\0b",
        "a\u202eb",
        "bücher",
        "\uff11\uff16\uff19.254.169.254",
        "x" * 64,
        "x" * 300,
        ".".join(["a" * 60] * 5),
        "1.2.3",
        "0x7f.1",
        "127.1",
        "300.1.1.1",
        "01.2.3.4",
        "[::1",
        ":::",
    ],
)
def test_a_host_that_nobody_may_or_can_be_sent_to_is_refused(host: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_host(host)
    assert caught.value.field == "host"


@pytest.mark.parametrize(
    ("host", "kept"),
    [
        ("localhost", "localhost"),
        ("My-Service", "my-service"),
        ("my_service", "my_service"),
        ("feature-dev.prod.svc.cluster.local.", "feature-dev.prod.svc.cluster.local"),
        ("10.0.0.7", "10.0.0.7"),
        ("192.168.1.1", "192.168.1.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("[FD00:0::0001]", "fd00::1"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("3scale", "3scale"),
    ],
)
def test_a_host_is_kept_in_one_spelling(host: str, kept: str) -> None:
    assert parse_host(host) == kept
    assert parse_host(kept) == kept


@given(st.lists(LABELS, min_size=1, max_size=4).map(".".join), st.integers(1, 65_535))
def test_a_service_is_reached_where_it_says(host: str, port: int) -> None:
    address = parse_address(host, port)
    assert (address.host, address.port) == (host, port)
    assert base_url(address) == f"http://{host}:{port}"
    read = parse_base_url(base_url(address) or "")
    assert (read.host, read.port) == (address.host, address.port)


@pytest.mark.parametrize("port", [0, -1, 65_536, 2**40])
def test_a_port_is_one_of_those_there_are(port: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_address("localhost", port)
    assert caught.value.field == "port"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://feature-dev:8002", ("feature-dev", 8002)),
        ("http://my-agent", ("my-agent", 80)),
        ("https://my-agent/", ("my-agent", 443)),
        ("HTTPS://Agent.Example:8443/v1/agent", ("agent.example", 8443)),
        ("http://[::1]:8000", ("::1", 8000)),
        ("http://10.1.2.3:8000/a%20b", ("10.1.2.3", 8000)),
    ],
)
def test_an_agent_is_reached_at_its_url_which_stays_as_it_is(
    url: str, address: tuple[str, int]
) -> None:
    read = parse_base_url(url)
    assert (read.host, read.port) == address
    assert base_url(read) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "agent",
        "agent:8000",
        "//agent",
        "ftp://agent",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http:///path",
        "http://:80",
        "http://agent:0",
        "http://agent:65536",
        "http://agent:port",
        "http://user@agent",
        "http://user:password@agent",
        "http://agent@169.254.169.254",
        "http://169.254.169.254/latest/meta-data",
        "http://2852039166/",
        "http://[fe80::1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[::1",
        "http://agent/?q=1",
        "http://agent/#top",
        "http://agent/?",
        "http://agent\\@169.254.169.254/",
        "http://age nt/",
        "http://agent/\n",
        "http://agent/\0",
        "http://bücher/",
        "http://agent/" + "x" * 2048,
    ],
)
def test_a_url_that_cannot_be_an_agents_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_base_url(url)
    assert caught.value.field == "base_url"


def test_what_is_only_in_its_process_has_no_url() -> None:
    assert base_url(None) is None
    assert base_url(Address("::1", 80)) == "http://[::1]:80"
