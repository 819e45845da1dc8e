# SPDX-License-Identifier: Apache-2.0
"""One request to one instance of a tool service, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, cast

import httpx
import msgspec

from rollcall import __version__
from rollcall.client.problems import error_of, retry_after
from rollcall.client.reaching import FRESH, GuardedTransport
from rollcall.conversations.listing import clean_text
from rollcall.conversations.ports import ServiceInstance
from rollcall.kernel.clock import Clock, within
from rollcall.kernel.errors import InvalidInput, RollcallError

CUT: Final = "\n[... cut: the result is longer than {limit} bytes]"
"""What stands at the end of a text that was too long."""

_SAID: Final = 1_000
_SENT: Final = "send_request_headers.started"
_BUSY: Final = frozenset({429, 503})
_GATEWAY: Final = frozenset({502, 504})
_REFUSED: Final = frozenset({400, 404, 405, 409, 413, 414, 415, 422})
_SAID_NO: Final = 424
"""How the tools of `rollcall.tools` say that they ran and that it did not work."""
_TEXT: Final = ("text/", "application/xml", "application/xhtml", "application/yaml")


class Verdict(Enum):
    """What became of an attempt to call a tool."""

    DONE = auto()
    FAILED = auto()
    """It said that it did not work. To ask another instance would be no use."""
    REFUSED = auto()
    """It does not take these arguments."""
    BROKEN = auto()
    """It broke while it worked. Another instance may do better."""
    BUSY = auto()
    """It did not begin: it has too much to do, or is stopping."""
    UNREACHED = auto()
    """Nothing was sent."""
    LOST = auto()
    """It was sent, and there is no answer: it may have run."""


class Answer(msgspec.Struct, frozen=True):
    """What became of an attempt.

    Args:
        verdict: That.
        result: What the tool said, where it is `DONE`.
        problem: Why it is not.
        late: Whether the time was over.
    """

    verdict: Verdict
    result: Any = None
    problem: str = ""
    late: bool = False


class ListUnavailable(RollcallError):
    """A service does not say what tools it has, or nothing that could be read."""


class NotListening(ListUnavailable):
    """Nobody takes connections there: perhaps not yet."""


class NoList(ListUnavailable):
    """There is no list of tools at this path."""


def url_of(instance: ServiceInstance, path: str) -> str:
    """Where a path of an instance is."""
    return f"http://{origin_of(instance)}{path}"


def origin_of(instance: ServiceInstance) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    host = f"[{instance.host}]" if ":" in instance.host else instance.host
    return f"{host}:{instance.port}"


def key_for(instance: ServiceInstance, keys: Mapping[str, str]) -> dict[str, str]:
    """The header with the API key for whoever is at this address, if there is one. It goes by the
    address alone: anybody may register under another's name.
    """
    key = keys.get(origin_of(instance))
    return {} if key is None else {"authorization": f"Bearer {key}"}


def sized(text: str, limit: int) -> str:
    """`text`, cut with a mark where it has more than `limit` bytes."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= limit:
        return text
    return encoded[:limit].decode(errors="ignore") + CUT.format(limit=limit)


def judged(result: Any) -> Answer:
    """What a tool said with a 200: document 1's tools say there also that they failed."""
    if isinstance(result, dict):
        said = cast("dict[str, Any]", result)
        if said.get("success") is False:
            problem = said.get("error") or said.get("message") or "the tool says that it failed"
            return Answer(Verdict.FAILED, problem=clean_text(str(problem), _SAID))
    return Answer(Verdict.DONE, result)


