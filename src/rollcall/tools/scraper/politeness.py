# SPDX-License-Identifier: Apache-2.0
"""How many requests one host gets at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class HostSlots:
    """Lets at most `per_host` in at once for each host. Remembers only the hosts in use."""

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._users: dict[str, int] = {}

    def __len__(self) -> int:
        """How many hosts are in use or waited for."""
        return len(self._slots)

    @asynccontextmanager
    async def one(self, host: str) -> AsyncGenerator[None]:
        """Wait for a turn at `host`, and keep it while this is entered."""
        slots = self._slots.setdefault(host, asyncio.Semaphore(self._per_host))
        self._users[host] = self._users.get(host, 0) + 1
        try:
            async with slots:
                yield
        finally:
            self._users[host] -= 1
            if not self._users[host]:
                del self._users[host], self._slots[host]
