# SPDX-License-Identifier: Apache-2.0
"""The tools that the registry knows of, and how one is called."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import httpx

from rollcall.conversations.models import ToolOutcome, ToolRun, ToolSpec
from rollcall.conversations.ports import Credentials, Directory
from rollcall.conversations.toolbox_call import Call
from rollcall.conversations.toolbox_observer import NoObserver, Observer
from rollcall.conversations.toolbox_services import ToolServices, arguments_body
from rollcall.conversations.toolbox_settings import ToolboxSettings
from rollcall.conversations.toolbox_space import Slots, Space
from rollcall.conversations.toolbox_table import Entry
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import Closed, InvalidInput
from rollcall.web.schemas import MAX_CHECKED, MAX_DEPTH, ArgumentCheck, depth_of

_CHECKS = 1024
"""Schemas that are kept ready to check arguments against."""
_NAMED = 20
"""Tools that an answer to a call of an unknown one names."""

_log = logging.getLogger(__name__)


class RegistryToolbox:
    """A `Toolbox` over a `Directory`. A namespace is followed from its first use on, until it was
    not used for a while.

    Instances of one service are one service: a call goes to the one with the fewest calls under
    way, and to another where it was not begun; where it was sent and its answer was lost, only if
    the tool is idempotent.

    Args:
        directory: Knows the services.
        clock: Time.
        rng: Chooses among equals, and spreads delays.
        settings: Times and bounds.
        observer: Is told what happens; None: nobody.
        keys: API keys by `host:port`, for tool services that want one. Each is sent to its own
            address and nowhere else.
        credentials: What to show for a caller; where it has nothing, `keys` count.
        transport: How requests travel; None: over the network, to where anybody may be sent.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        clock: Clock,
        rng: Random,
        settings: ToolboxSettings | None = None,
        observer: Observer | None = None,
        keys: Mapping[str, str] | None = None,
        credentials: Credentials | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._rng = rng
        self._settings = settings or ToolboxSettings()
        self._observer = observer or NoObserver()
        self._services = ToolServices(
            clock, self._settings, keys or {}, credentials=credentials, transport=transport
        )
        self._slots = Slots(self._settings.lists_at_once)
        self._spaces: OrderedDict[str, Space] = OrderedDict()
        self._leaving: set[asyncio.Task[None]] = set()
        self._checks: OrderedDict[str, ArgumentCheck] = OrderedDict()
        self._closed = False

    async def close(self) -> None:
        """End everything that runs behind it. Calls that are under way fail."""
        self._closed = True
        spaces = list(self._spaces.values())
        self._spaces.clear()
        await asyncio.gather(*(space.close() for space in spaces), *self._leaving)
        await self._services.close()

    async def tools(self, namespace: str) -> Sequence[ToolSpec]:
        """See `Toolbox`.

        Raises:
            Closed: It was closed.
        """
        space = self._space(namespace)
        await space.looked()
        return space.table.specs

    async def refresh(self, namespace: str) -> Sequence[ToolSpec]:
        """See `Toolbox`.

        Raises:
            Closed: It was closed.
        """
        space = self._space(namespace)
        await space.refresh()
        return space.table.specs

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        namespace: str,
        call_id: str,
        timeout: float,
        correlation_id: str = "",
        caller: str = "",
    ) -> ToolRun:
        """See `Toolbox`.

        Raises:
            Closed: It was closed.
        """
        began, started_at = self._clock.monotonic(), utc(self._clock.now())
        space = self._space(namespace)
        entry = space.table.entries.get(name)
        if entry is None:
            await space.looked()
            entry = space.table.entries.get(name)
        call = Call(
            call_id=call_id,
            name=name,
            arguments=dict(arguments),
            deadline=began + timeout,
            correlation_id=correlation_id,
            namespace=namespace,
            caller=caller,
        )
        if entry is None:
            self._unknown(call, name, space)
        else:
            await self._made(call, entry)
        run = call.run(started_at, 1000 * (self._clock.monotonic() - began))
        self._observer.called(run)
        return run

    async def _made(self, call: Call, entry: Entry) -> None:
        call.service, call.tool = entry.spec.service, entry.spec.tool
        try:
            body = arguments_body(call.arguments, self._settings.argument_bytes)
            self._check(entry.spec, call.arguments, len(body))
        except InvalidInput as error:
            call.ended(ToolOutcome.REFUSED, error=error.problem)
            return
        await call.make(
            entry,
            body,
            services=self._services,
            clock=self._clock,
            rng=self._rng,
            settings=self._settings,
        )

    def _unknown(self, call: Call, name: str, space: Space) -> None:
        """Nothing has this name now."""
        was, table = space.formerly(name), space.table
        if was is None and not space.seen:
            error = "the registry does not answer, so it is not known which tools there are"
            call.ended(ToolOutcome.UNAVAILABLE, error=error)
            return
        if was is None:
            named = ", ".join(list(table.entries)[:_NAMED]) or "none"
            error = f"there is no tool {name!r:.80}; there are: {named}"
            call.ended(ToolOutcome.REFUSED, error=error)
            return
        call.service, call.tool = was.service, was.tool
        same = (one for one in table.specs if (one.service, one.tool) == (was.service, was.tool))
        now = next(same, None)
        if now is not None:
            error = f"the tool {name!r} is called {now.name!r} now"
            call.ended(ToolOutcome.REFUSED, error=error)
            return
        call.ended(
            ToolOutcome.UNAVAILABLE,
            error=f"no instance of the service {was.service!r} has the tool {was.tool!r} at the"
            " moment; it may be tried again later",
        )

    def _check(self, spec: ToolSpec, arguments: Mapping[str, Any], size: int) -> None:
        """Hold arguments against the schema of a tool.

        Raises:
            InvalidInput: They do not fit.
        """
        if spec.input_schema is None or size > MAX_CHECKED or depth_of(arguments) > MAX_DEPTH:
            return
        check = self._checks.get(spec.version)
        if check is None:
            check = self._checks[spec.version] = ArgumentCheck(spec.input_schema)
            if len(self._checks) > _CHECKS:
                self._checks.popitem(last=False)
        problem = check.problem(arguments)
        if problem is not None:
            raise InvalidInput("arguments", problem)

    def _space(self, namespace: str) -> Space:
        if self._closed:
            raise Closed("the toolbox was closed")
        now = self._clock.monotonic()
        space = self._spaces.get(namespace)
        if space is None:
            space = self._spaces[namespace] = Space(
                namespace,
                self._directory,
                self._services,
                self._slots,
                clock=self._clock,
                rng=self._rng,
                settings=self._settings,
                observer=self._observer,
                idle=self._idle,
            )
        space.used_at = now
        self._spaces.move_to_end(namespace)
        if len(self._spaces) > self._settings.namespaces:
            self._leave(next(iter(self._spaces)))
        return space

    def _idle(self, namespace: str) -> None:
        """A namespace was not used for long."""
        if namespace in self._spaces:
            self._leave(namespace)

    def _leave(self, namespace: str) -> None:
        leaving = asyncio.create_task(self._spaces.pop(namespace).close())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
