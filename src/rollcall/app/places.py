# SPDX-License-Identifier: Apache-2.0
"""Which settings decide where things are kept. Pure, but for reading the password's file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from rollcall.app.settings import Settings
from rollcall.kernel.errors import InvalidInput

FACTS: Final = "analytics.duckdb"
"""The name of DuckDB's file in a data folder."""
MEMORY: Final = "memory"
"""The database's URL where nothing outlives the process."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a process keeps what it knows.

    Args:
        records: The URL of the record store, with its password.
        database: The URL of the SQL database, with its password; `memory`: a temporary one.
    """

    records: str
    database: str

    @property
    def kind(self) -> str:
        """What kind of record store it is: `memory`, `sqlite`, `postgresql` or `zookeeper`."""
        return self.records.partition(":")[0]

    @property
    def facts(self) -> Path | None:
        """DuckDB's file beside the SQLite file of the services; None: there is no such file."""
        parts = urlsplit(self.database)
        if parts.scheme != "sqlite":
            return None
        path = Path(unquote(parts.path[1:]))
        # Several of them may be in one folder.
        other = path.name.removesuffix(".db").removesuffix("services").rstrip(".")
        return path.with_name(f"{other}.{FACTS}" if other else FACTS)

    @property
    def told(self) -> str:
        """Where the records are, for people: without a password."""
        return told(self.records)


def places(settings: Settings) -> Places:
    """Where to keep records, and where everything else.

    `ROLLCALL_STORE` decides; without it `ZOOKEEPER_HOSTS` or `POSTGRES_HOST` does; without any it
    is SQLite in the data folder.

    Raises:
        InvalidInput: The settings contradict each other, or the password's file cannot be read.
    """
    records = _records(settings)
    if settings.database is not None:
        database = settings.database.get_secret_value()
    else:
        database = _database(settings, records)
    return Places(records, database)


def told(url: str) -> str:
    """`url` for people: without a password, and a file as its path."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    if scheme == "sqlite":
        return rest.removeprefix("/")
    credentials, at, place = rest.partition("?")[0].rpartition("@")
    user = credentials.partition(":")[0]
    return f"{scheme}://{user}{at}{place}"


def _records(settings: Settings) -> str:
    store = settings.store.get_secret_value() if settings.store else None
    if store == "sqlite":
        return _file(settings, "records.db")
    if store == "postgresql":
        return _postgres(settings)
    if store == "zookeeper":
        return _zookeeper(settings)
    if store is not None:
        return store
    if settings.zookeeper_hosts and settings.postgres_host:
        raise InvalidInput(
            "ROLLCALL_STORE",
            "must say where records are, since both ZOOKEEPER_HOSTS and POSTGRES_HOST are set:"
            " zookeeper (keys, audit log and events then are in PostgreSQL) or postgresql",
        )
    if settings.zookeeper_hosts:
        return _zookeeper(settings)
    return _postgres(settings) if settings.postgres_host else _file(settings, "records.db")


def _database(settings: Settings, records: str) -> str:
    scheme = records.partition(":")[0]
    if scheme == "postgresql":
        return records
    if settings.postgres_host:
        return _postgres(settings)
    if scheme == MEMORY:
        return MEMORY
    if scheme == "sqlite" and records != _file(settings, "records.db"):
        # Beside the records, so that a folder holds a whole registry.
        path = Path(urlsplit(records).path[1:])
        return f"sqlite:///{path.with_suffix('')}.services.db"
    return _file(settings, "services.db")


def _file(settings: Settings, name: str) -> str:
    return f"sqlite:///{quote(str(settings.data_dir.expanduser().absolute() / name))}"


def _zookeeper(settings: Settings) -> str:
    if not settings.zookeeper_hosts:
        raise InvalidInput("ZOOKEEPER_HOSTS", "must name the servers of the store zookeeper")
    root = settings.zookeeper_root.strip("/")
    timeout = settings.zookeeper_timeout
    return f"zookeeper://{settings.zookeeper_hosts}/{root}?timeout={timeout:g}"


def _postgres(settings: Settings) -> str:
    host = settings.postgres_host
    if not host:
        raise InvalidInput("POSTGRES_HOST", "must name the server of the store postgresql")
    password = _password(settings)
    secret = f":{quote(password, safe='')}" if password else ""
    user = quote(settings.postgres_user, safe="")
    name = quote(settings.postgres_db, safe="")
    return f"postgresql://{user}{secret}@{host}:{settings.postgres_port}/{name}"


def _password(settings: Settings) -> str | None:
    if settings.postgres_password is not None:
        return settings.postgres_password.get_secret_value()
    path = settings.postgres_password_file
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("POSTGRES_PASSWORD_FILE", f"cannot be read: {error}") from None
