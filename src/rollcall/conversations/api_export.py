# SPDX-License-Identifier: Apache-2.0
"""A whole session as a file: JSON, JSON lines, or Markdown, page by page as it is read.

In Markdown all that somebody said is text and nothing else: what would be read as markup, or as
HTML, is escaped (CommonMark 0.31, sections 2.4 and 2.5).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final, Literal

import msgspec

from rollcall.conversations.models import Session, ToolRun, Turn
from rollcall.conversations.ports import Conversations
from rollcall.conversations.translate import session_to, turn_to

Format = Literal["json", "jsonl", "markdown"]

MEDIA_TYPES: Final[dict[Format, str]] = {
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "markdown": "text/markdown; charset=utf-8",
}
ENDINGS: Final[dict[Format, str]] = {"json": "json", "jsonl": "jsonl", "markdown": "md"}

PAGE: Final = 100

_MARKUP: Final = re.compile(r"[\\`*_\[\]|~$#]")
_LEADING: Final = re.compile(r"^(?:[+\-=]|[0-9]+[.)](?=\s|$))")
_STEERS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What steers the terminal or turns the text of whoever looks at the file."""
_HTML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


async def exported(
    conversations: Conversations, session: Session, shape: Format
) -> AsyncIterator[bytes]:
    """The pieces of the file."""
    turns = all_turns(conversations, session)
    if shape == "json":
        yield b'{"session": ' + session_to(session).model_dump_json().encode() + b', "turns": ['
        comma = b"\n"
        async for turn in turns:
            yield comma + turn_to(turn).model_dump_json().encode()
            comma = b",\n"
        yield b"]}\n"
    elif shape == "jsonl":
        async for turn in turns:
            yield turn_to(turn).model_dump_json().encode() + b"\n"
    else:
        yield f"# {escaped(_one_line(session.title or session.session_id))}\n".encode()
        async for turn in turns:
            yield _section(turn).encode()


async def all_turns(conversations: Conversations, session: Session) -> AsyncIterator[Turn]:
    """Every turn of a session, in order."""
    after = 0
    while True:
        page = await conversations.turns(
            session.namespace, session.session_id, limit=PAGE, after=after
        )
        for turn in page:
            yield turn
        if len(page) < PAGE:
            return
        after = page[-1].number


def escaped(text: str) -> str:
    """`text` as Markdown that shows it letter by letter and line by line."""
    lines = [_line(one) for one in re.split(r"\r\n|\r|\n", _STEERS.sub("\ufffd", text))]
    pieces: list[str] = []
    for place, one in enumerate(lines):
        pieces.append(one)
        if place + 1 < len(lines):
            # A hard break within a paragraph; an empty line ends one.
            pieces.append("\\\n" if one and lines[place + 1] else "\n")
    return "".join(pieces)


def _line(line: str) -> str:
    bare = line.strip()
    if not bare:
        return ""
    indent = len(line[: len(line) - len(line.lstrip())].expandtabs(4))
    said = _LEADING.sub(_before_last, _MARKUP.sub(r"\\\g<0>", bare))
    return "&nbsp;" * indent + said.translate(_HTML)


def _before_last(found: re.Match[str]) -> str:
    return f"{found[0][:-1]}\\{found[0][-1]}"


def _section(turn: Turn) -> str:
    moment = turn.created_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    parts = [
        f"\n## {turn.number}. {escaped(_one_line(turn.user_id or 'user'))}, {moment}\n",
        f"{escaped(turn.user_input)}\n",
        f"### {escaped(turn.agent_id)}\n",
    ]
    if turn.response:
        parts.append(f"{escaped(turn.response)}\n")
    if turn.error is not None:
        parts.append(f"*{turn.status.value}: {escaped(_one_line(turn.error))}*\n")
    if turn.tools:
        parts.append("\n".join(_tool(run) for run in turn.tools) + "\n")
    return "\n".join(parts)


def _tool(run: ToolRun) -> str:
    arguments = escaped(msgspec.json.encode(run.arguments).decode())
    where = escaped(_one_line(run.url or run.service))
    return (
        f"- {escaped(_one_line(run.name))} ({arguments}) at {where}:"
        f" {run.outcome.value}, {run.duration_ms:.0f} ms"
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
