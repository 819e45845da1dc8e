# SPDX-License-Identifier: Apache-2.0
"""Requests to a registry over HTTP: time-outs, retries, and errors instead of status codes."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from rollcall import __version__
from rollcall.client.errors import RegistryUnavailable, UnexpectedAnswer
from rollcall.client.problems import error_of
from rollcall.kernel.caller import RateLimited
from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import Closed, InvalidInput, RollcallError
from rollcall.policies import checks
from rollcall.policies.retry import RetryPolicy, full_jitter

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
Params = Mapping[str, str | int | Sequence[str] | None]

API_KEY_VARIABLE = "ROLLCALL_API_KEY"
"""Holds the API key of clients that are given none."""

_log = logging.getLogger(__name__)


class Connection:
    """The requests of one client. It alone decides what is sent a second time.

    Every request of the registries' protocols may be repeated: it sets something, or reads.

    Args:
        base_url: The registry's, perhaps with a path in front of its own.
        api_key: Sent to the registry and to nobody else; None: what `ROLLCALL_API_KEY` holds.
        timeout: Seconds for one attempt, from connecting to the last byte.
        retry: How often and how patiently an attempt is repeated.
        clock: Time.
        rng: Spreads the delays.
        transport: How requests travel; None: over the network.

    Raises:
        InvalidInput: The URL is not one of http or https, or the timeout not above 0.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None,
        timeout: float,
        retry: RetryPolicy,
        clock: Clock,
        rng: Random,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self.base_url = checked_url(base_url)
        self._api_key = os.environ.get(API_KEY_VARIABLE) if api_key is None else api_key
        self._timeout = checks.positive("timeout", timeout)
        self._retry = retry
        self._clock = clock
        self._rng = rng
        self._transport = transport
        self._http: httpx.AsyncClient | None = None
        self._closed = False

    async def call(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        params: Params | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        record_id: str | None = None,
        retry: bool = True,
    ) -> T:
        """What the registry answers, read as an `answer`.

        Args:
            method: GET, POST, ...
            path: Begins with a slash; ids in it went through `segment`.
            answer: The type to read the body as.
            params: The query; what is None is left out, a sequence is given word by word.
            body: Sent as JSON; None: no body.
            headers: More of them, by lower-case name.
            record_id: The record that the request is about, for `RecordNotFound`.
            retry: False: one attempt only, because the caller repeats it by itself.

        Raises:
            RegistryUnavailable: It did not answer, or cannot serve now, after all attempts.
            RateLimited: It takes no more requests from this caller, after all attempts.
            UnexpectedAnswer: What answered is no registry.
            RollcallError: What the registry raised.
        """
        url = self.base_url + path
        response = await self._repeated(method, url, params, body, record_id, retry, headers)
        return _read(url, response, answer)

    async def order(self, method: str, path: str, *, params: Params | None = None) -> None:
        """The same, where the answer says no more than that it is done.

        Raises:
            RollcallError: As for `call`.
        """
        await self._repeated(method, self.base_url + path, params, None, None, True)

    async def pages(
        self, path: str, page: type[T], *, params: Params | None = None, retry: bool = True
    ) -> AsyncGenerator[T]:
        """The pages of a list, which are joined by `Link` headers (RFC 8288).

        Raises:
            RollcallError: As for `call`.
        """
        url = self.base_url + path
        while True:
            response = await self._repeated("GET", url, params, None, None, retry)
            yield _read(url, response, page)
            link = response.links.get("next", {}).get("url")
            if link is None:
                return
            # Of the link only the query counts: the key must not go where an answer points to.
            url, params = f"{self.base_url}{path}?{urlsplit(link).query}", None

    async def lines(
        self, path: str, *, params: Params | None = None, after: Callable[[], str | None]
    ) -> AsyncGenerator[str]:
        """The lines of an answer that goes on, made again as often as it breaks off.

        Args:
            path: Begins with a slash.
            params: The query.
            after: The id of the last event that came, asked at each attempt; None: there is none.

        Raises:
            RollcallError: As for `call`.
        """
        url, attempt = self.base_url + path, 1
        while True:
            try:
                # Closed here, and not some time later, where the reader stops early.
                async with aclosing(self._streamed(url, params, after())) as lines:
                    async for line in lines:
                        attempt = 1
                        yield line
                return
            except (RateLimited, RegistryUnavailable) as error:
                if not self._retry.should_retry(attempt, error):
                    raise
                _log.info("the stream broke off, again soon: %s", error)
                await self._clock.sleep(full_jitter(self._retry.delay(attempt), self._rng))
                attempt += 1

    async def download(self, path: str, *, params: Params | None = None) -> AsyncGenerator[bytes]:
        """The body of an answer of any length, piece by piece. It is asked for once.

        Raises:
            RegistryUnavailable: It did not answer, or broke off in the middle.
            RollcallError: What the registry raised.
        """
        async with self._opened("GET", self.base_url + path, params) as response:
            async for piece in response.aiter_bytes():
                yield piece

    async def upload(
        self,
        path: str,
        content: AsyncIterable[bytes],
        answer: type[T],
        *,
        params: Params | None = None,
    ) -> T:
        """What the registry answers to JSON lines of any length. They are sent once.

        Raises:
            RegistryUnavailable: It did not answer, or broke off: all, some or none was taken.
            UnexpectedAnswer: What answered is no registry.
            RollcallError: What the registry raised.
        """
        url, headers = self.base_url + path, {"content-type": "application/x-ndjson"}
        async with self._opened("POST", url, params, headers, content) as response:
            await response.aread()
            return _read(url, response, answer)

    async def _streamed(
        self, url: str, params: Params | None, after: str | None
    ) -> AsyncGenerator[str]:
        headers = {"accept": "text/event-stream"}
        if after is not None:
            headers["last-event-id"] = after
        async with self._opened("GET", url, params, headers) as response:
            async for line in response.aiter_lines():
                yield line

    @asynccontextmanager
    async def _opened(
        self,
        method: str,
        url: str,
        params: Params | None,
        headers: Mapping[str, str] | None = None,
        content: AsyncIterable[bytes] | None = None,
    ) -> AsyncGenerator[httpx.Response]:
        """An answer whose body is still to be read; only until it begins is the time bounded."""
        client = self._client()
        from httpx import RequestError  # noqa: PLC0415 - loaded by the first request

        request = client.build_request(
            method,
            url,
            params=_given(params),
            content=content,
            headers=self._headers(has_body=False) | dict(headers or {}),
        )
        try:
            response = await within(self._clock, self._timeout, client.send(request, stream=True))
        except TimeoutError:
            raise RegistryUnavailable(url, f"no answer within {self._timeout:g} s") from None
        except RequestError as error:
            raise RegistryUnavailable(url, _said(error)) from error
        try:
            if not response.is_success:
                raise self._error(url, response, await response.aread(), None)
            yield response
        except RequestError as error:
            raise RegistryUnavailable(url, _said(error)) from error
        finally:
            await response.aclose()

    async def send(self, method: str, url: str, **options: Any) -> httpx.Response:
        """One request to anywhere, as httpx does it: no key, no retry and no time-out.

        Raises:
            Closed: The client was closed.
        """
        return await self._client().request(method, url, **options)

    async def close(self) -> None:
        """Close the connections. What is asked afterwards raises `Closed`."""
        self._closed = True
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def _repeated(
        self,
        method: str,
        url: str,
        params: Params | None,
        body: object,
        record_id: str | None,
        retry: bool,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        attempt = 1
        while True:
            try:
                return await self._once(method, url, params, body, record_id, headers)
            except (RateLimited, RegistryUnavailable) as error:
                if not retry or not self._retry.should_retry(attempt, error):
                    raise
                delay = full_jitter(self._retry.delay(attempt), self._rng)
                if error.retry_after is not None:
                    if error.retry_after > self._retry.max_delay:
                        raise
                    # Never before the time it asked for, and not all at that very moment.
                    delay += error.retry_after
                _log.info("attempt %d failed, again in %.1f s: %s", attempt, delay, error)
                await self._clock.sleep(delay)
                attempt += 1

    async def _once(
        self,
        method: str,
        url: str,
        params: Params | None,
        body: object,
        record_id: str | None,
        headers: Mapping[str, str] | None,
    ) -> httpx.Response:
        client = self._client()
        from httpx import RequestError  # noqa: PLC0415 - loaded by the first request

        request = client.build_request(
            method,
            url,
            params=_given(params),
            content=None if body is None else msgspec.json.encode(body),
            headers=self._headers(body is not None) | dict(headers or {}),
        )
        try:
            response = await within(self._clock, self._timeout, client.send(request))
        except TimeoutError:
            raise RegistryUnavailable(url, f"no answer within {self._timeout:g} s") from None
        except RequestError as error:
            raise RegistryUnavailable(url, _said(error)) from error
        if response.is_success:
            return response
        raise self._error(url, response, response.content, record_id)

    def _error(
        self, url: str, response: httpx.Response, content: bytes, record_id: str | None
    ) -> RollcallError:
        return error_of(
            url,
            response.status_code,
            response.headers,
            content,
            record_id=record_id,
            authenticated=bool(self._api_key),
            now=self._clock.now(),
        )

    def _headers(self, has_body: bool) -> dict[str, str]:
        headers = {"accept": "application/json"}
        if has_body:
            headers["content-type"] = "application/json"
        if self._api_key:
            headers["authorization"] = f"Bearer {self._api_key}"
        return _traced(headers)

    def _client(self) -> httpx.AsyncClient:
        if self._closed:
            raise Closed("this client was closed: make a new one")
        if self._http is None:
            # Not with this module: it takes longer to load than all the rest of the client.
            import httpx  # noqa: PLC0415

            self._http = httpx.AsyncClient(
                transport=self._transport,
                timeout=None,  # noqa: S113 - `within` bounds the whole request, on our clock
                headers={"user-agent": f"rollcall/{__version__}"},
            )
        return self._http


def _traced(headers: dict[str, str]) -> dict[str, str]:
    """`headers` with the caller's trace (W3C), where OpenTelemetry is at work in this process."""
    if "opentelemetry.trace" in sys.modules:
        propagate = importlib.import_module("opentelemetry.propagate")
        propagate.inject(headers)
    return headers


def segment(field: str, value: str) -> str:
    """`value` as one segment of a path.

    Raises:
        InvalidInput: It is empty, or a dot segment, which would lead to another path.
    """
    if value in ("", ".", ".."):
        raise InvalidInput(field, f"must be an id, not {value!r}")
    return quote(value, safe="")


def _given(params: Params | None) -> dict[str, str | int | Sequence[str]] | None:
    return {k: v for k, v in params.items() if v is not None} if params else None


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def checked_url(url: str, field: str = "registry_url") -> str:
    """`url` without a closing slash. `InvalidInput`, about `field`: it is none of a registry."""
    # What stands before an @ may be a password.
    problem = f"must be like http://localhost:8009, not {url.rpartition('@')[2]!r:.100}"
    try:
        parts = urlsplit(url)
        named = parts.hostname and parts.port != 0
    except ValueError as error:
        raise InvalidInput(field, problem) from error
    if parts.username is not None:
        raise InvalidInput(field, "must hold no password: give an api_key")
    if parts.scheme not in ("http", "https") or not named or parts.query or parts.fragment:
        raise InvalidInput(field, problem)
    return url.rstrip("/")


def _read(url: str, response: httpx.Response, answer: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=answer)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(
            url, response.status_code, f"not what was asked for: {error}"
        ) from error
