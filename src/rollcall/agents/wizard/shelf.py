# SPDX-License-Identifier: Apache-2.0
"""The library that counts now, and how another one takes its place."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from pathlib import Path

from rollcall.agents.wizard.library import SHIPPED, library_of, sources
from rollcall.agents.wizard.models import Library, Origin, Refused
from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.errors import InvalidInput

_log = logging.getLogger(__name__)


class Shelf:
    """Holds the library of a process. A file that is wrong leaves everything as it was.

    Args:
        clock: Time.
        operators: The operator's folder; None: there is none.
        shipped: The folder that comes with Rollcall.
    """

    def __init__(
        self, clock: Clock, operators: Path | None = None, shipped: Path = SHIPPED
    ) -> None:
        self._clock = clock
        self._operators = operators
        self._shipped = shipped
        self._library: Library | None = None
        self._loaded_at: datetime | None = None
        self._reloading = asyncio.Lock()
        self.refused: Refused | None = None
        """The last attempt, if it failed."""

    @property
    def library(self) -> Library:
        """What counts now.

        Raises:
            InvalidInput: It was never loaded, and cannot be. Names file and line.
        """
        return self.load() if self._library is None else self._library

    @property
    def loaded_at(self) -> datetime:
        """Since when it counts."""
        return self._loaded_at or utc(self._clock.now())

    def load(self) -> Library:
        """Read all files, and have them count from now on.

        Raises:
            InvalidInput: One is not as it should be; names file and line. What counted goes on.
        """
        return self._taken(self._read())

    async def reload(self) -> Library:
        """The same, while others go on with what counts.

        Raises:
            InvalidInput: As `load`.
        """
        async with self._reloading:
            try:
                found = await asyncio.to_thread(self._read)
            except InvalidInput as error:
                self.refused = Refused(str(error), utc(self._clock.now()))
                raise
            return self._taken(found)

    async def reload_or_tell(self) -> None:
        """The same for one whom nobody waits for: the log says how it went."""
        try:
            library = await self.reload()
        except InvalidInput as error:
            _log.error("the library stays as it was: %s", error)
        else:
            _log.info("the library is at revision %s now", library.revision)

    def _read(self) -> Library:
        files = sources(self._shipped, Origin.SHIPPED)
        if self._operators is not None:
            files += sources(self._operators, Origin.OPERATOR)
        return library_of(files)

    def _taken(self, library: Library) -> Library:
        self._library, self._loaded_at = library, utc(self._clock.now())
        self.refused = None
        return library
