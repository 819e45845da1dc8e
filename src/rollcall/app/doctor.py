# SPDX-License-Identifier: Apache-2.0
"""`rollcall doctor`: would it start, and would it be safe? Looks, and changes nothing."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import httpx
from filelock import FileLock, Timeout

from rollcall.app.abilities import abilities, library
from rollcall.app.bigquery_settings import bigquery_of
from rollcall.app.books_check import books
from rollcall.app.event_settings import EventLogKind
from rollcall.app.findings import Finding, Grade
from rollcall.app.gateway import check as check_gateway
from rollcall.app.numbers import account_defaults, invoice_issuer, webhook_secrets
from rollcall.app.places import MEMORY, Places, places, setters
from rollcall.app.servers import SKEW, answers
from rollcall.app.services import SERVICES, Service
from rollcall.app.settings import Settings, named
from rollcall.app.sockets import CannotListen, bound
from rollcall.app.standing import elsewhere, standing
from rollcall.app.tracing import wanted
from rollcall.app.understood import misunderstood
from rollcall.backends.facts.bigquery_client import key_of
from rollcall.backends.records.sqlite import last_alive
from rollcall.backends.sql.database import dialect_of
from rollcall.kernel.clock import Clock, SystemClock, utc
from rollcall.kernel.errors import InvalidInput, MissingExtra, RollcallError
from rollcall.kernel.ids import RandomIds
from rollcall.registry.catalogue import open_store
from rollcall.web.binding import is_loopback

SETTINGS: Final = "settings"
"""The subject of what is set."""
ACCOUNTS: Final = "accounts"
"""The subject of how they are billed."""
FACTS: Final = "facts"
"""The subject of what analytics counts."""
LITTLE: Final = 1 << 30
"""Free bytes on a disk below which somebody should look."""
PATIENCE: Final = 2.0
"""Seconds that whoever has a port may take to say who it is."""
SQLITE: Final = b"SQLite format 3\0"
"""What every SQLite file begins with."""
EXTRAS: Final = {
    "semantic": ("wordllama", "search by meaning"),
    "postgres": ("asyncpg", "PostgreSQL"),
    "zookeeper": ("kazoo", "ZooKeeper"),
    "kafka": ("aiokafka", "events on Kafka"),
    "bigquery": ("google.cloud.bigquery", "facts in BigQuery"),
    "otel": ("opentelemetry", "traces"),
}


def examine(settings: Settings, clock: Clock | None = None) -> list[Finding]:
    """Everything that decides whether Rollcall would start with these settings, and be safe."""
    found = [*_ports(settings), *_login(settings), *_secrets(Path(".env"))]
    clock = clock or SystemClock()
    misplaced = list(_misplaced(settings, clock))
    wrong = [*misunderstood(settings, clock), *misplaced]
    found += [Finding(SETTINGS, Grade.ERROR, str(error)) for error in wrong]
    if misplaced:
        # Nobody knows where to look.
        return found
    where = places(settings)
    if not wrong:
        found.append(Finding(SETTINGS, Grade.OK, f"records in {where.kind}, {where.told}"))
    found += _files(where)
    found += _facts(where, settings)
    found.append(_accounts(settings))
    found += asyncio.run(books(where))
    found.append(library(settings, clock))
    found += asyncio.run(_servers(where, settings, clock))
    if not any(one.subject == "clock" for one in found):
        found.append(_clock(where, clock))
    found += abilities(settings, on_sqlite=where.database.startswith(("sqlite:", MEMORY)))
    found += asyncio.run(elsewhere(settings))
    found += _extras(where, settings)
    return [*found, *standing(settings, where, found)]


def _misplaced(settings: Settings, clock: Clock) -> Iterator[RollcallError]:
    """What is wrong with where things are kept, and where the gateway leads."""
    try:
        check_gateway(settings)
        where = places(settings)
        with named(setters(settings, where)):
            open_store(where.records, clock, RandomIds())
            if where.database != MEMORY:
                dialect_of(where.database)
    except InvalidInput as error:
        yield error
    except MissingExtra:
        # It is said of the extra.
        return


def _ports(settings: Settings) -> Iterator[Finding]:
    for one in SERVICES.values():
        port = one.port(settings)
        try:
            bound(settings.host, port, one.variable).close()
        except CannotListen as error:
            yield _taken(one, settings.host, port, error)
        else:
            free = f"free on {settings.host}: {one.title}" if port else "any that is free"
            yield Finding(f"port {port}", Grade.OK, free)


def _taken(service: Service, host: str, port: int, error: CannotListen) -> Finding:
    """Whether it is one of ours that has the port."""
    try:
        answer = httpx.get(_url(host, port), timeout=PATIENCE, trust_env=False)
        who = answer.json()["service"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, KeyError):
        return Finding(f"port {port}", Grade.ERROR, str(error))
    if who != service.name:
        return Finding(f"port {port}", Grade.ERROR, f"{error}. It says that it is {who!r:.80}")
    how = "well" if answer.is_success else f"not well: see {answer.url}"
    text = f"the {service.title} runs there already, and is {how}"
    return Finding(f"port {port}", Grade.WARNING, text)


def _url(host: str, port: int) -> httpx.URL:
    # Whoever listens everywhere is asked on loopback.
    place = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return httpx.URL(scheme="http", host=place, port=port, path="/health")


def _login(settings: Settings) -> Iterator[Finding]:
    if settings.jwt_issuer:
        yield Finding("login", Grade.OK, f"tokens of {settings.jwt_issuer}, and API keys")
    elif is_loopback(settings.host):
        yield Finding("login", Grade.OK, "only this machine can reach the services")
    else:
        yield Finding(
            "login",
            Grade.WARNING,
            f"others can reach {settings.host}: it starts only with an API key"
            " (rollcall keys create --name first --scope admin)",
        )
    if not is_loopback(settings.host):
        text = "keys and tokens travel as they are: put TLS in front (nginx, a load balancer)"
        yield Finding("encryption", Grade.WARNING, text)


def _secrets(path: Path) -> Iterator[Finding]:
    """Whether others on this machine may read the file that passwords are often in."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if mode & 0o077:
        text = f"others on this machine may read {path.absolute()}: chmod 600 {path}"
        yield Finding(str(path), Grade.WARNING, text)
    else:
        yield Finding(str(path), Grade.OK, "read, and only its owner can")


