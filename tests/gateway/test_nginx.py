# SPDX-License-Identifier: Apache-2.0
"""An nginx configuration from the routes and the registry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.gateway.catalogue import SERVICES
from rollcall.gateway.limiting import route_limits
from rollcall.gateway.models import RouteTable
from rollcall.gateway.nginx import NginxOptions, Place, address_of, configuration, usable
from rollcall.gateway.settings import GatewaySettings
from rollcall.kernel.errors import InvalidInput

FOUND = {
    "billing-service": [Place("10.0.0.1", 8003), Place("fd00::1", 8003), Place("billing", 1)],
    "widget-service": [Place("10.0.0.2", 8005)],
    "agent-service": [Place("10.0.0.3", 3004)],
    "api-gateway": [Place("10.0.0.4", 8000)],
}


def written(found: dict[str, list[Place]] = FOUND, **options: Any) -> str:
    return configuration(SERVICES, found, NginxOptions(**options), GatewaySettings())


def locations(text: str) -> list[tuple[re.Pattern[str], str]]:
    """The regular expressions of the locations, in order, and what each does."""
    found = re.findall(r'^  location ~ "(.*)" \{ (.*) \}$', text, re.MULTILINE)
    return [(re.compile(one), what) for one, what in found]


names = st.sampled_from(
    "api agents usage stats performance widgets x y services agent widget v1 config".split()
)


@given(st.lists(names, min_size=1, max_size=5), st.booleans())
def test_nginx_sends_a_path_where_the_gateway_does(parts: list[str], closed: bool) -> None:
    path = "/" + "/".join(parts) + ("/" if closed else "")
    everywhere = {
        one.registered: [Place("10.0.0.1", 1)] for one in SERVICES if one.registered is not None
    }
    text = written({**everywhere, "api-gateway": [Place("10.0.0.1", 2)]})
    route = RouteTable(SERVICES).match(path[1:].split("/"))
    wanted = None if route is None else route.service
    if wanted in ("service-registry", "agent-registry"):
        wanted = "gateway"
    prefixed = re.search(r"^  location \^~ (/services/(\w+)/)", text, re.MULTILINE)
    assert prefixed
    for prefix, said in re.findall(r"\n  location \^~ (\S+) \{ proxy_pass (\S+);", text):
        if f"{path}/".startswith(prefix):
            assert said == f"http://rollcall_{wanted}/"
            return
    done = next((what for one, what in locations(text) if one.search(path)), None)
    if wanted is None:
        assert done is None
    else:
        assert done == f"proxy_pass http://rollcall_{wanted.replace('-', '_')};"


def test_instances_stand_in_the_upstream_of_their_service() -> None:
    text = written()
    block = text[text.index("upstream rollcall_billing {") :].split("}")[0]
    assert re.findall(r"server (\S+) max_fails=5 fail_timeout=10s;", block) == [
        "10.0.0.1:8003",
        "[fd00::1]:8003",
        "billing:1",
    ]
    assert "least_conn" in block


def test_what_has_no_instance_goes_through_the_gateway() -> None:
    done = {what for one, what in locations(written()) if one.search("/api/analytics")}
    assert done == {"proxy_pass http://rollcall_gateway;"}


def test_what_has_no_instance_and_no_gateway_is_a_503() -> None:
    text = written({})
    assert {what for _, what in locations(text)} == {"return 503;"}
    assert "upstream" not in text.replace("proxy_next_upstream", "").partition("map")[2]


def test_a_service_at_a_fixed_address_is_left_to_the_gateway() -> None:
    assert "upstream rollcall_billing" not in written(apart=["billing"])


def test_pages_of_other_origins_are_left_to_the_gateway_but_not_widgets() -> None:
    text = written(cross_origin=True)
    assert '"" rollcall_billing; default rollcall_gateway;' in text
    ways = locations(text)

    def way(path: str) -> str:
        return next(what for one, what in ways if one.search(path))

    assert way("/api/invoices") == "proxy_pass http://$rollcall_to_billing;"
    assert way("/api/widgets") == "proxy_pass http://$rollcall_to_widgets;"
    assert way("/widget/v1/wpk_1/config") == "proxy_pass http://rollcall_widgets;"
    assert way("/services/agent/api") == "proxy_pass http://rollcall_gateway;"


def test_limits_count_by_address() -> None:
    limits = route_limits("/api/**=90/m,/api/runtime/**=5/s burst 10 at once 2,/x=7/h")
    text = written(rate=(0.5, 20), limits=limits)
    assert "limit_req_zone $binary_remote_addr zone=rollcall_rate:10m rate=30r/m;" in text
    assert "limit_req zone=rollcall_rate burst=19 nodelay;" in text
    zones = re.findall(r"zone=rollcall_limit_\d:10m rate=(\S+);", text)
    assert sorted(zones) == ["1r/m", "5r/s", "90r/m"]
    assert re.search(r"limit_conn rollcall_at_once_\d 2;", text)
    # The more exact pattern takes its paths out of the wider one.
    first = text.index('"~^/api/runtime(?:/.*)?$" $binary_remote_addr')
    assert first < text.index('"~^/api/runtime(?:/.*)?$" "";')


def test_what_nginx_cannot_hold_or_count_is_not_asked_of_it() -> None:
    many = [Place(f"10.0.{number}.1", 8003) for number in range(200)]
    text = written({"billing-service": many}, limits=route_limits("/x=1/s at once 65536"))
    assert "  zone rollcall_billing 256k;" in text
    assert "  limit_conn rollcall_at_once_0 65535;" in text


def test_tls_names_and_proxies_are_said() -> None:
    text = written(
        listen="[::1]:443",
        server_names=["rollcall.example", "*.rollcall.example"],
        certificate=("/etc/ssl/a.pem", "/etc/ssl/a.key"),
        proxies=[ip_network("10.0.0.0/8")],
    )
    assert "  listen [::1]:443 ssl;" in text
    assert "  server_name rollcall.example *.rollcall.example;" in text
    assert 'ssl_certificate_key "/etc/ssl/a.key";' in text
    assert "set_real_ip_from 10.0.0.0/8;" in text


@pytest.mark.parametrize(
    "options",
    [
        {"listen": "8080"},
        {"listen": "localhost:8080"},
        {"listen": "127.0.0.1:0"},
        {"listen": "127.0.0.1:8080; include /etc/passwd"},
        {"listen": "unix:/tmp/x"},
        {"listen": "::1:8080"},
        {"listen": "[::1:8080"},
        {"listen": "[[::1]]:8080"},
        {"listen": "[127.0.0.1]:8080"},
        {"listen": "127.0.0.1]:8080"},
        {"server_names": ["a;b"]},
        {"server_names": ["~^(?<x>.*)$"]},
        {"server_names": ["a b"]},
        {"certificate": ("/etc/a$host", "/etc/b")},
        {"certificate": ("relative", "/etc/b")},
        {"certificate": ('/etc/a"; include "b', "/etc/b")},
        {"certificate": ("/etc/a\n", "/etc/b")},
    ],
)
def test_an_option_that_would_be_something_else_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        NginxOptions(**options)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "unix",
        "UNIX",
        "a b",
        "a;b",
        "a}b",
        "$host",
        "a\nb",
        "-a",
        "a..b",
        "0xa9fea9fe",
        "2852039166",
        "a.1",
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "0.0.0.0",  # noqa: S104 - nobody listens there
        "fe80::1%eth0",
        "x" * 64,
        "bücher.example",
        "unix:/run/x",
    ],
)
def test_a_host_that_nobody_may_be_sent_to_is_none(host: str) -> None:
    assert address_of(host) is None


hosts = (
    st.text(max_size=30) | st.text("abc.;{}$\"' \n\\#:/0", max_size=12) | st.ip_addresses().map(str)
)
places = st.builds(Place, hosts, st.integers(-10, 70_000))


@given(st.lists(places, max_size=4))
def test_nothing_that_a_registry_holds_becomes_a_directive(some: Sequence[Place]) -> None:
    good = usable(some)
    for one in good:
        assert re.fullmatch(r"(?:[A-Za-z0-9._-]+|\[[0-9a-f:.]+\]):[0-9]{1,5}", one)
    empty = written({"billing-service": [Place("10.9.9.9", 1)]})
    text = written({"billing-service": [Place("10.9.9.9", 1), *some]})
    more = [line for line in text.splitlines() if line not in empty.splitlines()]
    assert all(re.fullmatch(r"  server \S+ max_fails=5 fail_timeout=10s;", one) for one in more)
