# SPDX-License-Identifier: Apache-2.0
"""How tool services are spoken to: document 1's way, or MCP."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import httpx
import msgspec

from rollcall.conversations.calls import Answer, HttpTools, ListUnavailable, NoList
from rollcall.conversations.listing import ListedTool, Listing, checked_path, read_list
from rollcall.conversations.mcp_client import McpTools
from rollcall.conversations.models import DEFAULT_AGENT
from rollcall.conversations.ports import Credentials, ServiceInstance
from rollcall.conversations.toolbox_settings import ToolboxSettings
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import derived
from rollcall.web.correlation import REQUEST_ID, TRACEPARENT, current

TOOLS: Final = "/tools"
MCP: Final = "/mcp"
_OURSELVES: Final = f"agent:{DEFAULT_AGENT}"
_PLAIN: Final = re.compile(r"[!-~]{1,128}")


class Errand(NamedTuple):
    """What a call is made for.

    Args:
        call_id: Names it.
        correlation_id: The chain of acts that it belongs to.
        namespace: Whose data it is about.
        caller: For whom it is made, as the audit log knows them.
    """

    call_id: str
    correlation_id: str
    namespace: str
    caller: str


class ToolServices:
    """Lists and calls, at one instance at a time.

    Args:
        clock: Time.
        settings: Bounds.
        keys: API keys by `host:port`.
        credentials: What to show for a caller; where it has nothing, `keys` count. MCP servers are
            not shown it: a session with one is nobody's in particular.
        transport: How requests travel; None: over the network, to where anybody may be sent.
    """

    def __init__(
        self,
        clock: Clock,
        settings: ToolboxSettings,
        keys: Mapping[str, str],
        *,
        credentials: Credentials | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._credentials = credentials
        self._settings = settings
        self._read: dict[str, tuple[bytes, Listing]] = {}
        self._http = HttpTools(clock, keys, transport)
        self._mcp = McpTools(clock, settings, keys)

    async def close(self) -> None:
        """End all sessions and let go of all connections."""
        await self._mcp.close()
        await self._http.close()

    def forget(self, instance: ServiceInstance) -> None:
        """An instance is gone, or was registered anew."""
        self._read.pop(instance.id, None)
        self._mcp.forget(instance.id)

    async def listing(
        self, instance: ServiceInstance, namespace: str, changed: Callable[[], None]
    ) -> Listing:
        """What tools an instance has.

        Args:
            instance: The instance.
            namespace: For whom it is to list them.
            changed: Called when it says by itself that it has others.

        Raises:
            ListUnavailable: It does not say.
        """
        mcp = _mcp_path(instance)
        if mcp is not None and "tools" not in instance.extra:
            return await self._mcp.list(instance, mcp, changed)
        settings = self._settings
        try:
            body = await self._http.list(
                instance,
                _own_path(instance, "tools", TOOLS),
                self._shown(instance, namespace, ""),
                timeout=settings.list_timeout,
                connect=settings.connect_timeout,
                limit=settings.list_bytes,
            )
        except NoList:
            if mcp is None:
                raise
            return await self._mcp.list(instance, mcp, changed)
        digest = hashlib.blake2b(body, digest_size=16).digest()
        before, listing = self._read.get(instance.id, (b"", None))
        if listing is not None and before == digest:
            return listing
        try:
            # A long list takes a while.
            listing = await asyncio.to_thread(read_list, body, at_most=settings.tools_per_service)
        except InvalidInput as error:
            raise ListUnavailable(f"{instance.name}: {error}") from error
        self._read[instance.id] = digest, listing
        return listing

    async def call(
        self,
        instance: ServiceInstance,
        tool: ListedTool,
        arguments: Mapping[str, Any],
        body: bytes,
        errand: Errand,
        *,
        fresh: bool,
        timeout: float,
    ) -> Answer:
        """Call a tool once, for at most `timeout` seconds. `body` is `arguments` as JSON."""
        settings = self._settings
        connect = min(settings.connect_timeout, timeout / 2)
        if tool.protocol == "mcp":
            key = _plain(errand.call_id)
            return await self._mcp.call(instance, tool, arguments, call_id=key, timeout=timeout)
        return await self._http.call(
            instance,
            tool.path,
            body,
            {
                **_headers(errand.call_id, errand.correlation_id),
                **self._shown(instance, errand.namespace, errand.caller),
            },
            fresh=fresh,
            timeout=timeout,
            connect=connect,
            limit=settings.result_bytes,
        )

    def _shown(self, instance: ServiceInstance, namespace: str, caller: str) -> dict[str, str]:
        if self._credentials is None:
            return {}
        token = self._credentials(instance, namespace, caller)
        return {} if token is None else {"authorization": f"Bearer {token}"}


def for_own(issue: Callable[[str, str], str]) -> Credentials:
    """Credentials for this installation's own services, and for nobody else.

    Args:
        issue: Makes one, for a caller and a namespace.
    """

    def shown(instance: ServiceInstance, namespace: str, caller: str) -> str | None:
        return issue(caller or _OURSELVES, namespace) if instance.own else None

    return shown


def arguments_body(arguments: Mapping[str, Any], limit: int) -> bytes:
    """Arguments as JSON.

    Raises:
        InvalidInput: They are none, or too many.
    """
    try:
        body = msgspec.json.encode(dict(arguments))
    except (TypeError, ValueError, RecursionError, UnicodeError) as error:
        raise InvalidInput("arguments", f"cannot be written as JSON: {error}") from error
    if len(body) > limit:
        raise InvalidInput("arguments", f"must have at most {limit} bytes, not {len(body)}")
    return body


def _headers(call_id: str, correlation_id: str) -> dict[str, str]:
    headers = {"idempotency-key": _plain(call_id)}
    here = current()
    if here is not None:
        headers[TRACEPARENT] = here.traceparent
    named = correlation_id or (here.request_id if here else "")
    if named:
        headers[REQUEST_ID] = _plain(named)
    return headers


def _plain(word: str) -> str:
    """`word` as it can stand in a header; what cannot is told by a digest of it."""
    return word if _PLAIN.fullmatch(word) else derived("word", word)


def _own_path(instance: ServiceInstance, key: str, usual: str) -> str:
    """The path under `key` of what a registration says.

    Raises:
        ListUnavailable: It is no path at that service.
    """
    value = instance.extra.get(key)
    if value is None or value is True:
        return usual
    try:
        return checked_path(f"extra.{key}", value)
    except InvalidInput as error:
        raise ListUnavailable(f"{instance.name} is registered with {error}") from error


def _mcp_path(instance: ServiceInstance) -> str | None:
    """Where it is an MCP server; None: it does not say that it is one."""
    declared = instance.extra.get("mcp")
    if declared:
        return _own_path(instance, "mcp", MCP)
    return MCP if "mcp" in (tag.lower() for tag in instance.tags) else None