def _files(where: Places) -> Iterator[Finding]:
    for url in dict.fromkeys((where.records, where.database)):
        if url.startswith("sqlite:"):
            yield from _file(Path(unquote(urlsplit(url).path[1:])))


def _file(path: Path) -> Iterator[Finding]:
    subject = path.name
    folder = next(one for one in (path.parent, *path.parents) if one.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        yield Finding(
            subject,
            Grade.ERROR,
            f"{folder} is no folder that can be written: name another with --data-dir or --store",
        )
        return
    lock = Path(f"{path}.lock")
    if lock.exists():
        held = FileLock(lock, blocking=False)
        try:
            held.acquire()
        except Timeout:
            yield Finding(
                subject, Grade.WARNING, f"{path} is in use: Rollcall runs on this folder already"
            )
            return
        held.release()
    if path.exists() and path.stat().st_size and not _is_sqlite(path):
        text = f"{path} is no SQLite file: name another store, or restore a backup"
        yield Finding(subject, Grade.ERROR, text)
        return
    free = shutil.disk_usage(folder).free
    grade = Grade.WARNING if free < LITTLE else Grade.OK
    there = f"{path.stat().st_size / 1e6:,.1f} MB" if path.exists() else "not there yet"
    yield Finding(subject, grade, f"{path}, {there}; {free / 1e9:,.1f} GB free on the disk")


def _facts(where: Places, settings: Settings) -> Iterator[Finding]:
    """Where analytics keeps what it counts."""
    try:
        bigquery = bigquery_of(settings)
        if bigquery is not None and bigquery.key:
            key_of(bigquery.key)
    except RollcallError as error:
        yield Finding(FACTS, Grade.ERROR, str(error))
        return
    if bigquery is not None:
        project = bigquery.project or "of the credentials"
        text = f"in BigQuery, project {project}, dataset {bigquery.dataset}; not asked from here"
        yield Finding(FACTS, Grade.OK, text)
    elif where.database.startswith("postgresql:"):
        yield Finding(FACTS, Grade.OK, "in PostgreSQL, beside everything else")
    elif where.facts is None:
        yield Finding(FACTS, Grade.OK, "in memory, gone when the process ends")
    else:
        there = where.facts.exists()
        size = f"{where.facts.stat().st_size / 1e6:,.1f} MB" if there else "not there yet"
        yield Finding(FACTS, Grade.OK, f"{where.facts}, {size}")


def _accounts(settings: Settings) -> Finding:
    """How accounts are billed of which nobody has said anything."""
    try:
        defaults, providers = account_defaults(settings), webhook_secrets(settings)
        issuer = invoice_issuer(settings)
    except RollcallError as error:
        return Finding(ACCOUNTS, Grade.ERROR, str(error))
    text = (
        f"billed in {defaults.currency} by the days of {defaults.time_zone}, with"
        f" {defaults.tax_rate * 100:f} % tax, to be paid in {defaults.terms_days} days"
    )
    named = issuer.name.partition("\n")[0]
    text += f"; invoices of {named}" if named else "; nobody is named on invoices"
    if providers:
        text += f"; webhooks of {', '.join(sorted(providers))}"
    return Finding(ACCOUNTS, Grade.OK, text)


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


async def _servers(where: Places, settings: Settings, clock: Clock) -> list[Finding]:
    return [one async for one in answers(where, settings, clock)]


def _clock(where: Places, clock: Clock) -> Finding:
    """How the time is beside what was written last, where no server tells a better one."""
    now = clock.now()
    shown = f"{utc(now):%Y-%m-%d %H:%M:%S} UTC"
    written = None
    if where.records.startswith("sqlite:"):
        written = last_alive(Path(unquote(urlsplit(where.records).path[1:])))
    if written is None:
        return Finding("clock", Grade.OK, f"{shown}; there is nothing here to compare it with")
    if written > now + SKEW:
        return Finding(
            "clock",
            Grade.WARNING,
            f"{shown} is {written - now:,.0f} s before what was written here last: the clock was"
            " set back, and leases will seem younger than they are. Set it right (NTP)",
        )
    return Finding("clock", Grade.OK, f"{shown}; not before what was written here last")


def _extras(where: Places, settings: Settings) -> Iterator[Finding]:
    needed = {where.kind, urlsplit(where.database).scheme}
    if wanted(settings):
        needed.add("otel")
    if settings.events is EventLogKind.KAFKA:
        needed.add("kafka")
    if settings.use_bigquery:
        needed.add("bigquery")
    for extra, (package, what) in EXTRAS.items():
        there = _there(package)
        must = {"postgres": "postgresql"}.get(extra, extra) in needed
        if there:
            yield Finding(f"extra {extra}", Grade.OK, f"installed: {what}")
        else:
            yield Finding(
                f"extra {extra}",
                Grade.ERROR if must else Grade.OK,
                f"{what} needs it: pip install 'rollcall-ai[{extra}]'"
                if must
                else f"not installed; only {what} needs it",
            )


def _there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        # Not even what it lies in.
        return False
