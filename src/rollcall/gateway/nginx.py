# SPDX-License-Identifier: Apache-2.0
"""An nginx configuration that sends requests where the gateway would.

It goes between the braces of nginx's `http`. What nginx cannot do is left to the services, or to
the gateway behind it, and the configuration begins with a list of it. Every word that somebody
else chose (hosts, names, paths of files) is checked, or left out: none can become a directive.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, NamedTuple

from rollcall.gateway.limiting import RouteLimit
from rollcall.gateway.models import REST, GatewayService, split
from rollcall.gateway.settings import GatewaySettings
from rollcall.kernel.addresses import refusal
from rollcall.kernel.errors import InvalidInput
from rollcall.web.proxies import Networks

GATEWAY: Final = "api-gateway"
"""The gateway's name in the registry. It answers what is nobody else's."""
ABOUT: Final = """\
# nginx in front of the services of Rollcall, as the registry knew them when this was written.
# Write it anew when instances come or go: rollcall gateway nginx --output FILE && nginx -s reload
#
# nginx does not do here, and so others do:
# - Keys and tokens: it passes them on, and every service checks them, as when it is asked directly.
# - Services of your own (ROLLCALL_GATEWAY_ROUTES): they are told who asks, so they are reached
#   through the gateway, as is everything whose service has no instance below, or a fixed address.
# - Limits for each caller: nginx counts by address alone, and knows no `RateLimit` fields.
# - Pages of other origins (ROLLCALL_CORS_ORIGINS): where any may ask, requests with an `Origin` go
#   through the gateway, but for widgets', whose service answers itself.
# - Circuit breaking by share of failures: an instance is left alone after {failures} failures.
# Set ROLLCALL_TRUSTED_PROXIES of the services to the address of nginx: then they believe it about
# addresses of senders.
"""
_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)(?:[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)*"
    r"[A-Za-z](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
)
_SERVER_NAME: Final = re.compile(r"(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?")
_FILE: Final = re.compile(r"/[A-Za-z0-9._/@+=: -]{1,1000}")
_ANY: Final = "[^/]+"
_MOST: Final = 65535
"""Requests at the same time: nginx counts no further."""
_NO_SOCKET: Final = "unix"
"""What nginx would take for the path of a socket."""


class Place(NamedTuple):
    """Where an instance answers."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class NginxOptions:
    """What an operator wants of nginx.

    Args:
        listen: Where it listens, as `address:port`.
        server_names: What it is called; empty: anything.
        certificate: Paths of the certificate and of its key; None: no TLS.
        rate: Requests a second of an address, and how many in a row; None: any number.
        limits: Limits of single routes, by address.
        cross_origin: Whether pages of other origins may ask, by the gateway's settings.
        proxies: Networks of proxies in front of nginx.
        apart: Services at fixed addresses, by their names.

    Raises:
        InvalidInput: Something would not be what it looks like in a configuration.
    """

    listen: str = "127.0.0.1:8080"
    server_names: Sequence[str] = ()
    certificate: tuple[str, str] | None = None
    rate: tuple[float, int] | None = None
    limits: Sequence[RouteLimit] = ()
    cross_origin: bool = False
    proxies: Networks = ()
    apart: Collection[str] = ()

    def __post_init__(self) -> None:
        host, _, port = self.listen.rpartition(":")
        number = int(port) if re.fullmatch(r"[0-9]{1,5}", port) else 0
        bare = re.fullmatch(r"\[(.*)\]", host)
        address = address_of(bare[1] if bare else host, listening=True)
        # Brackets around IPv6, and around nothing else.
        plain = address is not None and address.startswith("[") == (bare is not None)
        if not 0 < number < 65536 or not plain:
            raise InvalidInput("listen", "must be an address and a port, such as 127.0.0.1:8080")
        for name in self.server_names:
            if not _SERVER_NAME.fullmatch(name):
                raise InvalidInput("server-name", f"{name!r:.100} is no host's name")
        for path in self.certificate or ():
            if not _FILE.fullmatch(path):
                raise InvalidInput(
                    "tls-cert", "and its key must be absolute paths of plain letters"
                )


