# SPDX-License-Identifier: Apache-2.0
"""Who wants which events, and how they are given them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic

from rollcall.events.envelope import Event
from rollcall.events.log import WorkT
from rollcall.kernel.errors import InvalidInput
from rollcall.policies import checks
from rollcall.policies.retry import RetryPolicy

LARGEST: Final = 1000
"""Events that may be handled at a time."""


@dataclass(frozen=True, slots=True)
class Handler(Generic[WorkT]):
    """Handles events inside a unit of work: what it writes there is written exactly once.

    The inbox row and the group's progress are written in the same unit of work. It must neither
    call other services nor take long there: where there is one writer, the others wait for it.

    Args:
        group: The consumer group; each group is given every event of its types.
        types: Names of the catalogue.
        handle: Called with the event and the unit of work. Any error rolls both back.
    """

    group: str
    types: frozenset[str]
    handle: Callable[[Event, WorkT], Awaitable[None]]

    def __post_init__(self) -> None:
        _check(self.group, self.types)


@dataclass(frozen=True, slots=True)
class Sink:
    """Sends events elsewhere, outside of any unit of work: at least once.

    After a crash it may be given an event again, and must tell it by `Event.identity`.

    Args:
        group: The consumer group; each group is given every event of its types.
        types: Names of the catalogue.
        send: Called with the event; has taken it when it returns.
    """

    group: str
    types: frozenset[str]
    send: Callable[[Event], Awaitable[None]]

    def __post_init__(self) -> None:
        _check(self.group, self.types)


@dataclass(frozen=True, slots=True)
class Batch(Generic[WorkT]):
    """Handles several events in one unit of work: a `Handler` for what there is much of.

    Those that are there, up to `size`, in the order of the log; nothing waits for more to come.
    Where it raises, the same events are handled one by one, so that only the one that is to blame
    is tried again or parked. The time-out is that of one handler, for all of them.

    Args:
        group: The consumer group; each group is given every event of its types.
        types: Names of the catalogue.
        handle: Called with one event or more and the unit of work. Any error rolls both back.
        size: How many it is given at most.
    """

    group: str
    types: frozenset[str]
    handle: Callable[[Sequence[Event], WorkT], Awaitable[None]]
    size: int = 200

    def __post_init__(self) -> None:
        _check(self.group, self.types, self.size)


@dataclass(frozen=True, slots=True)
class SinkBatch:
    """Sends several events elsewhere at a time: to `Sink` what `Batch` is to `Handler`.

    Where it raises, or the process ends before it is known that they were taken, it is given some
    of them again, also in other batches, and must tell each by `Event.identity`.

    Args:
        group: The consumer group; each group is given every event of its types.
        types: Names of the catalogue.
        send: Called with one event or more; has taken all of them when it returns.
        size: How many it is given at most.
        waits: Whether `Unavailable` says that whom it sends to is away, whatever is sent: all wait
            until it is back, and none is parked. Not for those whom one event may bring down.
    """

    group: str
    types: frozenset[str]
    send: Callable[[Sequence[Event]], Awaitable[None]]
    size: int = 500
    waits: bool = False

    def __post_init__(self) -> None:
        _check(self.group, self.types, self.size)


Subscription = Handler[WorkT] | Sink | Batch[WorkT] | SinkBatch


def batched(subscription: Subscription[WorkT]) -> Batch[WorkT] | SinkBatch:
    """The same for who delivers in batches: what takes single events takes batches of one."""
    match subscription:
        case Handler(group, types, handle):

            async def handle_one(events: Sequence[Event], work: WorkT) -> None:
                await handle(events[0], work)

            return Batch(group, types, handle_one, 1)
        case Sink(group, types, send):

            async def send_one(events: Sequence[Event]) -> None:
                await send(events[0])

            return SinkBatch(group, types, send_one, 1)
        case _:
            return subscription


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How events are delivered.

    Args:
        retry: When a failed event is tried again; one that may not be is parked. There is no
            jitter: a group retries one event after the other.
        handler_timeout: Seconds after which a handler that has not ended counts as failed.
        batch: How many events are read at a time.
        poll: Seconds after which a group that nobody woke looks for what other processes wrote.
        outage: When to look again while the log itself does not answer; never gives up.

    Raises:
        InvalidInput: A number is out of its range.
    """

    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(max_retries=8, max_delay=300.0))
    handler_timeout: float = 30.0
    batch: int = 100
    poll: float = 5.0
    outage: RetryPolicy = field(default_factory=lambda: RetryPolicy(initial_delay=0.1))

    def __post_init__(self) -> None:
        checks.positive("handler_timeout", self.handler_timeout)
        checks.whole("batch", self.batch, 1)
        checks.positive("poll", self.poll)


def _check(group: str, types: frozenset[str], size: int = 1) -> None:
    if not group:
        raise InvalidInput("group", "must not be empty")
    if not types:
        raise InvalidInput("types", "must name at least one type")
    if checks.whole("size", size, 1) > LARGEST:
        raise InvalidInput("size", f"must be at most {LARGEST}, not {size}")
