# SPDX-License-Identifier: Apache-2.0
"""`rollcall doctor`: would it start, and would it be safe? Looks, and changes nothing."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from filelock import FileLock, Timeout

from rollcall.app.compose import SERVICES
from rollcall.app.places import Places, places, told
from rollcall.app.settings import Settings
from rollcall.app.sockets import CannotListen, bound
from rollcall.kernel.errors import RollcallError
from rollcall.web.binding import is_loopback

LITTLE: Final = 1 << 30
"""Free bytes on a disk below which somebody should look."""
PATIENCE: Final = 5.0
"""Seconds that a server may take to answer."""
EXTRAS: Final = {
    "semantic": ("wordllama", "search by meaning"),
    "postgres": ("asyncpg", "PostgreSQL"),
    "zookeeper": ("kazoo", "ZooKeeper"),
}


class Grade(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was looked at.

    Args:
        subject: What.
        grade: How it is.
        text: What that means, and what to do.
    """

    subject: str
    grade: Grade
    text: str

    def as_dict(self) -> dict[str, str]:
        return {"subject": self.subject, "grade": self.grade.value, "text": self.text}


def examine(settings: Settings) -> list[Finding]:
    """Everything that decides whether Rollcall would start with these settings."""
    found = list(_ports(settings))
    found += _safety(settings)
    try:
        where = places(settings)
    except RollcallError as error:
        return [*found, Finding("settings", Grade.ERROR, str(error))]
    found.append(Finding("settings", Grade.OK, f"records in {where.kind}, {where.told}"))
    found += _files(where)
    found += asyncio.run(_servers(where))
    found += _extras(where)
    return found


def _ports(settings: Settings) -> Iterator[Finding]:
    for one in SERVICES.values():
        port = one.port(settings)
        subject = f"port {port}"
        try:
            bound(settings.host, port, one.variable).close()
        except CannotListen as error:
            yield Finding(subject, Grade.ERROR, str(error))
        else:
            yield Finding(subject, Grade.OK, f"free for the {one.title} on {settings.host}")


def _safety(settings: Settings) -> Iterator[Finding]:
    if is_loopback(settings.host):
        yield Finding("login", Grade.OK, "only this machine can reach the services")
    elif settings.jwt_issuer:
        yield Finding("login", Grade.OK, f"tokens of {settings.jwt_issuer}")
    else:
        yield Finding(
            "login",
            Grade.WARNING,
            f"others can reach {settings.host}: it starts only with an API key"
            " (rollcall keys create --name first --scope admin). Put TLS in front of it",
        )


def _files(where: Places) -> Iterator[Finding]:
    for url in dict.fromkeys((where.records, where.database)):
        if url.startswith("sqlite:"):
            yield from _file(Path(unquote(urlsplit(url).path[1:])))


def _file(path: Path) -> Iterator[Finding]:
    subject = path.name
    folder = next(one for one in (path.parent, *path.parents) if one.exists())
    if not os.access(folder, os.W_OK):
        yield Finding(
            subject,
            Grade.ERROR,
            f"{folder} cannot be written: name another folder with --data-dir",
        )
        return
    held = FileLock(f"{path}.lock", blocking=False)
    if path.parent.exists():
        try:
            held.acquire()
        except Timeout:
            yield Finding(
                subject, Grade.WARNING, f"{path} is in use: Rollcall runs on this folder already"
            )
            return
        held.release()
    free = shutil.disk_usage(folder).free
    grade = Grade.WARNING if free < LITTLE else Grade.OK
    there = f"{path.stat().st_size / 1e6:,.1f} MB" if path.exists() else "not there yet"
    yield Finding(subject, grade, f"{path}, {there}; {free / 1e9:,.1f} GB free on the disk")


async def _servers(where: Places) -> list[Finding]:
    return [one async for one in _answers(where)]


async def _answers(where: Places) -> AsyncIterator[Finding]:
    for url in dict.fromkeys((where.records, where.database)):
        scheme, _, rest = url.partition("://")
        if scheme not in ("postgresql", "zookeeper"):
            continue
        default = 5432 if scheme == "postgresql" else 2181
        for place in rest.rpartition("@")[2].partition("/")[0].split(","):
            host, _, port = place.rpartition(":") if ":" in place else (place, "", str(default))
            try:
                async with asyncio.timeout(PATIENCE):
                    _, writer = await asyncio.open_connection(host, int(port))
                writer.close()
            except (OSError, TimeoutError, ValueError) as error:
                yield Finding(
                    scheme,
                    Grade.ERROR,
                    f"{place} does not answer ({error}): is it running, and is that its address?",
                )
            else:
                yield Finding(scheme, Grade.OK, f"{place} answers ({told(url)})")


def _extras(where: Places) -> Iterator[Finding]:
    needed = {where.kind, urlsplit(where.database).scheme}
    for extra, (package, what) in EXTRAS.items():
        there = importlib.util.find_spec(package) is not None
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