def address_of(host: str, *, listening: bool = False) -> str | None:
    """A host as nginx writes it; None: it is none that anybody may be sent to.

    Args:
        host: A name or an IP address.
        listening: Whether it is listened on: then it must be an address, and may be any.
    """
    try:
        address = ip_address(host)
    except ValueError:
        named = _HOST.fullmatch(host) and host.lower() != _NO_SOCKET
        return host if named and not listening else None
    # A zone is this machine's word for one of its networks.
    if "%" in host or (not listening and refusal(address) is not None):
        return None
    return f"[{address}]" if address.version == 6 else str(address)


def usable(places: Sequence[Place]) -> list[str]:
    """`host:port` of those that anybody may be sent to, each once, in order."""
    found: dict[str, None] = {}
    for host, port in places:
        address = address_of(host)
        if address is not None and 0 < port < 65536:
            found[f"{address}:{port}"] = None
    return sorted(found)


def configuration(
    services: Sequence[GatewayService],
    found: Mapping[str, Sequence[Place]],
    options: NginxOptions,
    settings: GatewaySettings,
) -> str:
    """The configuration.

    Args:
        services: Whose paths are whose; their own words, which are trusted.
        found: Instances by the names of their services in the registry.
        options: What the operator wants.
        settings: How patient the gateway is.
    """
    servers = {
        one.name: places
        for one in services
        if one.registered is not None
        and not one.guest
        and one.name not in options.apart
        and (places := usable(found.get(one.registered, ())))
    }
    gateway = usable(found.get(GATEWAY, ()))
    lines = [*ABOUT.format(failures=settings.broken_after).splitlines(), ""]
    for name, places in [*servers.items(), *([("gateway", gateway)] if gateway else [])]:
        lines += _upstream(name, places, settings)
    lines += _maps(services, options)
    if options.cross_origin and gateway:
        for name in servers:
            lines += [
                f"map $http_origin {_variable(name)} {{",
                f'  "" {_name(name)}; default {_name("gateway")};',
                "}",
            ]
    lines += ["", *_server(services, servers, options, settings, gateway=bool(gateway))]
    return "\n".join(lines) + "\n"


def _name(service: str) -> str:
    return f"rollcall_{re.sub('[^a-z0-9]', '_', service)}"


def _variable(service: str) -> str:
    return f"$rollcall_to_{re.sub('[^a-z0-9]', '_', service)}"


def _upstream(name: str, places: Sequence[str], settings: GatewaySettings) -> Iterator[str]:
    fails = f"max_fails={settings.broken_after} fail_timeout={settings.broken_seconds:g}s"
    yield f"upstream {_name(name)} {{"
    # For each 64 instances, of which nginx keeps less than a kilobyte.
    yield f"  zone {_name(name)} {64 * -(-len(places) // 64)}k;"
    yield "  least_conn;"
    for place in places:
        yield f"  server {place} {fails};"
    # Shorter than services keep them: what is not sent over a closed one need not be lost.
    yield "  keepalive 32; keepalive_timeout 15s;"
    yield "}"


