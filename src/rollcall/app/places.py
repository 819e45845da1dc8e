# SPDX-License-Identifier: Apache-2.0
"""Which settings decide where things are kept. Pure, but for reading the password's file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from rollcall.app.settings import Settings
from rollcall.kernel.errors import InvalidInput

_HOST: Final = re.compile(r"[\w.-]+|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?")
_SERVER: Final = r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_ENSEMBLE: Final = re.compile(rf"{_SERVER}(?: *, *{_SERVER})*")
_SERVERS: Final = {
    "memory": "ROLLCALL_STORE",
    "sqlite": "ROLLCALL_DATA_DIR",
    "postgresql": "POSTGRES_HOST",
    "zookeeper": "ZOOKEEPER_HOSTS",
}
"""By the kind of a store: the variable that says where it is, unless `ROLLCALL_STORE` does."""
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
        InvalidInput: The settings contradict each other, one of them is no place, or the password's
            file cannot be read. The error names the variable.
    """
    records = _records(settings)
    if settings.database is not None:
        database = _url("ROLLCALL_DATABASE", settings.database.get_secret_value())
    else:
        database = _database(settings, records)
    return Places(records, database)


def setters(settings: Settings, where: Places) -> Mapping[str, str]:
    """Which variable decides where the store is, and which where the database is."""
    store = settings.store.get_secret_value() if settings.store else ""
    chosen = "ROLLCALL_STORE" if store not in {"", *_SERVERS} else _SERVERS[where.kind]
    return {
        "store": chosen,
        "database": "ROLLCALL_DATABASE" if settings.database is not None else chosen,
    }


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
        return _url("ROLLCALL_STORE", store)
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
    return f"sqlite:///{quote(str(_folder(settings.data_dir) / name))}"


def _folder(path: Path) -> Path:
    try:
        folder = path.expanduser().absolute()
        there = next(one for one in (folder, *folder.parents) if one.exists())
    except (OSError, RuntimeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise InvalidInput("ROLLCALL_DATA_DIR", f"cannot be used: {reason}") from None
    if not there.is_dir():
        raise InvalidInput("ROLLCALL_DATA_DIR", f"must be a folder, and {there} is none")
    return folder


def _url(variable: str, text: str) -> str:
    """The same, if it can be taken apart. The error does not repeat it: it may hold a password."""
    try:
        urlsplit(text)
    except ValueError:
        raise InvalidInput(variable, "is no URL") from None
    return text


def _zookeeper(settings: Settings) -> str:
    if not settings.zookeeper_hosts:
        raise InvalidInput("ZOOKEEPER_HOSTS", "must name the servers of the store zookeeper")
    if not _ENSEMBLE.fullmatch(settings.zookeeper_hosts):
        raise InvalidInput("ZOOKEEPER_HOSTS", "must be like host:2181,host:2181")
    root = quote(settings.zookeeper_root.strip("/"))
    timeout = settings.zookeeper_timeout
    return f"zookeeper://{settings.zookeeper_hosts}/{root}?timeout={timeout:g}"


def _postgres(settings: Settings) -> str:
    host = settings.postgres_host
    if not host:
        raise InvalidInput("POSTGRES_HOST", "must name the server of the store postgresql")
    if not _HOST.fullmatch(host):
        raise InvalidInput("POSTGRES_HOST", "must be a host's name or address, and nothing else")
    if ":" in host:
        host = f"[{host.strip('[]')}]"
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
