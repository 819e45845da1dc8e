# SPDX-License-Identifier: Apache-2.0
"""Which header fields go on, which end at the gateway, and which it adds.

Names are in lower case, as ASGI has them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import quote, urlsplit

from rollcall.gateway.errors import HostileRequest

Fields: TypeAlias = list[tuple[bytes, bytes]]

_HOP: Final = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    )
)
"""Fields between two neighbours (RFC 9110, section 7.6.1, and what older clients send)."""

_MEANT_FOR_ALL: Final = frozenset(
    (
        b"authorization",
        b"cache-control",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"cookie",
        b"host",
        b"if-match",
        b"if-none-match",
        b"origin",
        b"set-cookie",
        b"traceparent",
        b"x-request-id",
    )
)
"""Fields that `Connection` must not name: a caller would have the gateway unmake its own checks."""

_OURS: Final = frozenset(
    (
        b"expect",  # answered here: the body is read before it is passed on
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
        b"x-forwarded-server",
        b"x-forwarded-ssl",
        b"x-original-url",
        b"x-real-ip",
        b"x-request-id",
        b"x-rewrite-url",
        b"traceparent",
    )
)
"""Fields that the gateway alone says; what came under these names nobody has checked."""

_SAID: Final = b"x-rollcall-"
"""How fields begin in which the gateway says who asked."""

_CREDENTIALS: Final = frozenset((b"authorization", b"cookie"))
_PLAIN: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")

_ANSWERED: Final = frozenset((b"x-request-id", b"traceparent"))
"""What the gateway tells its caller itself."""

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNUSABLE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_HOST: Final = re.compile(
    rb"[A-Za-z0-9._~%!$&'()*+,;=\-]*(?::[0-9]*)?|\[[0-9A-Fa-f:.]+\](?::[0-9]*)?"
)
_PATH: Final = re.compile(r"(;\s*path\s*=\s*)(/[^;]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a request came in.

    Args:
        client: The address of whoever sent it; None: unknown.
        scheme: `http` or `https`.
        host: What it called us.
        prefix: What was cut off its path.
        trusted: Whether the sender is a proxy whose word on its own client counts.
    """

    client: str | None
    scheme: str
    host: bytes
    prefix: str = ""
    trusted: bool = False