def _maps(services: Sequence[GatewayService], options: NginxOptions) -> Iterator[str]:
    yield "map $http_upgrade $rollcall_connection { default upgrade; '' ''; }"
    yield "map $http_x_request_id $rollcall_request {"
    yield '  default $request_id; "~^[A-Za-z0-9._:@/+=-]{1,128}$" $http_x_request_id;'
    yield "}"
    yield "# Paths that two servers could read in two ways are refused, not mended."
    yield "map $request_uri $rollcall_ambiguous {"
    yield r'  default 0; "~*^[^?]*%(?:2f|5c|[01][0-9a-f]|7f)" 1;'
    yield r'  "~*^[^?]*%25(?:25)*(?:2e|2f|5c|00|25)" 1; "~^[^?]*(?://|\\\\)" 1;'
    yield r'  "~*^[^?]*/(?:\.|%2e){1,2}(?:[/;?]|$)" 1;'
    yield "}"
    yield "map $uri $rollcall_prefix {"
    for one in services:
        if one.prefix is not None:
            yield f'  "~^{re.escape(one.prefix)}(?:/|$)" {one.prefix};'
    yield '  default "";'
    yield "}"
    if options.rate is not None:
        yield _zone("$binary_remote_addr", "rollcall_rate", _per_second(options.rate[0]))
    ordered = sorted(options.limits, key=lambda one: _rank(one.pattern))
    for number, limit in enumerate(ordered):
        yield f"map $uri $rollcall_limit_{number} {{"
        for one in ordered[:number]:
            yield f'  "{_expression(one.pattern)}" "";'
        yield f'  "{_expression(limit.pattern)}" $binary_remote_addr; default "";'
        yield "}"
        key = f"$rollcall_limit_{number}"
        yield _zone(key, f"rollcall_limit_{number}", _per_second(limit.per_second))
        if limit.at_once is not None:
            yield f"limit_conn_zone {key} zone=rollcall_at_once_{number}:10m;"


def _zone(key: str, name: str, rate: str) -> str:
    return f"limit_req_zone {key} zone={name}:10m rate={rate};"


def _per_second(rate: float) -> str:
    """A rate in nginx's whole numbers, never less than it is."""
    return f"{int(rate)}r/s" if rate == int(rate) else f"{max(1, -int(-rate * 60 // 1))}r/m"


def _limits(options: NginxOptions) -> Iterator[str]:
    if options.rate is not None:
        yield f"  limit_req zone=rollcall_rate{_burst(options.rate[1])};"
    ordered = sorted(options.limits, key=lambda one: _rank(one.pattern))
    for number, limit in enumerate(ordered):
        yield f"  limit_req zone=rollcall_limit_{number}{_burst(limit.burst)};"
        if limit.at_once is not None:
            yield f"  limit_conn rollcall_at_once_{number} {min(limit.at_once, _MOST)};"


def _burst(requests: int) -> str:
    # The first one is none of nginx's burst.
    return f" burst={requests - 1} nodelay" if requests > 1 else ""


def _server(
    services: Sequence[GatewayService],
    servers: Mapping[str, Sequence[str]],
    options: NginxOptions,
    settings: GatewaySettings,
    *,
    gateway: bool,
) -> Iterator[str]:
    yield "server {"
    yield f"  listen {options.listen}{' ssl' if options.certificate else ''};"
    if options.server_names:
        yield f"  server_name {' '.join(options.server_names)};"
    if options.certificate:
        certificate, key = options.certificate
        yield f'  ssl_certificate "{certificate}"; ssl_certificate_key "{key}";'
        yield "  ssl_protocols TLSv1.2 TLSv1.3;"
    if options.proxies:
        yield "  real_ip_header X-Forwarded-For; real_ip_recursive on;"
        for network in options.proxies:
            yield f"  set_real_ip_from {network};"
    yield f"  client_max_body_size {settings.body_bytes};"
    yield "  merge_slashes off; server_tokens off; absolute_redirect off;"
    yield "  if ($rollcall_ambiguous) { return 400; }"
    yield "  limit_req_status 429; limit_conn_status 429;"
    yield from _limits(options)
    yield from _passing(settings)
    yield from _problems(gateway=gateway)
    for service, pattern in _routes(services):
        yield from _location(service, pattern, servers, options, gateway=gateway)
    yield f"  location / {{ {_to_gateway(gateway)} }}"
    yield "}"


