"""Being in the service registry while one is served."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from rollcall.client import HealthCheck, RollcallError, ServiceMetadata, get_registration_client

_log = logging.getLogger(__name__)


@asynccontextmanager
async def registered(name: str, host: str, port: int, version: str) -> AsyncGenerator[None]:
    """Register once connections are taken, heartbeat, and leave the registry at the end.

    A registry that is away keeps nobody from serving: the heartbeats go on trying. Variables:
    `SERVICE_REGISTRY_URL`, `ROLLCALL_API_KEY`, and `SERVICE_HOST`: how others reach this machine.
    """
    client = get_registration_client()
    await client.register(
        name,
        port,
        os.environ.get("SERVICE_HOST", host),
        "api",
        metadata=ServiceMetadata(description="Quotes for agents", version=version, tags=["quotes"]),
        health_check=HealthCheck(endpoint="/health"),
        # Nothing is listened on yet while an application starts.
        wait_ready=True,
    )
    try:
        yield
    finally:
        try:
            async with asyncio.timeout(5):
                await client.unregister()
        except (RollcallError, TimeoutError) as error:
            _log.warning("could not leave the registry, which will notice: %s", error)
        await client.close()