def host_of(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The one `Host` of a request; empty where there is none (HTTP/1.0).

    Raises:
        HostileRequest: There are several, or it is none (RFC 9112, section 3.2).
    """
    hosts = [value.strip(b" \t") for name, value in fields if name == b"host"]
    if len(hosts) > 1 or (hosts and not _HOST.fullmatch(hosts[0])):
        raise HostileRequest("host", "must be one host, with or without a port")
    return hosts[0] if hosts else b""


def body_length(fields: Sequence[tuple[bytes, bytes]]) -> int | None:
    """How long the request's body is said to be: 0 where there is none, None where only its end
    will tell.

    Raises:
        HostileRequest: It is said in two ways, or in a way of which servers think differently
            (RFC 9112, section 6.3).
    """
    lengths = {value.strip(b" \t") for name, value in fields if name == b"content-length"}
    codings = [
        value.strip(b" \t").lower() for name, value in fields if name == b"transfer-encoding"
    ]
    if codings:
        if codings != [b"chunked"] or lengths:
            raise HostileRequest("transfer-encoding", "must be 'chunked' alone, without a length")
        return None
    if not lengths:
        return 0
    length = lengths.pop()
    if lengths or not re.fullmatch(rb"[0-9]{1,18}", length):
        raise HostileRequest("content-length", "must be one whole number")
    return int(length)


def forwarded(fields: Sequence[tuple[bytes, bytes]], arrival: Arrival) -> Fields:
    """A request's fields as they are passed on: without those of the connection, and with what the
    gateway knows of the sender (RFC 7239, and the `X-Forwarded-*` that came before it).

    Raises:
        HostileRequest: A field holds what would end it early.
    """
    dropped = _of_connection(fields) | _OURS
    if body_length(fields) is None:
        dropped |= {b"content-length"}
    kept: Fields = []
    for name, value in fields:
        # Many servers take an underscore for the hyphen.
        meant = name.replace(b"_", b"-") if b"_" in name else name
        if meant in dropped or meant.startswith(_SAID):
            continue
        if not _TOKEN.fullmatch(name) or _UNUSABLE.search(value):
            raise HostileRequest("headers", "must not hold control characters")
        kept.append((name, value))
    before = dict(fields) if arrival.trusted else {}
    return [*kept, *_told(arrival, before)]


def to_guest(fields: Fields, subject: str, namespace: str) -> Fields:
    """A request's fields as they go to a service that is not ours: without credentials, and with
    who asked. What is not printable ASCII in a name is percent-encoded UTF-8, as is `%` itself.
    """
    kept = [(name, value) for name, value in fields if name not in _CREDENTIALS]
    for word, said in ((b"subject", subject), (b"namespace", namespace)):
        kept.append((_SAID + word, quote(said, safe=_PLAIN).encode()))
    return kept


def answered(fields: Sequence[tuple[bytes, bytes]], status: int, *, guest: bool = False) -> Fields:
    """An answer's fields as they are passed back.

    Args:
        fields: Those of the answer.
        status: Its status.
        guest: Whether it comes from a service that is not ours, and so sets no cookies here.
    """
    dropped = _of_connection(fields) | _ANSWERED
    if guest:
        dropped |= {b"set-cookie"}
    if status in (204, 304) or status < 200:
        dropped |= {b"content-length"}
    return [(name, value) for name, value in fields if name not in dropped]


def relocated(fields: Fields, prefix: str, own_hosts: Collection[str]) -> Fields:
    """An answer's fields with its own paths as the gateway's callers must write them.

    Args:
        fields: The fields.
        prefix: What was cut off the request's path; empty: nothing.
        own_hosts: What the service may think that it is called, as `host:port`: addresses with
            one of these are its own.
    """
    return [(name, _relocated(name, value, prefix, own_hosts)) for name, value in fields]


def _of_connection(fields: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """The fields that are for the neighbour alone: the known ones, and those `Connection` names."""
    named = {
        token.strip(b" \t").lower()
        for name, value in fields
        if name == b"connection"
        for token in value.split(b",")
    }
    return _HOP | (named - _MEANT_FOR_ALL) if named else _HOP


def _told(arrival: Arrival, before: dict[bytes, bytes]) -> Fields:
    client = arrival.client or "unknown"
    quoted = f'"[{client}]"' if ":" in client else client
    host = arrival.host.decode("latin-1")
    element = f"for={quoted};proto={arrival.scheme}" + (f';host="{host}"' if host else "")
    told = {
        b"x-forwarded-for": _after(before.get(b"x-forwarded-for"), client),
        b"x-forwarded-proto": before.get(b"x-forwarded-proto", arrival.scheme.encode()),
        b"x-forwarded-host": before.get(b"x-forwarded-host", arrival.host),
        b"forwarded": _after(before.get(b"forwarded"), element),
    }
    outer = before.get(b"x-forwarded-prefix", b"").rstrip(b"/")
    if outer or arrival.prefix:
        told[b"x-forwarded-prefix"] = outer + arrival.prefix.encode()
    return [(name, value) for name, value in told.items() if value]


def _after(before: bytes | None, one: str) -> bytes:
    said = one.encode("latin-1", "replace")
    return said if before is None else before + b", " + said


def _relocated(name: bytes, value: bytes, prefix: str, own_hosts: Collection[str]) -> bytes:
    if name in (b"location", b"content-location"):
        return _moved(value.decode("latin-1"), prefix, own_hosts).encode("latin-1")
    if name == b"set-cookie" and prefix:
        text = value.decode("latin-1")

        def below(found: re.Match[str]) -> str:
            path = found[2].rstrip()
            return f"{found[1]}{prefix}{'' if path == '/' else path}"

        return _PATH.sub(below, text).encode("latin-1")
    return value


def _moved(location: str, prefix: str, own_hosts: Collection[str]) -> str:
    try:
        parts = urlsplit(location)
    except ValueError:
        return location
    if parts.netloc:
        if parts.scheme not in ("", "http", "https") or parts.netloc.lower() not in own_hosts:
            return location
        # Without a host it is wherever the caller reached us.
        location = parts._replace(scheme="", netloc="").geturl() or "/"
        if location.startswith("//"):
            return parts.geturl()
    elif parts.scheme or not location.startswith("/"):
        return location
    return prefix + location
