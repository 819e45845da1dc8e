# SPDX-License-Identifier: Apache-2.0
"""Which event log a process has, and what it tells of the delivery."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from rollcall.app.event_settings import EventLogKind
from rollcall.app.settings import Settings, named
from rollcall.backends.eventlog.kafka import KafkaEventLog
from rollcall.backends.eventlog.kafka_client import KafkaSettings
from rollcall.backends.eventlog.sql import SqlEventLog
from rollcall.backends.sql.database import Database
from rollcall.backends.sql.redaction import Blanks
from rollcall.backends.sql.unit_of_work import SqlUnitOfWork
from rollcall.conversations.module import BLANKS as OF_CONVERSATIONS
from rollcall.events.dispatcher import Dispatcher
from rollcall.kernel.clock import Clock
from rollcall.memory.module import BLANKS as OF_MEMORIES
from rollcall.protocols.event_metrics import event_metrics
from rollcall.web.module import Module

PERSONAL: Final[Blanks] = {**OF_MEMORIES, **OF_CONVERSATIONS}
"""What is personal in events, and is sealed where they leave the database."""

_VARIABLES: Final = {
    "servers": "KAFKA_BOOTSTRAP_SERVERS",
    "replicas": "KAFKA_REPLICATION_FACTOR",
    "protocol": "KAFKA_SECURITY_PROTOCOL",
    "mechanism": "KAFKA_SASL_MECHANISM",
    "user": "KAFKA_SASL_USERNAME",
    "ca_file": "KAFKA_SSL_CAFILE",
    "cert_file": "KAFKA_SSL_CERTFILE",
    "key_file": "KAFKA_SSL_KEYFILE",
}
"""By the name of a setting of Kafka that may make no sense: the variable that sets it."""


def kafka_settings(settings: Settings) -> KafkaSettings | None:
    """Which Kafka events are delivered from; None: from none.

    Raises:
        InvalidInput: They make no sense; the error names the variable.
    """
    if settings.events is not EventLogKind.KAFKA:
        return None
    password = settings.kafka_password
    with named(_VARIABLES):
        kafka = KafkaSettings(
            settings.kafka_servers,
            settings.kafka_prefix,
            partitions=settings.kafka_partitions,
            replicas=settings.kafka_replicas,
            protocol=settings.kafka_protocol,
            mechanism=settings.kafka_mechanism,
            user=settings.kafka_user,
            password=None if password is None else password.get_secret_value(),
            ca_file=settings.kafka_ca_file,
            cert_file=settings.kafka_cert_file,
            key_file=settings.kafka_key_file,
        )
        # It is no outage where certificates cannot be read.
        kafka.connection()
    return kafka


@asynccontextmanager
async def event_log(
    settings: Settings, database: Database, clock: Clock
) -> AsyncGenerator[SqlEventLog | KafkaEventLog]:
    """The event log of a process, open. To be closed after the dispatcher, before the database.

    Args:
        settings: Which.
        database: Where events are written.
        clock: Time.

    Raises:
        InvalidInput: The settings of Kafka make no sense.
        MissingExtra: Its driver is not installed.
    """
    kafka = kafka_settings(settings)
    if kafka is None:
        yield SqlEventLog(database)
        return
    async with KafkaEventLog(kafka, database, clock, PERSONAL) as log:
        yield log


def delivery_figures(
    log: SqlEventLog | KafkaEventLog, dispatcher: Dispatcher[SqlUnitOfWork], clock: Clock
) -> tuple[Module, Module]:
    """A module that looks how delivery is doing, for one service of the process, and one that says
    so, for all.
    """
    unsent = log.forwarder.lag if isinstance(log, KafkaEventLog) else None
    return event_metrics(dispatcher.status, clock, unsent)
