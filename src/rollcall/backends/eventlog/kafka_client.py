# SPDX-License-Identifier: Apache-2.0
"""Which Kafka, and how it is reached. The one place that imports its driver."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rollcall.kernel.errors import InvalidInput, MissingExtra, StoreUnavailable
from rollcall.policies import checks

EXTRA: Final = "kafka"
PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_LOOKS: Final = 500
"""How often it is looked whether new topics have leaders."""
_TOPIC_EXISTS: Final = 36
"""Kafka's error code TOPIC_ALREADY_EXISTS."""


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where Kafka is, and how its topics are made.

    Args:
        servers: Some of its brokers, as `host:port,host:port`.
        prefix: Stands before the names of topics and consumer groups.
        partitions: Of a topic that is made here. All topics need the same number: an event of one
            key is in the same partition of each, and that is how they stay in order.
        replicas: Of a topic that is made here; -1: as the brokers say.
        session_timeout: Seconds of silence after which a member of a group is taken for dead, and
            others get its partitions.
        protocol: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.
        mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; only for SASL.
        user: The name that goes with it.
        password: The password that goes with it.
        ca_file: Certificates to trust, where those of the system are not meant.
        cert_file: Our own certificate, where brokers ask for one.
        key_file: Its key.

    Raises:
        InvalidInput: One of them makes no sense.
    """

    servers: str
    prefix: str = ""
    partitions: int = 6
    replicas: int = -1
    session_timeout: float = 10.0
    protocol: str = "PLAINTEXT"
    mechanism: str = "PLAIN"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def __post_init__(self) -> None:
        if not self.servers.strip(" ,"):
            raise InvalidInput("servers", "must name a broker, such as 127.0.0.1:9092")
        if self.partitions < 1:
            raise InvalidInput("partitions", "must be 1 or more")
        if self.replicas < 1 and self.replicas != -1:
            raise InvalidInput("replicas", "must be 1 or more, or -1: as the brokers say")
        checks.positive("session_timeout", self.session_timeout)
        if self.protocol not in PROTOCOLS:
            raise InvalidInput("protocol", f"must be one of {', '.join(PROTOCOLS)}")
        if self.protocol.startswith("SASL"):
            if self.mechanism not in MECHANISMS:
                raise InvalidInput("mechanism", f"must be one of {', '.join(MECHANISMS)}")
            if not self.user or self.password is None:
                raise InvalidInput("user", f"and a password are needed for {self.protocol}")
        if self.key_file is not None and self.cert_file is None:
            raise InvalidInput("key_file", "needs the certificate that it belongs to")

    def topic(self, name: str) -> str:
        """The topic of a type of events, or the consumer group of a group."""
        return self.prefix + name

    def connection(self) -> dict[str, Any]:
        """What every client of the driver is given.

        Raises:
            InvalidInput: A certificate cannot be read.
        """
        options: dict[str, Any] = {
            "bootstrap_servers": [one.strip() for one in self.servers.split(",") if one.strip()],
            "client_id": "rollcall",
            "security_protocol": self.protocol,
        }
        if self.protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.mechanism
            options["sasl_plain_username"] = self.user
            options["sasl_plain_password"] = self.password
        if self.protocol.endswith("SSL"):
            options["ssl_context"] = self._context()
        return options

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise InvalidInput("ca_file", f"{self.ca_file} cannot be used: {error}") from error
        if self.cert_file is not None:
            try:
                context.load_cert_chain(self.cert_file, self.key_file)
            except OSError as error:
                text = f"{self.cert_file} cannot be used: {error}"
                raise InvalidInput("cert_file", text) from error
        return context


def check_installed() -> None:
    """See that there is a driver.

    Raises:
        MissingExtra: There is none.
    """
    if not all(importlib.util.find_spec(name) for name in ("aiokafka", "cryptography")):
        raise MissingExtra("the event log on Kafka", EXTRA)
    # It says at every retry what we say once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def new_producer(settings: KafkaSettings) -> Any:
    """A producer that neither doubles nor reorders what it sends by itself; not started."""
    check_installed()
    from aiokafka import AIOKafkaProducer  # pyright: ignore[reportMissingTypeStubs]

    # Short, so that an outage is noticed; whoever sends keeps what was not taken.
    return AIOKafkaProducer(
        **settings.connection(), enable_idempotence=True, acks="all", request_timeout_ms=10_000
    )


def new_consumer(settings: KafkaSettings, group: str) -> Any:
    """A member of a group, whose offsets move only when told; not started."""
    check_installed()
    from aiokafka import AIOKafkaConsumer  # pyright: ignore[reportMissingTypeStubs]
    from aiokafka.coordinator.assignors.range import RangePartitionAssignor  # pyright: ignore[reportMissingTypeStubs]

    return AIOKafkaConsumer(
        **settings.connection(),
        group_id=settings.topic(group),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # The same partition of every topic goes to the same member.
        partition_assignment_strategy=(RangePartitionAssignor,),
        isolation_level="read_committed",
        fetch_max_wait_ms=200,
        session_timeout_ms=int(settings.session_timeout * 1000),
        heartbeat_interval_ms=int(settings.session_timeout * 200),
    )


def new_observer(settings: KafkaSettings) -> Any:
    """What can be asked where topics end, on a connection of its own; not started.

    A broker answers the requests of a connection in order, and those of a member wait for messages.
    """
    check_installed()
    from aiokafka import (  # pyright: ignore[reportMissingTypeStubs]
        AIOKafkaConsumer,
    )

    return AIOKafkaConsumer(**settings.connection(), isolation_level="read_committed")


async def ensure_topics(settings: KafkaSettings, names: Iterable[str]) -> None:
    """See that topics are there.

    Raises:
        StoreUnavailable: They are not, and cannot be made now.
    """
    check_installed()
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # pyright: ignore[reportMissingTypeStubs]
    from aiokafka.errors import KafkaError  # pyright: ignore[reportMissingTypeStubs]

    admin: Any = AIOKafkaAdminClient(**settings.connection(), request_timeout_ms=10_000)
    topics = sorted({settings.topic(name) for name in names})
    # The driver wants an empty assignment where the number of replicas is left to the brokers.
    by_broker: dict[int, list[int]] | None = {} if settings.replicas == -1 else None
    try:
        await admin.start()
        there = set(await admin.list_topics())
        new = [
            NewTopic(name, settings.partitions, settings.replicas, by_broker)
            for name in topics
            if name not in there
        ]
        if new:
            for topic, code, *said in (await admin.create_topics(new)).topic_errors:
                if code not in {0, _TOPIC_EXISTS}:
                    raise StoreUnavailable(f"Kafka makes no topic {topic}: error {code} {said}")
        # Whoever joins a group before a topic has leaders is assigned nothing of it.
        for _ in range(_LOOKS):
            if all(map(_is_led, await admin.describe_topics(topics))):
                return
            await asyncio.sleep(0.01)
    except KafkaError as error:
        raise StoreUnavailable(f"Kafka at {settings.servers} does not answer: {error}") from error
    finally:
        await admin.close()
    raise StoreUnavailable(f"Kafka has no leaders for {', '.join(topics)}")


def _is_led(topic: dict[str, Any]) -> bool:
    """Whether every partition of a topic, as the driver describes it, can be read and written."""
    partitions: list[dict[str, Any]] = topic["partitions"]
    led = all(one["error_code"] == 0 and one["leader"] >= 0 for one in partitions)
    return topic["error_code"] == 0 and bool(partitions) and led
