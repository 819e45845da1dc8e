# SPDX-License-Identifier: Apache-2.0
"""How the command line speaks: tables and lines for people, JSON for machines.

Nothing that somebody registered steers the terminal: control characters and those that turn the
direction of text are shown as one that cannot, and nothing is read as markup.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_TURNS: Final = "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_CONTROL: Final = re.compile(rf"[\x00-\x1f\x7f-\x9f{_TURNS}\ud800-\udfff]")
_ESCAPED: Final = re.compile(rf"[\x7f-\x9f{_TURNS}]")
_COLOURS: Final = {
    "active": "green",
    "healthy": "green",
    "passed": "green",
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
    "failed": "red",
    "error": "red",
}
NOTHING: Final[tuple[object, ...]] = (None, "", [], {})
"""What is left out where a value is shown."""


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


def joined(values: Iterable[Any]) -> str:
    """Several values in one cell."""
    return ", ".join(str(value) for value in values)


def say(text: str) -> None:
    """A line for whoever reads the answer."""
    typer.echo(clean(text))


def note(text: str) -> None:
    """A line beside the answer."""
    typer.echo(clean(text), err=True)


def aside(text: str) -> None:
    """A line beside the answer that nobody must read: dim, where there are colours."""
    typer.secho(clean(text), err=True, dim=True)


def lines(text: str) -> str:
    """Text of several lines that cannot steer a terminal; it may be a piece of a longer one."""
    kept = text.replace("\r", "").expandtabs(4)
    return "\n".join(clean(line) for line in kept.split("\n"))


def as_json(value: object) -> None:
    """`value` for machines, indented."""
    typer.echo(_escaped(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()))


def as_json_line(value: object) -> None:
    """`value` for machines, in one line."""
    typer.echo(_escaped(msgspec.json.encode(value).decode()))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under headings: in colours on a terminal, with tabs between them elsewhere."""
    if not sys.stdout.isatty():
        typer.echo("\t".join(columns))
        for row in rows:
            typer.echo("\t".join(clean(cell) for cell in row))
        return
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(_styled(one) for one in row))
    Console().print(made)


def cells(values: Iterable[object]) -> None:
    """One line of values: in colours on a terminal, with tabs between them elsewhere."""
    shown = [value for value in values if value not in NOTHING]
    if not sys.stdout.isatty():
        typer.echo("\t".join(clean(value) for value in shown))
        return
    Console().print(Text("  ").join(_styled(value) for value in shown), soft_wrap=True)


def pairs(items: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line; what has no value is left out."""
    shown = [(name, value) for name, value in items if value not in NOTHING]
    width = max((len(name) for name, _ in shown), default=0)
    console = Console() if sys.stdout.isatty() else None
    for name, value in shown:
        start = f"{clean(name):<{width}}  "
        if console is None:
            typer.echo(start + clean(value))
        else:
            console.print(Text(start).append_text(_styled(value)), soft_wrap=True)


def _styled(value: object) -> Text:
    # Of a change (`active -> offline`) what came of it counts.
    return Text(clean(value), style=_COLOURS.get(str(value).rpartition(" -> ")[2], ""))


def _escaped(json: str) -> str:
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json)
