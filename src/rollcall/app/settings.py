# SPDX-License-Identifier: Apache-2.0
"""Every setting, each read from one environment variable (or a `.env` file, or an option)."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, cast

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from rollcall.app.bigquery_settings import BigqueryVariables
from rollcall.app.event_settings import EventVariables
from rollcall.app.gateway_settings import GatewayVariables
from rollcall.app.number_settings import NumberVariables
from rollcall.app.provider_settings import ProviderSettings
from rollcall.app.widget_settings import WidgetVariables
from rollcall.app.wizard_settings import WizardVariables
from rollcall.kernel.errors import InvalidInput


class Environment(StrEnum):
    """Where the process runs."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class LogLevel(StrEnum):
    """From which level on log lines are written."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class Tracing(StrEnum):
    """What becomes of traces."""

    AUTO = "auto"
    """Sent to a collector where one is named."""
    OFF = "off"
    CONSOLE = "console"
    OTLP = "otlp"


class Login(StrEnum):
    """When callers must show who they are."""

    AUTO = "auto"
    """Whenever others than this machine can reach the service, or tokens have an issuer."""
    REQUIRED = "required"
    """Always."""


def _variable(name: str, default: Any, about: str, **bounds: Any) -> Any:
    return Field(default=default, validation_alias=name, description=about, **bounds)


@contextmanager
def named(variables: Mapping[str, str]) -> Generator[None]:
    """Has errors name variables: `variables` says by which one a field is set."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(variables.get(error.field, error.field), error.problem) from None


