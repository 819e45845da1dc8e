"""Taking part in what services tell each other: here, what usages were charged."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import Counter

from rollcall.events import EventConsumer

_log = logging.getLogger(__name__)

CHARGED = Counter("quote_service_charged", "What usages were charged", ["currency"])


async def note(event: dict[str, Any]) -> None:
    """Count a charge. One may be told twice: a graph can bear it, books go by `event_id`."""
    CHARGED.labels(event["currency"]).inc(float(event["amount"]))


@asynccontextmanager
async def charges(group: str) -> AsyncGenerator[None]:
    """Hear of charges, if `KAFKA_BOOTSTRAP_SERVERS` says where. Instances share what comes."""
    servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if not servers:
        _log.info("hears of no events: KAFKA_BOOTSTRAP_SERVERS is not set")
        yield
        return
    consumer = EventConsumer(servers, group, ["usage.charged"])
    consumer.register_handler("usage.charged", note)
    await consumer.start()
    try:
        yield
    finally:
        await consumer.stop()
