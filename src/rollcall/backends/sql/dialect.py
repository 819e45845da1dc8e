# SPDX-License-Identifier: Apache-2.0
"""What differs between the databases of the services; all else is SQLAlchemy Core."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from rollcall.kernel.errors import IncompatibleStore, StoreUnavailable

WRITES: Final = "rollcall_writes"
"""The execution option of connections whose transactions write."""


class Dialect(Protocol):
    """One kind of database. Its text is the place that messages name."""

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

    def meaning(self, error: DBAPIError) -> type[StoreUnavailable] | type[IncompatibleStore] | None:
        """Which of our errors it is; None: what was asked is to blame, not the database."""
        ...
