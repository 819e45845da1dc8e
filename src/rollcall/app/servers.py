# SPDX-License-Identifier: Apache-2.0
"""Servers that Rollcall is told to use, looked at from outside: there, fit, on time?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Final
from urllib.parse import urlsplit

from rollcall.app.events import kafka_settings
from rollcall.app.findings import Finding, Grade
from rollcall.app.places import Places, told
from rollcall.app.settings import Settings
from rollcall.backends.eventlog import kafka_checkup
from rollcall.backends.eventlog.kafka_client import KafkaSettings
from rollcall.backends.sql.checkup import Checkup, checkup
from rollcall.events.catalogue import CATALOGUE
from rollcall.kernel.clock import Clock
from rollcall.kernel.errors import MissingExtra, RollcallError

PATIENCE: Final = 5.0
"""Seconds that a server may take to answer."""
SKEW: Final = 2.0
"""Seconds by which clocks may differ; heartbeats are judged by the store's, in whole seconds."""


async def answers(where: Places, settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    """How the servers are on which records, events and everything else are kept."""
    for url in dict.fromkeys((where.records, where.database)):
        scheme = urlsplit(url).scheme
        if scheme == "postgresql":
            for finding in await _postgres(url, clock):
                yield finding
        elif scheme == "zookeeper":
            for place in urlsplit(url).netloc.rpartition("@")[2].split(","):
                yield await _zookeeper(place)
    yield await _events(settings)


async def _events(settings: Settings) -> Finding:
    try:
        kafka = kafka_settings(settings)
    except RollcallError as error:
        return Finding("events", Grade.ERROR, str(error))
    if kafka is not None:
        return await _kafka(kafka)
    if settings.kafka_servers:
        text = "KAFKA_BOOTSTRAP_SERVERS is set, but not ROLLCALL_EVENTS=kafka: nothing goes there"
        return Finding("events", Grade.WARNING, text)
    return Finding("events", Grade.OK, "delivered from the SQL database")


async def _kafka(kafka: KafkaSettings) -> Finding:
    try:
        async with asyncio.timeout(PATIENCE):
            seen = await kafka_checkup.checkup(kafka, [one.name for one in CATALOGUE])
    except TimeoutError:
        text = f"{kafka.servers} does not answer within {PATIENCE:g} s: is that its address?"
        return Finding("Kafka", Grade.ERROR, text)
    except MissingExtra as error:
        return Finding("Kafka", Grade.ERROR, str(error))
    except RollcallError as error:
        text = f"{error}. Is it running, and are address, protocol, user and password right?"
        return Finding("Kafka", Grade.ERROR, text)
    place = f"{kafka.servers}: cluster {seen.cluster}, brokers: {seen.brokers}"
    if not seen.topics:
        return Finding("Kafka", Grade.OK, f"{place}, no topics yet; they are made when needed")
    counts = set(seen.topics.values())
    sizes = " or ".join(map(str, sorted(counts)))
    place = f"{place}, topics: {len(seen.topics)}, each with {sizes} partitions"
    if len(counts) > 1:
        each = ", ".join(f"{name} {count}" for name, count in sorted(seen.topics.items()))
        text = f"{place}. Give all as many, or events of one subject lose their order: {each}"
        return Finding("Kafka", Grade.WARNING, text)
    if counts != {kafka.partitions}:
        text = f"{place}; others would get {kafka.partitions}: set KAFKA_PARTITIONS={counts.pop()}"
        return Finding("Kafka", Grade.WARNING, text)
    return Finding("Kafka", Grade.OK, place)


async def _postgres(url: str, clock: Clock) -> list[Finding]:
    try:
        async with asyncio.timeout(PATIENCE):
            before = clock.now()
            seen = await checkup(url)
            ahead = (before + clock.now()) / 2 - seen.time
    except TimeoutError:
        text = f"{told(url)} does not answer within {PATIENCE:g} s: is that its address?"
        return [Finding("PostgreSQL", Grade.ERROR, text)]
    except RollcallError as error:
        text = f"{error}. Is it running, and are address, user, password and database right?"
        return [Finding("PostgreSQL", Grade.ERROR, text)]
    return list(_judged(url, seen, ahead))


def _judged(url: str, seen: Checkup, ahead: float) -> Iterator[Finding]:
    tables = f"tables at {seen.revision}" if seen.revision else "no tables yet; a start makes them"
    place = f"{told(url)}: version {seen.version}, {tables}"
    if not seen.known:
        text = f"{place}, which this version of Rollcall does not know: it is too old for them"
        yield Finding("PostgreSQL", Grade.ERROR, text)
    elif seen.revision not in (None, seen.newest):
        text = f"{place}; a start brings them to {seen.newest}: make a backup before"
        yield Finding("PostgreSQL", Grade.WARNING, text)
    else:
        yield Finding("PostgreSQL", Grade.OK, place)
    if abs(ahead) > SKEW:
        text = (
            f"this machine is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} the"
            " server: replicas would misjudge heartbeats. Keep both on time (NTP)"
        )
        yield Finding("clock", Grade.WARNING, text)
    else:
        yield Finding("clock", Grade.OK, f"within {SKEW:g} s of the server's")


async def _zookeeper(place: str) -> Finding:
    host, _, port = place.rpartition(":") if ":" in place else (place, "", "2181")
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(b"srvr")
                said = (await reader.read(4096)).decode("ascii", "replace")
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError) as error:
        text = f"{place} does not answer ({error or 'in time'}): is it running, and is that right?"
        return Finding("ZooKeeper", Grade.ERROR, text)
    facts = dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)
    version = facts.get("Zookeeper version", "").partition("-")[0]
    if not version:
        text = f"{place} answers, but does not say how it is (4lw.commands.whitelist lacks srvr)"
        return Finding("ZooKeeper", Grade.WARNING, text)
    return Finding("ZooKeeper", Grade.OK, f"{place}: version {version}, {facts.get('Mode', '')}")
