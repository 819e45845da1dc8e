# SPDX-License-Identifier: Apache-2.0
"""A session with an MCP server over streamable HTTP, by the official SDK.

Its client speaks 2026-07-28, and 2025-11-25 and older with servers that know nothing newer. This
module loads the SDK, which takes a while: `mcp_client` does so when the first server is met.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, cast

import httpx2
import mcp_types as types
import msgspec
from mcp.client.client import Client
from mcp.client.session import IncomingMessage
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.shared.exceptions import MCPError

from rollcall import __version__
from rollcall.conversations.calls import Answer, Verdict, judged, sized
from rollcall.conversations.listing import clean_text
from rollcall.conversations.mcp_wire import GuardedWire, Note, noted
from rollcall.kernel.clock import Clock

CALL_KEY: Final = "rollcall/idempotency-key"
"""Where in a request's `_meta` the id of a call stands."""

_ENDING: Final = 2.0
"""Seconds that a session may take to say goodbye."""
_LISTEN_AGAIN: Final = 5.0
"""Seconds after which somebody who could not hear of changes tries to hear of them again."""
_REFUSED: Final = frozenset({types.INVALID_PARAMS, types.METHOD_NOT_FOUND})
_BUSY: Final = frozenset({429, 503})
_GONE: Final = 404
_GATEWAY: Final = frozenset({502, 504})
_SAID: Final = 1_000

_log = logging.getLogger(__name__)


class SessionGone(Exception):
    """The server does not know the session any more, and has done nothing for it."""


