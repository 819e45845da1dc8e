# SPDX-License-Identifier: Apache-2.0
"""Getting the bytes of a page: from checked addresses alone, never more than there is room for."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import httpx

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.scraper.addresses import IPAddress
from rollcall.tools.scraper.errors import (
    AddressRefused,
    FetchFailed,
    FetchTimedOut,
    UnsupportedContent,
)
from rollcall.tools.scraper.guard import Guard
from rollcall.tools.scraper.inflating import (
    ACCEPTED,
    BrokenEncoding,
    Inflater,
    UnknownEncoding,
)
from rollcall.tools.scraper.kinds import check_kind
from rollcall.tools.scraper.politeness import HostSlots
from rollcall.tools.scraper.settings import ScraperSettings
from rollcall.tools.scraper.targets import Target

ACCEPT_PAGES: Final = "text/html, application/xhtml+xml, text/*;q=0.9, application/*;q=0.8"

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_TRIED: Final = 4
"""Addresses of one name; the next is tried only where nothing answers at the one before."""

Check = Callable[[Target], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server sent.

    Args:
        target: Where it came from, after the redirects.
        content_type: The `Content-Type` header; empty: none.
        body: The bytes, decompressed.
        cut: Whether there was more than was read.
        status_code: From 200 to 299.
    """

    target: Target
    content_type: str
    body: bytes
    cut: bool
    status_code: int


class TooManyRedirects(FetchFailed):
    """A page redirects to a page that redirects, and so on."""


class Fetcher:
    """Gets pages.

    Nothing is kept from one request to the next: no cookies, no connections, no credentials. No
    proxy of the environment is used, since its address is not the one that was checked.

    Args:
        settings: Its limits.
        guard: Says where connections may go.
        transport: Makes them; closed by whoever made it.
    """

    def __init__(
        self, settings: ScraperSettings, guard: Guard, transport: httpx.AsyncBaseTransport
    ) -> None:
        self._settings = settings
        self._guard = guard
        self._transport = transport
        self._slots = HostSlots(settings.per_host)

    async def get(
        self,
        target: Target,
        *,
        most_bytes: int,
        accept: str = ACCEPT_PAGES,
        check: Check | None = None,
        text_only: bool = False,
    ) -> Fetched:
        """The page at `target`, or where that redirects to.

        Args:
            target: Where to begin.
            most_bytes: How much to read at most.
            accept: The `Accept` header.
            check: Awaited before each request, the redirects' too; what it raises ends it.
            text_only: Whether what says that it is no text is not even read.

        Raises:
            AddressRefused: It, or a redirect of it, leads where nobody may be sent.
            TooManyRedirects: That.
            FetchFailed: Nobody answers, or the answer is no page.
            UnsupportedContent: It is no text, or compressed in a way that was not asked for.
        """
        for _ in range(self._settings.max_redirects + 1):
            if check is not None:
                await check(target)
            found = await self._once(target, accept, most_bytes, text_only)
            if isinstance(found, Fetched):
                return found
            target = found
        raise TooManyRedirects(
            target.url, f"more than {self._settings.max_redirects} redirects led there"
        )

    async def _once(
        self, target: Target, accept: str, most_bytes: int, text_only: bool
    ) -> Fetched | Target:
        async with self._slots.one(target.host):
            response = await self._send(target, accept)
            try:
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    return _redirect(target, response.headers["location"])
                if not response.is_success:
                    raise FetchFailed(
                        target.url, _refused_by(response.status_code), response.status_code
                    )
                content_type = response.headers.get("content-type", "")
                if text_only:
                    check_kind(target.url, content_type)
                body, cut = await _read(target, response, most_bytes)
            finally:
                await response.aclose()
        return Fetched(target, content_type, body, cut, response.status_code)

    async def _send(self, target: Target, accept: str) -> httpx.Response:
        found = await self._guard.addresses(target)
        failed: httpx.HTTPError = httpx.ConnectError("no address")
        for address in found[:_MOST_TRIED]:
            request = self._request(target, address, accept)
            try:
                return await self._transport.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed = error
            except (httpx.HTTPError, OSError) as error:
                raise _failure(target, error) from error
        raise _failure(target, failed) from failed

    def _request(self, target: Target, address: IPAddress, accept: str) -> httpx.Request:
        """A request to the very address that was checked, in the name of the host."""
        place = f"[{address}]" if address.version == 6 else str(address)
        rest = self._settings.timeout
        return httpx.Request(
            "GET",
            httpx.URL(f"{target.scheme}://{place}:{target.port}").copy_with(
                raw_path=target.path.encode("ascii")
            ),
            headers={
                "host": target.authority,
                "user-agent": self._settings.user_agent,
                "accept": accept,
                "accept-encoding": ACCEPTED,
                "connection": "close",
            },
            extensions={
                "sni_hostname": target.host,
                "timeout": {
                    "connect": self._settings.connect_timeout,
                    "read": rest,
                    "write": rest,
                    "pool": rest,
                },
            },
        )


def secure_transport() -> httpx.AsyncBaseTransport:
    """Connections over HTTP/1.1 and TLS, verified; each is used once."""
    return httpx.AsyncHTTPTransport(
        trust_env=False,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
    )


def _redirect(target: Target, location: str) -> Target:
    try:
        return target.joined(location)
    except InvalidInput as error:
        raise FetchFailed(
            target.url, f"it redirects to an address that cannot be read: {error.problem}"
        ) from error
    except AddressRefused as error:
        raise AddressRefused(target.url, f"it redirects elsewhere, and {error.problem}") from error


async def _read(target: Target, response: httpx.Response, most: int) -> tuple[bytes, bool]:
    """The body, and whether it was cut at `most` bytes, sent or inflated."""
    encoding = response.headers.get("content-encoding", "")
    try:
        inflater = Inflater(encoding)
    except UnknownEncoding:
        raise UnsupportedContent(
            target.url,
            f"its server sends it compressed as {encoding[:50]!r}, which was not asked for",
            response.headers.get("content-type", ""),
        ) from None
    body = bytearray()
    sent = 0
    try:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        async for chunk in response.stream:
            sent += len(chunk)
            room = most - len(body)
            # One byte more than there is room for tells a full page from a cut one.
            body += inflater.feed(chunk, room + 1)
            if len(body) > most or sent > most:
                return bytes(body[:most]), True
    except BrokenEncoding as error:
        raise FetchFailed(target.url, "what its server sends is compressed wrongly") from error
    except (httpx.HTTPError, OSError) as error:
        raise _failure(target, error) from error
    return bytes(body), False


def _failure(target: Target, error: httpx.HTTPError | OSError) -> FetchFailed:
    if isinstance(error, httpx.TimeoutException):
        return FetchTimedOut(target.url, "its server did not answer in time; try again later")
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return FetchFailed(target.url, f"its certificate cannot be trusted: {cause.verify_message}")
    if cause is not None:
        return FetchFailed(target.url, "its server speaks no TLS that can be trusted")
    if isinstance(error, httpx.ConnectError):
        return FetchFailed(target.url, f"nothing answers at {target.authority}")
    return FetchFailed(target.url, "its server broke off, or speaks no HTTP")


def _refused_by(status: int) -> str:
    try:
        words = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        words = str(status)
    return f"its server answered {words}"
