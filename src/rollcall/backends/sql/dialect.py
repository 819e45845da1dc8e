# SPDX-License-Identifier: Apache-2.0
"""What differs between the databases of the services; all else is SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rollcall.kernel.errors import IncompatibleStore, StoreUnavailable

WRITES: Final = "rollcall_writes"
"""The execution option of connections whose transactions write."""


class Dialect(Protocol):
    """One kind of database. Its text is the place that messages name."""

    @property
    def reading(self) -> Mapping[str, str]:
        """Execution options of a connection whose transaction only reads: what it reads must be of
        one moment.
        """
        ...

    def open(self) -> AsyncEngine:
        """An engine for the database, which belongs to this process as far as it must.

        Raises:
            InvalidInput: There can be no database at this place.
            StoreInUse: It belongs to another process.
            StoreUnavailable: It cannot be reached.
        """
        ...

    def close(self) -> None:
        """Let go of what `open` took; the engine is disposed of before."""
        ...

    def writing(self) -> AbstractAsyncContextManager[None]:
        """Wait for the turn to write, where writers must take turns."""
        ...

    async def scrub(self) -> bool:
        """Have what was deleted leave the files; it is our turn to write.

        Returns:
            Whether it has; False: the files are in use, or there is no room.
        """
        ...

    async def announce(self, connection: AsyncConnection) -> None:
        """Have other processes told of the connection's transaction once it is committed."""
        ...

    async def follow(self, told: Callable[[int], None]) -> None:
        """Call `told` with the position of the last event whenever another process may have
        appended one, for ever; where there are no other processes, return at once.
        """
        ...

    def broke(self, error: Exception) -> bool:
        """Whether an error of the driver, which SQLAlchemy leaves as it is, tells of a connection
        that broke.
        """
        ...

    def meaning(self, error: DBAPIError) -> type[StoreUnavailable] | type[IncompatibleStore] | None:
        """Which of our errors it is; None: what was asked is to blame, not the database."""
        ...
