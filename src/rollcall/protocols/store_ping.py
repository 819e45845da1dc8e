# SPDX-License-Identifier: Apache-2.0
"""Whether the record store answers, as `/health` asks."""

from __future__ import annotations

from rollcall.kernel.errors import StoreUnavailable
from rollcall.registry.service import RegistryService
from rollcall.web.health import Ping


def store_ping(service: RegistryService) -> Ping:
    """Fails while the store is away. Reads and heartbeats go on then, so it is not vital."""

    async def ask() -> None:
        if service.commits.down_since is not None:
            raise StoreUnavailable("the record store does not answer")

    return Ping("store", ask, vital=False)