def _passing(settings: GatewaySettings) -> Iterator[str]:
    answer, idle = settings.answer_seconds, settings.idle_seconds
    yield "  proxy_http_version 1.1;"
    yield f"  proxy_connect_timeout {settings.connect_seconds:g}s;"
    yield f"  proxy_read_timeout {max(answer, idle):g}s; proxy_send_timeout {idle:g}s;"
    yield "  # Streams are passed on as they come."
    yield "  proxy_buffering off;"
    yield "  # What was sent is sent again only if to do it twice does no harm: no POST, no PATCH."
    yield "  proxy_next_upstream error timeout http_503;"
    yield f"  proxy_next_upstream_tries {settings.attempts}; proxy_next_upstream_timeout 10s;"
    for name, value in (
        ("Host", "$http_host"),
        ("Connection", "$rollcall_connection"),
        ("Upgrade", "$http_upgrade"),
        ("X-Request-ID", "$rollcall_request"),
        ("X-Forwarded-For", "$remote_addr"),
        ("X-Forwarded-Proto", "$scheme"),
        ("X-Forwarded-Host", "$http_host"),
        ("X-Forwarded-Prefix", "$rollcall_prefix"),
        ("Forwarded", '""'),
        ("X-Real-IP", '""'),
        ("X-Rollcall-Subject", '""'),
        ("X-Rollcall-Namespace", '""'),
    ):
        yield f"  proxy_set_header {name} {value};"


def _problems(*, gateway: bool) -> Iterator[str]:
    """What nginx itself answers, in the gateway's words."""
    for status, name, title in (
        (429, "rate-limited", "The caller asks too often"),
        (502, "instance-unreached", "No instance takes a connection"),
        (503, "service-not-here", "The service does not run"),
        (504, "answer-late", "The service did not answer in time"),
    ):
        body = f'{{"type": "urn:rollcall:problem:{name}", "title": "{title}", "status": {status}}}'
        yield f"  error_page {status} @rollcall_{status};"
        yield f"  location @rollcall_{status} {{"
        yield "    default_type application/problem+json;"
        if status != 504:
            yield "    add_header Retry-After 1 always;"
        yield f"    return {status} '{body}';"
        yield "  }"


def _routes(services: Sequence[GatewayService]) -> list[tuple[GatewayService, str]]:
    """Patterns of services, those first that count where several fit."""
    found = [
        (one, pattern)
        for one in services
        if not one.guest
        for pattern in dict.fromkeys((*one.patterns, *one.public))
        if one.prefix is None or not pattern.startswith(f"{one.prefix}/")
    ]
    prefixed = [(one, f"{one.prefix}/{REST}") for one in services if one.prefix is not None]
    return sorted([*found, *prefixed], key=lambda one: _rank(one[1]))


def _rank(pattern: str) -> tuple[int, ...]:
    """Puts patterns in an order in which the first that fits a path is the most exact one."""
    return tuple(2 if one == REST else 1 if one.startswith("{") else 0 for one in split(pattern))


def _expression(pattern: str) -> str:
    """A pattern as a regular expression; a closing slash does not matter."""
    *parts, last = split(pattern)
    end = "(?:/.*)?$" if last == REST else "/?$"
    parts = parts if last == REST else [*parts, last]
    return "~^" + "".join(f"/{_ANY if p.startswith('{') else re.escape(p)}" for p in parts) + end


def _location(
    service: GatewayService,
    pattern: str,
    servers: Mapping[str, Sequence[str]],
    options: NginxOptions,
    *,
    gateway: bool,
) -> Iterator[str]:
    through = options.cross_origin and gateway
    prefix = service.prefix
    if service.name not in servers:
        where = _to_gateway(gateway)
    elif prefix is not None and pattern.startswith(f"{prefix}/"):
        if through:
            where = _to_gateway(gateway)
        else:
            target = f"proxy_pass http://{_name(service.name)}/; proxy_redirect / {prefix}/;"
            yield f"  location = {prefix} {{ {target} }}"
            yield f"  location ^~ {prefix}/ {{ {target} }}"
            return
    elif through and not any(pattern.startswith(f"{one}/") for one in service.cross_origin):
        where = f"proxy_pass http://{_variable(service.name)};"
    else:
        where = f"proxy_pass http://{_name(service.name)};"
    yield f'  location ~ "{_expression(pattern)[1:]}" {{ {where} }}'


def _to_gateway(there: bool) -> str:
    return f"proxy_pass http://{_name('gateway')};" if there else "return 503;"
