# SPDX-License-Identifier: Apache-2.0
"""How the command line speaks: tables for people, JSON for machines, errors in a line or two."""

from __future__ import annotations

import re
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rollcall.client.errors import RegistryUnavailable
from rollcall.kernel.caller import NotAuthenticated, NotPermitted
from rollcall.kernel.errors import InvalidInput, MissingExtra, RollcallError, Unavailable
from rollcall.kernel.record_errors import RecordNotFound

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_COLOURS: Final = {
    "active": "green",
    "healthy": "green",
    "ok": "green",
    "busy": "cyan",
    "starting": "cyan",
    "degraded": "yellow",
    "suspect": "yellow",
    "unknown": "yellow",
    "warning": "yellow",
    "unhealthy": "red",
    "offline": "red",
    "stopping": "red",
    "error": "red",
}


class Exit(IntEnum):
    """What the exit code of a command means."""

    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNREACHABLE = 4
    NOT_PERMITTED = 5


EXITS: Final = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 the registry cannot be reached,"
    " 5 not permitted."
)


def clean(value: object) -> str:
    """`value` as text that cannot steer a terminal."""
    return _CONTROL.sub("\ufffd", str(value))


def age(moment: str | None, now: datetime | None = None) -> str:
    """How long ago `moment` (ISO 8601) was, for people."""
    if not moment:
        return "never"
    try:
        then = datetime.fromisoformat(moment)
    except ValueError:
        return clean(moment)
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"


def say(text: str) -> None:
    """A line for whoever reads the answer."""
    typer.echo(clean(text))


def note(text: str) -> None:
    """A line beside the answer."""
    typer.echo(clean(text), err=True)


def as_json(value: object) -> None:
    """`value` for machines."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under headings: in colours on a terminal, with tabs between them elsewhere."""
    console = Console()
    if not console.is_terminal:
        typer.echo("\t".join(columns))
        for row in rows:
            typer.echo("\t".join(clean(cell) for cell in row))
        return
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(name, overflow="fold")
    for row in rows:
        # As `Text`: what somebody registered is never read as markup.
        made.add_row(*(Text(clean(one), style=_COLOURS.get(str(one), "")) for one in row))
    console.print(made)


def pairs(items: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line."""
    shown = [(name, clean(value)) for name, value in items if value not in (None, "", [], {})]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        typer.echo(f"{name:<{width}}  {value}")


@contextmanager
def errors_told() -> Generator[None]:
    """Turns the errors of ours into a line on standard error and an exit code."""
    try:
        yield
    except RollcallError as error:
        note(f"rollcall: {_advice(error)}")
        raise typer.Exit(_code(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _code(error: RollcallError) -> int:
    if isinstance(error, RecordNotFound):
        return Exit.NOT_FOUND
    if isinstance(error, Unavailable):
        return Exit.UNREACHABLE
    if isinstance(error, NotAuthenticated | NotPermitted):
        return Exit.NOT_PERMITTED
    return Exit.USAGE if isinstance(error, InvalidInput) else Exit.FAILED


def _advice(error: RollcallError) -> str:
    if isinstance(error, RegistryUnavailable):
        return f"{error}. Is it running? Start it with `rollcall up`, or say --url"
    if isinstance(error, NotAuthenticated):
        return f"{error}. Give a key with --api-key or ROLLCALL_API_KEY"
    if isinstance(error, MissingExtra | InvalidInput):
        return str(error)
    return str(error)


def joined(values: Iterable[Any]) -> str:
    """Several values in one cell."""
    return ", ".join(str(value) for value in values)