class HttpTools:
    """Tool services of document 1.

    Nothing is sent along that anybody could use: no cookie, and a key only to whom it was given
    for. Redirects are not followed.

    Args:
        clock: Time.
        keys: API keys by `host:port`, as `origin_of` writes it.
        transport: How requests travel; None: over the network, to where anybody may be sent.
    """

    def __init__(
        self,
        clock: Clock,
        keys: Mapping[str, str],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._clock = clock
        self._keys = keys
        self._client = httpx.AsyncClient(
            transport=transport or GuardedTransport(),
            timeout=None,  # noqa: S113 - `within` bounds the whole of a request
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={
                "user-agent": f"rollcall/{__version__}",
                "accept": "application/json, text/*;q=0.5",
                # What is compressed may be a thousand times as long as it looks.
                "accept-encoding": "identity",
            },
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def list(
        self,
        instance: ServiceInstance,
        path: str,
        headers: dict[str, str],
        *,
        timeout: float,
        connect: float,
        limit: int,
    ) -> bytes:
        """What an instance says at `path` of its tools; at most `limit` bytes.

        Args:
            instance: Where.
            path: Where there.
            headers: What else to send.
            timeout: Seconds for all of it.
            connect: Seconds until it is connected.
            limit: Bytes of the answer.

        Raises:
            NoList: There is nothing at `path`.
            NotListening: It takes no connection.
            ListUnavailable: It says nothing that could be read.
        """
        url = url_of(instance, path)
        request = self._client.build_request(
            "GET",
            url,
            headers={**key_for(instance, self._keys), **headers},
            timeout=httpx.Timeout(None, connect=connect),
            extensions={FRESH: True},
        )
        try:
            status, _, body, whole = await within(self._clock, timeout, self._read(request, limit))
        except TimeoutError:
            raise ListUnavailable(f"{url}: no answer within {timeout:g} s") from None
        except httpx.ConnectError as error:
            raise NotListening(f"{url}: {_said(error)}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ListUnavailable(f"{url}: {_said(error)}") from error
        if status in (404, 405):
            raise NoList(f"{url} answered {status}")
        if not 200 <= status < 300:
            raise ListUnavailable(f"{url} answered {status}")
        if not whole:
            raise ListUnavailable(f"{url} answered more than {limit} bytes")
        return body

    async def call(
        self,
        instance: ServiceInstance,
        path: str,
        body: bytes,
        headers: dict[str, str],
        *,
        fresh: bool,
        timeout: float,
        connect: float,
        limit: int,
    ) -> Answer:
        """Call a tool once.

        Args:
            instance: Where.
            path: Where there.
            body: Its arguments as JSON.
            headers: What else to send. An authorization among them counts more than a key.
            fresh: Whether over a connection of its own: on a kept one, which may just be closing,
                a request can be lost of which nobody knows whether it was read.
            timeout: Seconds for all of it.
            connect: Seconds until it is connected.
            limit: Bytes of a result.
        """
        sent = False

        async def trace(event: str, _: object) -> None:
            nonlocal sent
            sent = sent or event.endswith(_SENT)

        try:
            request = self._client.build_request(
                "POST",
                url_of(instance, path),
                content=body,
                headers={
                    "content-type": "application/json",
                    **key_for(instance, self._keys),
                    **headers,
                },
                timeout=httpx.Timeout(None, connect=connect, pool=connect),
                extensions={FRESH: fresh, "trace": trace},
            )
            status, said, content, whole = await within(
                self._clock, timeout, self._read(request, limit)
            )
        except TimeoutError:
            verdict = Verdict.LOST if sent else Verdict.UNREACHED
            return Answer(verdict, problem=f"no answer within {timeout:.3g} s", late=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(Verdict.LOST if sent else Verdict.UNREACHED, problem=_said(error))
        return self._answer(str(request.url), status, said, content, whole, limit)

    async def _read(
        self, request: httpx.Request, limit: int
    ) -> tuple[int, httpx.Headers, bytes, bool]:
        """Status, headers, at most `limit` bytes of the body, and whether that is all of it."""
        response = await self._client.send(request, stream=True)
        try:
            content = bytearray()
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > limit:
                    return response.status_code, response.headers, bytes(content[:limit]), False
            return response.status_code, response.headers, bytes(content), True
        finally:
            await response.aclose()

    def _answer(
        self,
        url: str,
        status: int,
        headers: httpx.Headers,
        content: bytes,
        whole: bool,
        limit: int,
    ) -> Answer:
        if 200 <= status < 300:
            return _result(headers, content, whole, limit)
        said = self._problem(url, status, headers, content)
        if status in _BUSY:
            wait = retry_after(headers, self._clock.now())
            later = f" (to be asked again in {wait:g} s)" if wait else ""
            return Answer(Verdict.BUSY, problem=f"it answered {status}{later}: {said}")
        if status in _GATEWAY:
            return Answer(Verdict.LOST, problem=f"a gateway answered {status}: {said}")
        if status in _REFUSED:
            return Answer(Verdict.REFUSED, problem=said)
        if status == _SAID_NO:
            return Answer(Verdict.FAILED, problem=said)
        if status >= 500:
            return Answer(Verdict.BROKEN, problem=f"it answered {status}: {said}")
        return Answer(Verdict.FAILED, problem=f"it answered {status}: {said}")

    def _problem(self, url: str, status: int, headers: httpx.Headers, content: bytes) -> str:
        """What an answer with an error says, as text (RFC 9457, or FastAPI's own way)."""
        error = error_of(
            url,
            status,
            headers,
            content,
            record_id=None,
            authenticated=False,
            now=self._clock.now(),
        )
        named = [str(error), *getattr(error, "__notes__", ())]
        if isinstance(error, InvalidInput) and error.field != "request":
            return clean_text("; ".join(named), _SAID)
        try:
            told: Any = msgspec.json.decode(content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return clean_text(content.decode(errors="replace"), _SAID) or "no reason given"
        return clean_text(_detail(told), _SAID) or "no reason given"


def _detail(told: Any) -> str:
    if not isinstance(told, dict):
        return str(told)
    said = cast("dict[str, Any]", told)
    detail = next(
        (said[key] for key in ("detail", "error", "message", "title") if said.get(key)), ""
    )
    if isinstance(detail, list):
        return "; ".join(_invalid(one) for one in cast("list[Any]", detail))
    return str(detail)


def _invalid(one: Any) -> str:
    """One entry of what FastAPI says of a request that is not valid."""
    if not isinstance(one, dict):
        return str(one)
    said = cast("dict[str, Any]", one)
    place = said.get("loc")
    parts = cast("list[Any]", place) if isinstance(place, list) else []
    where = ".".join(str(part) for part in parts if part not in ("body", "query"))
    return f"{where}: {said.get('msg')}" if where else str(said.get("msg"))


def _result(headers: httpx.Headers, content: bytes, whole: bool, limit: int) -> Answer:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not content:
        return Answer(Verdict.DONE)
    if kind.startswith(_TEXT):
        text = content.decode(errors="replace" if whole else "ignore")
        return Answer(Verdict.DONE, text if whole else text + CUT.format(limit=limit))
    if kind and kind != "application/json" and not kind.endswith("+json"):
        return Answer(Verdict.FAILED, problem=f"it answered {kind!r:.80}, neither JSON nor text")
    if not whole:
        problem = f"its result has more than {limit} bytes: ask for less"
        return Answer(Verdict.FAILED, problem=problem)
    try:
        return judged(msgspec.json.decode(content))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Answer(Verdict.FAILED, problem="it answered with what is no JSON")


def _said(error: Exception) -> str:
    return clean_text(f"{type(error).__name__}: {error}".rstrip(": "), 300)