class McpSession:
    """A session; `open` before use, `close` after. Any task may use it.

    Args:
        url: Where the server is.
        changed: Called when it says that its tools have changed, or may have.
        headers: Sent along with every request.
        clock: Time.
        connect: Seconds until it is connected.
        limit: Bytes of one answer.

    Attributes:
        idle: Set while no call is under way in it.
    """

    def __init__(
        self,
        url: str,
        changed: Callable[[], None],
        *,
        headers: Mapping[str, str],
        clock: Clock,
        connect: float,
        limit: int,
    ) -> None:
        self.idle = asyncio.Event()
        self.idle.set()
        self._calls = 0
        self._headers = headers
        self._url = url
        self._changed = changed
        self._clock = clock
        self._connect = connect
        self._limit = limit
        self._stop = asyncio.Event()
        self._ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._own(), name=f"mcp-{url}")
        self._note = Note()

    @property
    def ended(self) -> bool:
        """Whether it can no longer be used."""
        return self._task.done() or self._stop.is_set()

    @property
    def note(self) -> Note:
        """What became of the request that was made last to open it."""
        return self._note

    async def open(self) -> Client:
        """Return when it can be used.

        Raises:
            Exception: It cannot be; `note` may say why.
        """
        return await asyncio.shield(self._ready)

    async def close(self) -> None:
        """End it. Takes two seconds at most."""
        self._stop.set()
        if not self._ready.done():
            self._task.cancel()
        with suppress(Exception):
            await asyncio.wait_for(asyncio.shield(self._task), _ENDING)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def tools(self, at_most: int) -> list[dict[str, Any]]:
        """What the server says of its tools, page by page, until there are more than `at_most`.

        Raises:
            Exception: It does not.
        """
        client = await self.open()
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await client.list_tools(cursor=cursor)
            found += [_entry(tool) for tool in page.tools]
            if page.next_cursor is None or page.next_cursor == cursor or len(found) > at_most:
                return found
            cursor = page.next_cursor

    async def call(
        self, tool: str, arguments: dict[str, Any], *, call_id: str, timeout: float, limit: int
    ) -> Answer:
        """Call a tool once. A result has at most `limit` bytes.

        Raises:
            SessionGone: The session is over, and nothing was done.
        """
        note = Note()
        noted.set(note)
        client = await self.open()
        self._calls += 1
        self.idle.clear()
        try:
            result = await client.call_tool(
                tool,
                arguments,
                read_timeout_seconds=timeout,
                meta={CALL_KEY: call_id},
            )
        except MCPError as error:
            if note.status == _GONE and error.code == types.INVALID_REQUEST:
                raise SessionGone from error
            return _verdict(error, note)
        except Exception as error:
            problem = clean_text(f"it answered what makes no sense: {error}", _SAID)
            return Answer(Verdict.FAILED, problem=problem)
        finally:
            self._calls -= 1
            if not self._calls:
                self.idle.set()
        return _answer(result, limit)

    async def _own(self) -> None:
        """Hold the session: a task of its own enters it and leaves it."""
        # Of what is made for nobody's call this takes note.
        noted.set(self._note)
        wire = GuardedWire(connect=self._connect, limit=self._limit)
        try:
            async with (
                httpx2.AsyncClient(
                    transport=wire,
                    # Whoever calls bounds the whole.
                    timeout=None,
                    trust_env=False,
                    headers={
                        "user-agent": f"rollcall/{__version__}",
                        "accept-encoding": "identity",
                        **self._headers,
                    },
                ) as http,
                Client(
                    streamable_http_client(
                        self._url, http_client=http, max_sse_event_size=self._limit
                    ),
                    message_handler=self._heard,
                    client_info=types.Implementation(name="rollcall", version=__version__),
                    cache=None,
                ) as client,
            ):
                # A result is held against a schema by nobody here: the schema may be made to
                # take for ever, and whoever asked can use what does not fit as well.
                client.session.validate_tool_result = _unchecked
                self._ready.set_result(client)
                await self._until_stopped(client)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(_inner(error))
            else:
                _log.debug("the MCP session with %s ended", self._url, exc_info=True)
        finally:
            if not self._ready.done():
                self._ready.set_exception(SessionGone("the session was closed"))
            # Whether or not anybody waits for it, it is looked at.
            self._ready.exception()

    async def _until_stopped(self, client: Client) -> None:
        listening = asyncio.create_task(self._listen(client))
        try:
            await self._stop.wait()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self, client: Client) -> None:
        """Hear of changes where the protocol has a request for it; older ones just tell."""
        capabilities = client.server_capabilities.tools
        if capabilities is None or not capabilities.list_changed:
            return
        while True:
            with suppress(SubscriptionLost, TimeoutError):
                try:
                    async with client.listen(tools_list_changed=True) as changes:
                        async for _ in changes:
                            self._changed()
                except (ListenNotSupportedError, MCPError):
                    return
            await self._clock.sleep(_LISTEN_AGAIN)
            self._changed()

    async def _heard(self, message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._changed()


async def _unchecked(name: str, result: types.CallToolResult) -> None:
    pass


def _entry(tool: types.Tool) -> dict[str, Any]:
    hints = tool.annotations
    title = tool.title or (hints.title if hints else None)
    idempotent = bool(hints and (hints.idempotent_hint or hints.read_only_hint))
    return {
        "name": tool.name,
        "description": tool.description or title or "",
        "input_schema": tool.input_schema,
        "output_schema": tool.output_schema,
        "idempotent": idempotent,
    }


def _verdict(error: MCPError, note: Note) -> Answer:
    if note.problem:
        return Answer(Verdict.LOST if note.sent else Verdict.UNREACHED, problem=note.problem)
    problem = clean_text(f"it answered {error.code}: {error.message}", _SAID)
    if note.status in _BUSY:
        return Answer(Verdict.BUSY, problem=f"it answered {note.status}")
    if note.status in _GATEWAY:
        return Answer(Verdict.LOST, problem=f"a gateway answered {note.status}")
    match error.code:
        case types.REQUEST_TIMEOUT:
            verdict = Verdict.LOST if note.sent else Verdict.UNREACHED
            return Answer(verdict, problem="no answer in time", late=True)
        case types.CONNECTION_CLOSED:
            return Answer(Verdict.LOST if note.sent else Verdict.UNREACHED, problem=problem)
        case code if code in _REFUSED:
            return Answer(Verdict.REFUSED, problem=clean_text(error.message, _SAID))
        case _ if note.status >= 500:
            return Answer(Verdict.BROKEN, problem=problem)
        case _:
            return Answer(Verdict.FAILED, problem=problem)


def _answer(result: types.CallToolResult, limit: int) -> Answer:
    text = "\n".join(_text(part) for part in result.content)
    if result.is_error:
        said = clean_text(text, _SAID) or "the tool says that it failed"
        return Answer(Verdict.FAILED, problem=said)
    if result.structured_content is not None:
        size = len(msgspec.json.encode(result.structured_content))
        if size > limit:
            problem = f"its result has {size} bytes, more than {limit}: ask for less"
            return Answer(Verdict.FAILED, problem=problem)
        return judged(result.structured_content)
    return Answer(Verdict.DONE, sized(text, limit) if text else None)


def _text(part: types.ContentBlock) -> str:
    match part:
        case types.TextContent():
            return part.text
        case types.EmbeddedResource(resource=types.TextResourceContents() as resource):
            return resource.text
        case types.ResourceLink():
            return f"[{part.name}: {part.uri}]"
        case _:
            return f"[{getattr(part, 'mime_type', None) or part.type}: cannot be shown as text]"


def _inner(error: BaseException) -> Exception:
    """The first real error in a group of them."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error if isinstance(error, Exception) else RuntimeError(str(error))
