# SPDX-License-Identifier: Apache-2.0
"""A look at Kafka, which changes nothing there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from rollcall.backends.eventlog.kafka_client import KafkaSettings, check_installed
from rollcall.kernel.errors import StoreUnavailable


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was seen. Brokers do not say which version they are.

    Args:
        cluster: The id of the cluster.
        brokers: How many it has.
        topics: Ours that are there, and how many partitions each has.
    """

    cluster: str
    brokers: int
    topics: Mapping[str, int]


async def checkup(settings: KafkaSettings, names: Collection[str]) -> Checkup:
    """Look at Kafka, and at the topics of these types of events.

    Raises:
        MissingExtra: The driver is not installed.
        StoreUnavailable: It does not answer, or lets us not in.
    """
    check_installed()
    from aiokafka.admin import AIOKafkaAdminClient  # pyright: ignore[reportMissingTypeStubs]
    from aiokafka.errors import KafkaError  # pyright: ignore[reportMissingTypeStubs]

    admin: Any = AIOKafkaAdminClient(**settings.connection(), request_timeout_ms=10_000)
    try:
        await admin.start()
        seen: dict[str, Any] = await admin.describe_cluster()
        wanted = {settings.topic(name) for name in names}
        there = sorted(wanted & set(await admin.list_topics()))
        told: list[dict[str, Any]] = await admin.describe_topics(there) if there else []
    except KafkaError as error:
        raise StoreUnavailable(f"Kafka at {settings.servers} does not answer: {error}") from error
    finally:
        await admin.close()
    topics = {str(one["topic"]): len(one["partitions"]) for one in told}
    return Checkup(str(seen.get("cluster_id")), len(seen["brokers"]), topics)
