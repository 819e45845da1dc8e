# SPDX-License-Identifier: Apache-2.0
"""`rollcall export`, `import` and `backup`: what a registry holds, in a file."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import typer

from rollcall.cli.exits import Exit
from rollcall.cli.options import (
    AgentsUrl,
    DryRun,
    Key,
    Machine,
    Namespace,
    Sure,
    agreed,
    examples,
)
from rollcall.cli.remote import Row, ask
from rollcall.cli.told import as_json, note, pairs, table
from rollcall.cli.words import OnConflict
from rollcall.client.connection import Connection
from rollcall.client.errors import UnexpectedAnswer
from rollcall.kernel.errors import RollcallError

ADMIN: Final = "/api/v1/admin"
PATIENCE: Final = 600.0
"""Seconds until a registry must begin to answer what takes it long."""
PIECE: Final = 1 << 16
"""Bytes of a file that are sent at once."""

EXPORT_EXAMPLES: Final = examples(
    "rollcall export fleet.jsonl",
    "rollcall export - | gzip > fleet.jsonl.gz",
)
IMPORT_EXAMPLES: Final = examples(
    "rollcall import fleet.jsonl --dry-run",
    "rollcall import fleet.jsonl --on-conflict replace",
    "gunzip -c fleet.jsonl.gz | rollcall import - --url http://127.0.0.1:9009",
)
BACKUP_EXAMPLES: Final = examples("rollcall backup rollcall-2026-01-31.backup")

Target = Annotated[
    Path, typer.Argument(metavar="FILE", help="The file to write; - is standard output.")
]


class FileTrouble(RollcallError):
    """A file of the user cannot be read or written."""

    def __init__(self, file: Path, error: OSError) -> None:
        super().__init__(f"{file}: {error.strerror or error}")


class NotOffered(RollcallError):
    """The registry has no such route."""

    def __init__(self, url: str) -> None:
        super().__init__(f"the registry at {url} cannot do this: it is older than this command")


def export(
    *,
    file: Target,
    yes: Sure = False,
    namespace: Namespace = None,
    url: AgentsUrl,
    key: Key = None,
) -> None:
    """Write all records as JSON lines, for another registry or another kind of store.

    Needs the scope admin.
    """
    _download(f"{ADMIN}/export", file, url, key, yes=yes, params={"namespace": namespace})


def backup(*, file: Target, yes: Sure = False, url: AgentsUrl, key: Key = None) -> None:
    """Write a consistent copy of the SQLite data, keys and audit log included, while it runs.

    Needs the scope admin. Servers such as PostgreSQL have means of their own.
    """
    _download(f"{ADMIN}/backup", file, url, key, yes=yes, params={})


def import_records(
    *,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to read; - is standard input.")
    ],
    on_conflict: Annotated[
        OnConflict, typer.Option(help="What to do with a record that is there already.")
    ] = OnConflict.SKIP,
    dry_run: DryRun = False,
    namespace: Namespace = None,
    url: AgentsUrl,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Read records from what `rollcall export` wrote. Done twice, it is done once.

    Needs the scope admin. Exits with 1 if a line was refused.
    """
    params = {
        "dry_run": "true" if dry_run else "false",
        "on_conflict": on_conflict,
        "namespace": namespace,
    }

    async def send(registry: Connection) -> Row:
        with _offered(url):
            return await registry.upload(f"{ADMIN}/import", pieces(file), Row, params=params)

    done = ask(url, key, send, timeout=PATIENCE)
    refused: list[Any] = done.get("problems", [])
    if machine:
        as_json(done)
    else:
        counts = {name: n for name, n in done.items() if type(n) is int}
        pairs((f"would be {name}" if dry_run else name, f"{n:,}") for name, n in counts.items())
        if refused:
            table(("line", "refused because"), [(one["line"], one["problem"]) for one in refused])
    if refused or done.get("refused"):
        raise typer.Exit(Exit.FAILED)


def _download(
    path: str, file: Path, url: str, key: str | None, *, yes: bool, params: dict[str, Any]
) -> None:
    if file.exists() and not agreed(f"overwrite {file}", yes=yes, dry_run=False):
        return

    async def fetch(registry: Connection) -> int:
        size = 0
        with _offered(url), _written(file) as target:
            async for piece in registry.download(path, params=params):
                target.write(piece)
                size += len(piece)
        return size

    size = ask(url, key, fetch, timeout=PATIENCE)
    note(f"{size:,} bytes written to {'standard output' if file == Path('-') else file}")


@contextmanager
def _offered(url: str) -> Generator[None]:
    try:
        yield
    except UnexpectedAnswer as error:
        if error.status in (404, 405):
            raise NotOffered(url) from None
        raise


@contextmanager
def _written(file: Path) -> Generator[BinaryIO]:
    """A file that is there as a whole, or not at all, and for its owner alone."""
    if file == Path("-"):
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = file.with_name(f"{file.name}.part")
    try:
        made = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise FileTrouble(part, error) from None
    try:
        with os.fdopen(made, "wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        part.replace(file)
    except OSError as error:
        raise FileTrouble(file, error) from None
    finally:
        part.unlink(missing_ok=True)


async def pieces(file: Path) -> AsyncGenerator[bytes]:
    """What is in a file, or comes in on standard input (`-`).

    Raises:
        FileTrouble: It cannot be read.
    """
    try:
        with sys.stdin.buffer if file == Path("-") else file.open("rb") as source:
            while piece := source.read(PIECE):
                yield piece
    except OSError as error:
        raise FileTrouble(file, error) from None
