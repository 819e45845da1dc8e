"""What is in the topics of a Kafka, read from the beginning by nobody's group."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer

from rollcall.events.envelope import Event, from_json


async def topics_of(place: str, prefix: str) -> Mapping[str, Sequence[Event]]:
    """The events of all topics whose names begin with `prefix`, by the rest of the name.

    Those of one partition are in its order.
    """
    async with _consumer(place) as consumer:
        names = sorted(one for one in await consumer.topics() if one.startswith(prefix))
    found: dict[str, list[Event]] = {name.removeprefix(prefix): [] for name in names}
    if not names:
        return found
    async with _consumer(place, *names) as consumer:
        places = consumer.assignment()
        assert {one.topic for one in places} == set(names)
        ends = await consumer.end_offsets(places)
        while [one for one in places if await consumer.position(one) < ends[one]]:
            for one, messages in (await consumer.getmany(timeout_ms=500)).items():
                found[one.topic.removeprefix(prefix)] += [
                    from_json(message.value) for message in messages
                ]
    return found


@asynccontextmanager
async def _consumer(place: str, *names: str) -> AsyncGenerator[Any]:
    consumer = AIOKafkaConsumer(
        *names,
        bootstrap_servers=place,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()