class Settings(
    ProviderSettings,
    GatewayVariables,
    EventVariables,
    NumberVariables,
    WidgetVariables,
    BigqueryVariables,
    WizardVariables,
):
    """What a process is told from outside. A field's alias is the variable that sets it."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

    environment: Environment = _variable(
        "ENVIRONMENT",
        Environment.DEVELOPMENT,
        "development (logs for people, errors with detail) or production (JSON logs, none)",
    )
    log_level: LogLevel = _variable("LOG_LEVEL", LogLevel.INFO, "DEBUG, INFO, WARNING or ERROR")
    traces: Tracing = _variable(
        "ROLLCALL_TRACES",
        Tracing.AUTO,
        "auto (sent where OTEL_EXPORTER_OTLP_ENDPOINT says), otlp, console or off",
    )
    otlp_endpoint: str | None = _variable(
        "OTEL_EXPORTER_OTLP_ENDPOINT", None, "OpenTelemetry collector, such as http://host:4318"
    )
    host: str = _variable(
        "ROLLCALL_HOST", "127.0.0.1", "Address to listen on; any but loopback needs keys or tokens"
    )
    port: int | None = _variable(
        "PORT", None, "Port of the one service that `rollcall serve NAME` runs", ge=0, le=65535
    )
    service_registry_port: int = _variable(
        "SERVICE_REGISTRY_PORT", 3003, "Port of the service registry", ge=0, le=65535
    )
    agent_registry_port: int = _variable(
        "ROLLCALL_AGENT_REGISTRY_PORT", 8009, "Port of the agent registry", ge=0, le=65535
    )
    agent_port: int = _variable("AGENT_PORT", 3004, "Port of the agent service", ge=0, le=65535)
    ext_tool_port: int = _variable(
        "EXT_TOOL_PORT", 3006, "Port of the tools service", ge=0, le=65535
    )
    service_registry_url: str | None = _variable(
        "SERVICE_REGISTRY_URL",
        None,
        "The registry of services that run without one, such as http://service-registry:3003",
    )
    advertise_host: str | None = _variable(
        "ROLLCALL_ADVERTISE_HOST",
        None,
        "Host under which others reach this process; empty: the one it listens on",
    )

    data_dir: Path = _variable(
        "ROLLCALL_DATA_DIR",
        Path(platformdirs.user_data_dir("rollcall", appauthor=False)),
        "Folder of the SQLite files; belongs to one process",
    )
    store: SecretStr | None = _variable(
        "ROLLCALL_STORE",
        None,
        "Where records are: memory, sqlite, sqlite:///file, postgresql://..., zookeeper://host/root",
    )
    database: SecretStr | None = _variable(
        "ROLLCALL_DATABASE",
        None,
        "SQL database of keys, audit log and events, where it is not the store's own",
    )
    zookeeper_hosts: str | None = _variable(
        "ZOOKEEPER_HOSTS", None, "ZooKeeper servers, as host:port,host:port"
    )
    zookeeper_root: str = _variable(
        "ZOOKEEPER_ROOT", "/services", "Path in ZooKeeper under which everything is"
    )
    zookeeper_timeout: float = _variable(
        "ZOOKEEPER_TIMEOUT", 10.0, "Seconds until ZooKeeper gives a session up", gt=0, le=120
    )
    postgres_host: str | None = _variable("POSTGRES_HOST", None, "PostgreSQL server")
    postgres_port: int = _variable("POSTGRES_PORT", 5432, "Its port", ge=1, le=65535)
    postgres_db: str = _variable("POSTGRES_DB", "rollcall", "Its database")
    postgres_user: str = _variable("POSTGRES_USER", "rollcall", "Its user")
    postgres_password: SecretStr | None = _variable(
        "POSTGRES_PASSWORD", None, "The user's password"
    )
    postgres_password_file: Path | None = _variable(
        "POSTGRES_PASSWORD_FILE", None, "A file that holds the password, instead"
    )

    heartbeat_timeout: float = _variable(
        "HEARTBEAT_TIMEOUT_SECONDS",
        60.0,
        "Seconds of silence until an agent is offline",
        gt=0,
        le=86_400 * 365,
    )
    probes: bool = _variable("ROLLCALL_PROBES", True, "Whether registered health checks are run")
    probes_at_once: int = _variable(
        "ROLLCALL_PROBES_AT_ONCE", 64, "Health checks that may run at once", ge=1, le=10_000
    )

    model: str | None = _variable(
        "ROLLCALL_MODEL",
        None,
        "Model of the agent service, as provider:model; empty: the offline planner",
    )
    model_url: str | None = _variable(
        "ROLLCALL_MODEL_URL",
        None,
        "Its OpenAI-compatible server, such as http://localhost:11434/v1",
    )
    model_key: SecretStr | None = _variable(
        "ROLLCALL_MODEL_KEY", None, "The key for it; empty: the provider's own variable"
    )
    model_fallback: str = _variable(
        "ROLLCALL_MODEL_FALLBACK", "", "Models to ask while it does not answer, with commas"
    )
    turn_steps: int = _variable(
        "ROLLCALL_TURN_STEPS", 12, "Times that a model is asked for one answer", ge=1, le=1000
    )
    turn_tool_calls: int = _variable(
        "ROLLCALL_TURN_TOOL_CALLS", 24, "Calls of tools for one answer", ge=0, le=10_000
    )
    turn_tokens: int = _variable(
        "ROLLCALL_TURN_TOKENS", 200_000, "Tokens read and written for one answer", ge=1
    )
    turn_seconds: float = _variable(
        "ROLLCALL_TURN_SECONDS", 120.0, "Seconds that one answer may take", gt=0, le=86_400
    )
    turn_cost: Decimal | None = _variable(
        "ROLLCALL_TURN_COST", None, "What one answer may cost in USD; empty: anything", gt=0
    )
    tool_seconds: float = _variable(
        "ROLLCALL_TOOL_SECONDS", 30.0, "Seconds that one call of a tool may take", gt=0, le=3600
    )
    tool_keys: SecretStr | None = _variable(
        "ROLLCALL_TOOL_KEYS",
        None,
        "API keys for tool services that want one, as host:port=key,host:port=key",
    )
    turns_at_once: int = _variable(
        "ROLLCALL_TURNS_AT_ONCE", 64, "Messages that are answered at the same time", ge=1
    )
    instructions: str | None = _variable(
        "ROLLCALL_INSTRUCTIONS", None, "What the agent is told to be; empty: a helpful assistant"
    )
    memory: bool = _variable(
        "ROLLCALL_MEMORY", True, "Whether the agent remembers what users say of themselves"
    )
    scraper_hosts: str = _variable(
        "ROLLCALL_SCRAPER_HOSTS",
        "",
        "Private hosts that may be scraped, with commas: name, name:port or 10.0.0.0/8",
    )
    scraper_robots: bool = _variable(
        "ROLLCALL_SCRAPER_ROBOTS", True, "Whether robots.txt is respected"
    )

    login: Login = _variable(
        "ROLLCALL_LOGIN", Login.AUTO, "auto (none on loopback) or required (everywhere)"
    )
    jwt_issuer: str | None = _variable(
        "ROLLCALL_JWT_ISSUER", None, "Issuer (`iss`) whose JSON web tokens are accepted"
    )
    jwt_audience: str = _variable("ROLLCALL_JWT_AUDIENCE", "rollcall", "What their `aud` must be")
    jwt_jwks_url: str | None = _variable(
        "ROLLCALL_JWT_JWKS_URL", None, "Where the issuer publishes its keys (RFC 7517)"
    )
    jwt_secret: SecretStr | None = _variable(
        "ROLLCALL_JWT_SECRET", None, "Or a secret shared with the issuer, 32 bytes or more"
    )
    jwt_algorithms: str = _variable(
        "ROLLCALL_JWT_ALGORITHMS",
        "",
        "The only algorithms accepted, with commas; empty: RS256, or HS256 with a secret",
    )
    jwt_namespace: str | None = _variable(
        "ROLLCALL_JWT_NAMESPACE", None, "Namespace of tokens that name none; empty: refused"
    )

    max_body_bytes: int = _variable(
        "ROLLCALL_MAX_BODY_BYTES", 1 << 20, "The longest request body", ge=1024
    )
    max_records: int = _variable(
        "ROLLCALL_MAX_RECORDS", 1_000_000, "Records that one namespace may hold", ge=1
    )
    rate_per_second: float | None = _variable(
        "ROLLCALL_RATE_PER_SECOND",
        None,
        "Requests a second that a caller may send; empty: any",
        gt=0,
    )
    rate_burst: int = _variable(
        "ROLLCALL_RATE_BURST", 200, "Requests that a caller may send at once", ge=1
    )
    drain_seconds: float = _variable(
        "ROLLCALL_DRAIN_SECONDS", 10.0, "Seconds that open requests have at the end", ge=0, le=3600
    )
    keep_changes: int = _variable(
        "ROLLCALL_KEEP_CHANGES", 100_000, "Changes that a reader may be behind", ge=1000
    )
    keep_days: float = _variable(
        "ROLLCALL_KEEP_DAYS", 30.0, "Days that events and audit entries are kept", gt=0
    )

    relay_registry_events: bool = _variable(
        "ROLLCALL_RELAY_REGISTRY_EVENTS",
        False,
        "Whether the registry's changes go to the event log as well; heartbeats never do",
    )

    @classmethod
    def load(cls, overrides: Mapping[str, str] | None = None) -> Self:
        """The settings of this process.

        Args:
            overrides: Variables that count instead of those of the environment.

        Raises:
            InvalidInput: A variable makes no sense; the error names it.
        """
        try:
            return cls(**cast("dict[str, Any]", dict(overrides or {})))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise InvalidInput(".".join(map(str, first["loc"])), first["msg"]) from None
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(".env", f"cannot be read: {error}") from None

    @property
    def development(self) -> bool:
        return self.environment is Environment.DEVELOPMENT
