# SPDX-License-Identifier: Apache-2.0
"""The variables of the event log, and of the Kafka that it may be on."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class EventLogKind(StrEnum):
    """From where events are delivered."""

    SQL = "sql"
    """From the SQL database that they are written in."""
    KAFKA = "kafka"
    """From Kafka, to which they are sent from there."""


def _variable(name: str, default: Any, about: str, **bounds: Any) -> Any:
    return Field(default=default, validation_alias=name, description=about, **bounds)


class EventVariables(BaseSettings):
    """Where events are delivered from; Kafka's are called as its own clients' settings are."""

    events: EventLogKind = _variable(
        "ROLLCALL_EVENTS", EventLogKind.SQL, "Where events are delivered from: sql or kafka"
    )
    kafka_servers: str = _variable(
        "KAFKA_BOOTSTRAP_SERVERS", "", "Some brokers of Kafka, as host:port,host:port"
    )
    kafka_prefix: str = _variable(
        "KAFKA_TOPIC_PREFIX", "", "Stands before the names of topics and consumer groups"
    )
    kafka_partitions: int = _variable(
        "KAFKA_PARTITIONS",
        6,
        "Partitions of topics that are made; all topics need the same number",
        ge=1,
        le=10_000,
    )
    kafka_replicas: int = _variable(
        "KAFKA_REPLICATION_FACTOR", -1, "Replicas of topics that are made; -1: as the brokers say"
    )
    kafka_protocol: str = _variable(
        "KAFKA_SECURITY_PROTOCOL", "PLAINTEXT", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    kafka_mechanism: str = _variable(
        "KAFKA_SASL_MECHANISM", "PLAIN", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    kafka_user: str | None = _variable("KAFKA_SASL_USERNAME", None, "The user that goes with it")
    kafka_password: SecretStr | None = _variable(
        "KAFKA_SASL_PASSWORD", None, "That user's password"
    )
    kafka_ca_file: Path | None = _variable(
        "KAFKA_SSL_CAFILE", None, "Certificates to trust; empty: those of the system"
    )
    kafka_cert_file: Path | None = _variable(
        "KAFKA_SSL_CERTFILE", None, "Our own certificate, where brokers ask for one"
    )
    kafka_key_file: Path | None = _variable("KAFKA_SSL_KEYFILE", None, "Its key")
