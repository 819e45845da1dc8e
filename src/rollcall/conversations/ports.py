# SPDX-License-Identifier: Apache-2.0
"""What conversations need of others: tools and a model; and what they are to their fronts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from rollcall.conversations.briefs import Brief
from rollcall.conversations.models import (
    Ask,
    Exchange,
    Limits,
    LoopEvent,
    Session,
    ToolRun,
    ToolSpec,
    Turn,
    Update,
    Usage,
)


class ServiceInstance(msgspec.Struct, frozen=True, kw_only=True):
    """An instance of a tool service, as the registry knows it.

    Args:
        id: Its id in the registry.
        name: The service's name; several instances may have the same.
        host: Where it is.
        port: Where it is.
        healthy: Whether the registry holds it for alive and well. What is not is called only
            where nothing else is left, and what the registry does not hold for alive never.
        rank: Among those that are not healthy, lower ones are called first.
        tags: Its tags.
        extra: The extra metadata of its registration: `tools` and `mcp` may name paths.
        registered: Changes whenever the instance was registered anew or its registration changed.
        own: Whether it is a service of this very installation, as nobody else can pretend to be.
    """

    id: str
    name: str
    host: str
    port: int
    healthy: bool = True
    rank: int = 0
    tags: tuple[str, ...] = ()
    extra: dict[str, Any] = {}
    registered: str = ""
    own: bool = False


class Credentials(Protocol):
    """What to show a tool service on behalf of a caller."""

    def __call__(self, instance: ServiceInstance, namespace: str, caller: str) -> str | None:
        """A bearer token (RFC 6750) for one request; None: nothing.

        Args:
            instance: Who will read it.
            namespace: Whose data the request is about.
            caller: For whom it is made, as the audit log knows them; empty: for nobody but us.
        """
        ...


class Directory(Protocol):
    """The tool services that the registry knows. In this process, or over HTTP."""

    async def instances(self, namespace: str) -> Sequence[ServiceInstance]:
        """Every instance of a tool service that is alive: those of the namespace, and this
        installation's own, which are for all.

        Raises:
            Unavailable: The registry does not answer.
        """
        ...

    def changed(self, namespace: str) -> AsyncIterator[None]:
        """Yields whenever `instances` may have another answer, at once after the change, and once
        at the start. Never ends by itself; a break in the connection is mended behind it.
        """
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


class Toolbox(Protocol):
    """The tools that are there now, and how one is called."""

    async def tools(self, namespace: str) -> Sequence[ToolSpec]:
        """The tools of a namespace, by name; from memory, once the first look is done."""
        ...

    async def refresh(self, namespace: str) -> Sequence[ToolSpec]:
        """Look at the registry and at every service again, and wait for it."""
        ...

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
        """Call a tool. Never raises for what goes wrong with it: the run says so.

        Args:
            name: `ToolSpec.name`.
            arguments: What it is called with.
            namespace: Whose tools.
            call_id: Sent along as `Idempotency-Key`, the same at each attempt.
            timeout: Seconds for all attempts.
            correlation_id: Sent along.
            caller: For whom, as the audit log knows them; this installation's own services are
                told.
        """
        ...


@dataclass(slots=True)
class Meter:
    """What a turn has used so far. The loop fills it while it works, so that it is right also
    where the turn is cancelled or fails.
    """

    usage: Usage | None = None
    tools: list[ToolRun] = field(default_factory=list[ToolRun])
    text: list[str] = field(default_factory=list[str])
    """The pieces of the answer as it stands; emptied where it was not the answer."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a model loop is to do.

    Args:
        turn_id: Names the turn; ids of tool calls are derived from it.
        namespace: Whose tools it may use.
        user_input: What the user says.
        history: What was said before, the oldest first.
        instructions: What the caller told the agent to be, beside what it is.
        brief: What agent it is, and what is remembered.
        model: `provider:model`; None: the one of the settings.
        limits: What it may use.
        correlation_id: Sent along with calls.
        caller: Who asks, as the audit log knows them.
        agent_id: Who answers; empty: nobody in particular.
    """

    turn_id: str
    namespace: str
    user_input: str
    history: Sequence[Exchange] = ()
    instructions: str = ""
    brief: Brief = field(default_factory=Brief)
    model: str | None = None
    limits: Limits = field(default_factory=Limits)
    correlation_id: str = ""
    caller: str = ""
    agent_id: str = ""


class Loop(Protocol):
    """Has a model answer with the help of tools."""

    def run(self, task: Task, meter: Meter) -> AsyncGenerator[LoopEvent]:
        """Answer. The answer is what stands in `meter.text` when the iteration ends by itself.
        Closing it calls everything off that runs for it.

        Raises:
            InvalidInput: `task.model` is none that can be reached by the settings.
            TurnFailed: There is no answer; `meter` has what was used.
        """
        ...

    def models(self) -> Sequence[str]:
        """What `task.model` may be by the settings, the one that is taken by default first."""
        ...


class Observer(Protocol):
    """Is told what happens to turns, for figures. Must be quick and must not raise."""

    def started(self, turn: Turn) -> None:
        """A turn has begun."""
        ...

    def first_text(self, turn: Turn, seconds: float) -> None:
        """The first piece of an answer came, `seconds` after the message."""
        ...

    def finished(self, turn: Turn) -> None:
        """A turn has ended."""
        ...


class Conversations(Protocol):
    """What a front of the agent service asks: HTTP, the chat protocol of OpenAI, a widget."""

    async def accept(self, ask: Ask) -> Turn:
        """Keep a message, and have it answered when those before it are. What this returns is
        never lost. The same idempotency key is answered with the same turn.

        Raises:
            InvalidInput: The message cannot be kept; the error names the field.
            AgentNotFound: There is no such agent, or it was deleted.
            AgentNotRunnable: The agent is not active.
            SessionOfAnother: The session belongs to another agent.
            KeyReused: The key came before, with another message.
            SessionBusy: Too many wait.
            Unavailable: The database does not answer.
        """
        ...

    def follow(self, turn: Turn) -> AsyncIterator[Update]:
        """What happens to a turn, from its beginning as far as this process knows it; ends behind
        the `TurnChanged` that ends it. Leaving early has no effect on the turn.
        """
        ...

    async def ended(self, turn: Turn) -> Turn:
        """The turn when it has ended. Being cancelled here has no effect on the turn."""
        ...

    async def cancel(self, namespace: str, session_id: str, turn_id: str) -> Turn:
        """Call a turn off, and wait until it has ended; one that had ended stays as it is.

        Raises:
            TurnNotFound: There is none.
        """
        ...

    async def agents(self, namespace: str) -> Sequence[str]:
        """The ids of the agents of definitions that may be asked now, the newest first."""
        ...

    async def sessions(
        self,
        namespace: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> tuple[Sequence[Session], str | None]:
        """Sessions, the one changed last first, and the cursor of the next page, if there is one.

        Raises:
            InvalidInput: `after` is no cursor of ours.
        """
        ...

    async def session(self, namespace: str, session_id: str) -> Session:
        """One session.

        Raises:
            SessionNotFound: There is none.
        """
        ...

    async def turns(
        self, namespace: str, session_id: str, *, limit: int, after: int = 0
    ) -> Sequence[Turn]:
        """The turns of a session behind number `after`, in order, at most `limit`.

        Raises:
            SessionNotFound: There is none.
        """
        ...

    async def turn(self, namespace: str, session_id: str, turn_id: str) -> Turn:
        """One turn.

        Raises:
            TurnNotFound: There is none.
        """
        ...

    async def delete(self, namespace: str, session_id: str) -> int:
        """Delete a session with all its turns; those that are under way are called off first.

        Returns:
            How many turns it had.

        Raises:
            SessionNotFound: There is none.
        """
        ...
