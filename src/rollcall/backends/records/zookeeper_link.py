# SPDX-License-Identifier: Apache-2.0
"""A session with ZooKeeper for asyncio: kazoo's callbacks only hand over to the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import kazoo.client as _client  # pyright: ignore[reportMissingTypeStubs]
import kazoo.exceptions as _exceptions  # pyright: ignore[reportMissingTypeStubs]
import kazoo.retry as _retry  # pyright: ignore[reportMissingTypeStubs]
from kazoo.handlers.threading import KazooTimeoutError  # pyright: ignore[reportMissingTypeStubs]

from rollcall.kernel.errors import Closed, OutcomeUnknown, StoreUnavailable

# Its types say little.
client: Final[Any] = _client
errors: Final[Any] = _exceptions
retry: Final[Any] = _retry

PATIENCE: Final = 5.0
"""Seconds until a call that is not answered counts as broken off."""
AT_ONCE: Final = 500
"""Reads that are under way at the same time while everything is read."""
RETRY: Final = {"max_tries": -1, "delay": 0.1, "backoff": 2, "max_delay": 1.0, "max_jitter": 0.4}
"""How a lost connection is tried again: for ever, at least every 1.4 seconds."""

LOST: Final[tuple[type[Exception], ...]] = (
    errors.ConnectionLoss,
    errors.SessionExpiredError,
    errors.ConnectionClosedError,
    errors.OperationTimeoutError,
    KazooTimeoutError,
    TimeoutError,
)
"""What says that an answer was lost, or never came."""

REFUSED: Final[tuple[type[Exception], ...]] = (
    errors.BadVersionError,
    errors.NoNodeError,
    errors.NodeExistsError,
    errors.RolledBackError,
    errors.RuntimeInconsistency,
)
"""What a `multi()` fails with where a node is not as it wants it, and its other operations."""


class Session:
    """One session at a time with the servers at `hosts`; a new one when it was lost.

    Args:
        hosts: `host:port,host:port`.
        timeout: Seconds until the servers give a silent session up.
        woken: Called in the loop when a watch fired or the connection changed.
    """

    def __init__(self, hosts: str, timeout: float, woken: Callable[[], None]) -> None:
        self._hosts = hosts
        self._timeout = timeout
        self._woken = woken
        self._client: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def connected(self) -> bool:
        return self._client is not None and bool(self._client.connected)

    async def start(self) -> None:
        """Connect.

        Raises:
            StoreUnavailable: No server answers.
        """
        if self._client is not None:
            return
        logging.getLogger("kazoo.client").setLevel(logging.ERROR)
        self._loop = asyncio.get_running_loop()
        made = client.KazooClient(
            hosts=self._hosts,
            timeout=self._timeout,
            connection_retry=retry.KazooRetry(**RETRY),
            command_retry=retry.KazooRetry(**RETRY | {"max_tries": 1}),
        )

        def changed(_: object) -> None:
            if not made.connected:
                # A server that knows less than a client has seen refuses it. Where the data were
                # replaced that is for ever; reading from one that is behind is noticed otherwise.
                made.last_zxid = 0
            self._wake()

        made.add_listener(changed)
        try:
            # Connecting waits in a thread of kazoo's; it is waited for in one of ours.
            await asyncio.to_thread(made.start, PATIENCE)
        except LOST as error:
            await asyncio.to_thread(_end, made)
            raise StoreUnavailable(f"zookeeper://{self._hosts} does not answer: {error}") from error
        self._client = made

    async def close(self) -> None:
        """End the session."""
        made, self._client = self._client, None
        if made is not None:
            await asyncio.to_thread(_end, made)

    async def call(self, operation: str, *arguments: Any, **options: Any) -> Any:
        """One request, such as `get` or `create`.

        Raises:
            StoreUnavailable: No server is connected, or the answer was lost.
            KazooException: The servers refuse it.
            Closed: The session was closed.
        """
        made = self._connected()
        try:
            return await self._answer(getattr(made, f"{operation}_async")(*arguments, **options))
        except LOST as error:
            raise self._away(error) from error

    async def each(self, operation: str, paths: Sequence[str]) -> list[Any]:
        """One request for each path, many at a time; None where there is no such node.

        Raises:
            StoreUnavailable: As for `call`.
        """

        async def one(path: str) -> Any:
            try:
                return await self.call(operation, path)
            except errors.NoNodeError:
                return None

        found: list[Any] = []
        for start in range(0, len(paths), AT_ONCE):
            found += await asyncio.gather(*map(one, paths[start : start + AT_ONCE]))
        return found

    async def together(self, operations: Sequence[tuple[Any, ...]]) -> list[Any]:
        """All of the operations, or none; the error in the place of each that stood in the way.

        Args:
            operations: The name of a method of kazoo's transactions, and its arguments.

        Raises:
            StoreUnavailable: No server is connected; nothing was sent.
            OutcomeUnknown: The answer was lost.
        """
        transaction = self._connected().transaction()
        for name, *arguments in operations:
            getattr(transaction, name)(*arguments)
        try:
            return await self._answer(transaction.commit_async())
        except LOST as error:
            raise OutcomeUnknown(f"zookeeper://{self._hosts}: the answer was lost") from error

    async def landed(self, operations: Sequence[tuple[Any, ...]]) -> bool:
        """The same; False: a node is not as the operations want it.

        Raises:
            StoreUnavailable: Nothing was written, for another reason.
            OutcomeUnknown: The answer was lost.
        """
        results = await self.together(operations)
        failed = [one for one in results if isinstance(one, Exception)]
        for one in failed:
            if not isinstance(one, REFUSED):
                raise StoreUnavailable(f"nothing was written: {one!r}") from one
        return not failed

    def watch(self, event: object) -> None:
        """For kazoo, as the watch of a read: wakes who waits."""
        self._wake()

    def _connected(self) -> Any:
        if self._client is None:
            raise Closed(f"the store zookeeper://{self._hosts} is not open")
        if not self._client.connected:
            raise StoreUnavailable(f"zookeeper://{self._hosts} is not connected")
        return self._client

    def _away(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(
            f"zookeeper://{self._hosts} does not answer: {error or type(error).__name__}"
        )

    async def _answer(self, result: Any) -> Any:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Any] = loop.create_future()

        def hand_over(_: object) -> None:
            # In a thread of kazoo's; the loop may be gone already.
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, answered, result)

        result.rawlink(hand_over)
        async with asyncio.timeout(PATIENCE):
            return await answered

    def _wake(self) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._woken)


def _settle(answered: asyncio.Future[Any], result: Any) -> None:
    if answered.done():
        return
    if result.exception is not None:
        answered.set_exception(result.exception)
    else:
        answered.set_result(result.value)


def _end(made: Any) -> None:
    made.stop()
    made.close()


@contextmanager
def nothing_lost() -> Generator[None]:
    """For what changes nothing that anybody has asked for, so that it does not matter if it landed.

    Raises:
        StoreUnavailable: The answer was lost.
    """
    try:
        yield
    except OutcomeUnknown as error:
        raise StoreUnavailable(str(error)) from error
