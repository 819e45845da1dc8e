# SPDX-License-Identifier: Apache-2.0
"""MCP servers as tool services: a session with each instance, kept and made again."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from rollcall.conversations.calls import Answer, ListUnavailable, Verdict, key_for, url_of
from rollcall.conversations.listing import ListedTool, Listing, read_entries
from rollcall.conversations.ports import ServiceInstance
from rollcall.conversations.toolbox_settings import ToolboxSettings
from rollcall.kernel.clock import Clock, within

if TYPE_CHECKING:
    from rollcall.conversations.mcp_session import McpSession


_GRACE: Final = 0.5
"""Seconds in which a session says by itself that the time is over, and what it had sent."""


def _nobody() -> None:
    """Nobody wants to know of changes."""


class McpTools:
    """Lists and calls the tools of MCP servers.

    Args:
        clock: Time.
        settings: Bounds.
        keys: API keys by `host:port`.
    """

    def __init__(self, clock: Clock, settings: ToolboxSettings, keys: Mapping[str, str]) -> None:
        self._clock = clock
        self._keys = keys
        self._settings = settings
        self._sessions: dict[str, tuple[str, McpSession]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._module: Any = None
        self._closed = asyncio.Event()
        self._changed: dict[str, Callable[[], None]] = {}

    async def close(self) -> None:
        """End all sessions."""
        self._closed.set()
        for key in list(self._sessions):
            self.forget(key)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def forget(self, instance_id: str) -> None:
        """End the session with an instance, if there is one, once no call is under way in it."""
        _, session = self._sessions.pop(instance_id, ("", None))
        self._changed.pop(instance_id, None)
        if session is not None:
            ending = asyncio.create_task(self._end(session))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _end(self, session: McpSession) -> None:
        idle = asyncio.create_task(session.idle.wait())
        closed = asyncio.create_task(self._closed.wait())
        await asyncio.wait({idle, closed}, return_when=asyncio.FIRST_COMPLETED)
        idle.cancel()
        closed.cancel()
        await session.close()

    async def list(
        self, instance: ServiceInstance, path: str, changed: Callable[[], None]
    ) -> Listing:
        """What tools a server has.

        Raises:
            ListUnavailable: It does not say.
        """
        settings = self._settings
        try:
            entries = await within(
                self._clock, settings.list_timeout, self._entries(instance, path, changed)
            )
        except Exception as error:
            self.forget(instance.id)
            problem = f"{type(error).__name__}: {error}"[:300]
            raise ListUnavailable(f"{url_of(instance, path)}: {problem}") from error
        return await asyncio.to_thread(
            read_entries, entries, "mcp", path=path, at_most=settings.tools_per_service
        )

    async def _entries(
        self, instance: ServiceInstance, path: str, changed: Callable[[], None]
    ) -> list[object]:
        self._changed[instance.id] = changed
        session = await self._session(instance, path)
        return cast("list[object]", await session.tools(self._settings.tools_per_service))

    async def call(
        self,
        instance: ServiceInstance,
        tool: ListedTool,
        arguments: Mapping[str, Any],
        *,
        call_id: str,
        timeout: float,
    ) -> Answer:
        """Call a tool once, for at most `timeout` seconds."""
        deadline = self._clock.monotonic() + timeout
        for last in (False, True):
            left = deadline - self._clock.monotonic()
            try:
                session = await within(self._clock, left / 2, self._opened(instance, tool.path))
            except Exception as error:
                self.forget(instance.id)
                problem = f"no session with it: {type(error).__name__}: {error}"[:300]
                return Answer(Verdict.UNREACHED, problem=problem)
            left = deadline - self._clock.monotonic()
            # In a task of its own, whose requests are told from those of other calls.
            calling = asyncio.create_task(
                session.call(
                    tool.tool,
                    dict(arguments),
                    call_id=call_id,
                    timeout=left,
                    limit=self._settings.result_bytes,
                )
            )
            try:
                return await within(self._clock, left + _GRACE, _awaited(calling))
            except TimeoutError:
                return Answer(Verdict.LOST, problem=f"no answer within {timeout:.3g} s", late=True)
            except Exception as error:
                # Nothing but an end of the session comes here, before anything was done.
                self.forget(instance.id)
                if last:
                    return Answer(Verdict.UNREACHED, problem=f"its session is over: {error}")
            finally:
                calling.cancel()
        raise AssertionError("unreachable")

    async def _opened(self, instance: ServiceInstance, path: str) -> McpSession:
        session = await self._session(instance, path)
        await session.open()
        return session

    async def _session(self, instance: ServiceInstance, path: str) -> McpSession:
        if self._module is None:
            name = "rollcall.conversations.mcp_session"
            self._module = await asyncio.to_thread(importlib.import_module, name)
        url = url_of(instance, path)
        there, session = self._sessions.get(instance.id, ("", None))
        if session is not None and there == url and not session.ended:
            return session
        changed = self._changed.get(instance.id, _nobody)
        self.forget(instance.id)
        self._changed[instance.id] = changed
        one: McpSession = self._module.McpSession(
            url,
            partial(self._tell, instance.id),
            headers=key_for(instance, self._keys),
            clock=self._clock,
            connect=self._settings.connect_timeout,
            limit=self._settings.list_bytes,
        )
        self._sessions[instance.id] = url, one
        return one

    def _tell(self, instance_id: str) -> None:
        self._changed.get(instance_id, _nobody)()


async def _awaited(task: asyncio.Task[Answer]) -> Answer:
    return await task
