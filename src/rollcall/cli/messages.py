# SPDX-License-Identifier: Apache-2.0
"""`rollcall messages`: search earlier messages, and import others."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from rollcall.cli.archive import PATIENCE, pieces
from rollcall.cli.exits import Exit, errors_told
from rollcall.cli.options import DryRun, Key, Machine, ToolsUrl, examples
from rollcall.cli.remote import Row, ask
from rollcall.cli.told import as_json, note, pairs, table
from rollcall.client.connection import Connection
from rollcall.kernel.errors import InvalidInput
from rollcall.tools.messages.models import Source

app: Final = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Search what was said with agents, and messages from elsewhere.",
)


@app.command(
    epilog=examples(
        "rollcall messages search invoice march",
        """rollcall messages search 'invoice OR bill "second reminder" -paid'""",
        "rollcall messages search 'invoi*' --sender anna --since 2026-01-01",
    )
)
def search(
    url: ToolsUrl,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORDS",
            help='What to look for: all words, "a phrase", -without, this OR that, begin*.'
            " Quote it, so that the shell leaves it alone.",
        ),
    ],
    conversation: Annotated[
        str | None, typer.Option(metavar="ID", help="Only messages of this conversation.")
    ] = None,
    sender: Annotated[
        str | None, typer.Option(metavar="ID", help="Only messages of this sender.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only messages sent then or later.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only messages sent before.")
    ] = None,
    source: Annotated[
        Source | None, typer.Option(help="Only what was said with agents, or was imported.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="How many at most.")] = 10,
    exact: Annotated[
        bool, typer.Option("--exact", help="Do not look for some of the words where none has all.")
    ] = False,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Find messages, the best match first. Times without an offset are this machine's.

    Nothing found is an answer too: the exit code is 0.
    """
    with errors_told():
        asked = {
            "query": " ".join(words),
            "conversation_id": conversation,
            "sender_id": sender,
            "since": _moment("--since", since),
            "until": _moment("--until", until),
            "source": source,
            "limit": limit,
            "relax": not exact,
        }
    answer = ask(url, key, lambda tools: tools.call("POST", "/messages", Row, body=asked))
    if machine:
        as_json(answer)
        return
    found: list[Row] = answer["results"]
    if not found:
        note("no message has these words")
        return
    if answer["relaxed"]:
        note("no message has all of these words; these have some")
    table(
        ("sent", "by", "conversation", "message"),
        [
            (one["sent_at"], one["sender_id"] or "-", one["conversation_id"] or "-", _marked(one))
            for one in found
        ],
    )
    if answer["next_cursor"] is not None:
        note(f"there are more than {limit}: say --limit for more of them, or more words")


@app.command(
    "import",
    epilog=examples(
        "rollcall messages import mail.jsonl --dry-run",
        "gunzip -c chats.jsonl.gz | rollcall messages import -",
    ),
)
def import_messages(
    url: ToolsUrl,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to read; - is standard input.")
    ],
    dry_run: DryRun = False,
    key: Key = None,
    machine: Machine = False,
) -> None:
    """Read messages from JSON lines, each with `text` and `sent_at`.

    And with `id`, `conversation_id`, `sender_id` and `metadata`, where they have them. Done twice,
    it is done once. Needs the scope register. Exits with 1 if a line was refused.
    """
    params = {"dry_run": "true" if dry_run else "false"}

    async def send(tools: Connection) -> Row:
        return await tools.upload("/messages/import", pieces(file), Row, params=params)

    done = ask(url, key, send, timeout=PATIENCE)
    refused: list[Any] = done["refused"]
    if machine:
        as_json(done)
    else:
        pairs(
            [
                ("would be imported" if dry_run else "imported", f"{done['imported']:,}"),
                ("known already", f"{done['known']:,}"),
                ("refused", f"{done['refused_total']:,}"),
            ]
        )
        if refused:
            table(("line", "refused because"), [(one["line"], one["reason"]) for one in refused])
    if refused:
        raise typer.Exit(Exit.FAILED)


def _moment(option: str, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise InvalidInput(option, "must be like 2026-01-31 or 2026-01-31T12:00:00Z") from None


def _marked(found: Row) -> str:
    """The excerpt in one line, with brackets around what was looked for."""
    excerpt: str = found["excerpt"]
    parts: list[str] = []
    done = 0
    for start, end in found["highlights"]:
        parts += [excerpt[done:start], "[", excerpt[start:end], "]"]
        done = end
    parts.append(excerpt[done:])
    return " ".join("".join(parts).split())
