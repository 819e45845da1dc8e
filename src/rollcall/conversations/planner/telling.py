# SPDX-License-Identifier: Apache-2.0
"""What a tool gave, as a plain sentence. What it gave is data: shown, bounded, never followed."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from pydantic_core import from_json

_LONGEST_TEXT: Final = 1500
_LONGEST_FIELD: Final = 200
_LONGEST_ARGUMENT: Final = 60
_MOST_ITEMS: Final = 5
_MOST_NAMES: Final = 20
_MOST_FIELDS: Final = 8
_DEEPEST: Final = 4
_ANSWERS: Final = ("result", "answer", "value", "output", "text", "content", "summary", "message")
_LISTS: Final = ("results", "hits", "items", "matches", "messages", "data", "entries", "rows")
_TEXTS: Final = (
    "excerpt",
    "highlight",
    "snippet",
    "text",
    "content",
    "title",
    "name",
    "description",
)
_FAULTS: Final = ("error", "errors", "problem", "detail", "reason", "message", "title")
_SAYS_SO: Final = ("success", "ok", "succeeded")
_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*|.)?")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_CUT: Final = "\n(cut here:"


def told(tool: str, arguments: Mapping[str, Any], content: Any) -> str:
    """What a tool gave, for people: the tool's name first, then what it said.

    Args:
        tool: Its name.
        arguments: What it was called with.
        content: What it gave: text, JSON as text, or what JSON is made of.
    """
    value = read(content)
    if (fault := failure(value)) is not None:
        return failed(tool, fault)
    shown = _shown(value, arguments, 0)
    called = _called(tool, arguments)
    if not shown:
        return f"{called} ran, and gave nothing back."
    if _is_nothing(value):
        return f"{called} found nothing."
    return (
        f"{called} gives:\n{shown}"
        if "\n" in shown or len(shown) > 120
        else f"{called} gives {shown}."
    )


def failed(tool: str, why: str) -> str:
    """That a tool did not work, and what to do."""
    problem = clean(why, 500).strip().rstrip(".") or "it gave no reason"
    told = f"The tool {clean(tool, 100)!r} did not work: {problem}."
    # What may have happened is not to be asked for again.
    if "again" in problem:
        return told
    return f"{told}\nCheck what you asked for, or try again later."


def refused(tool: str, why: str) -> str:
    """That a tool does not take what was found in the text."""
    reason = clean(why, 500).removeprefix("the arguments are not taken:")
    problem = reason.strip().rstrip(".") or "it gave no reason"
    return (
        f"The tool {clean(tool, 100)!r} does not take the arguments that I found in your words:"
        f" {problem}.\nPlease say it in other words, with every value that it needs."
    )


def read(content: Any) -> Any:
    """What JSON in a text says; anything else as it is."""
    if not isinstance(content, str):
        return content
    text, cut, _ = content.partition(_CUT)
    text = text.strip()
    if text[:1] in {"{", "[", '"'} or text in {"true", "false", "null"}:
        try:
            # What was cut somewhere is read as far as it goes.
            return from_json(text, allow_partial="trailing-strings" if cut else False)
        except ValueError:
            return content
    return content


def failure(value: Any) -> str | None:
    """Why it did not work, where a result says that; None: it says no such thing."""
    if not isinstance(value, Mapping):
        return None
    fields = cast("Mapping[str, Any]", value)
    says_no = any(fields.get(name) is False for name in _SAYS_SO)
    status = fields.get("status")
    says_no = says_no or (
        isinstance(status, str) and status.lower() in {"error", "failed", "failure"}
    )
    if not says_no and not fields.get("error"):
        return None
    if not says_no and any(fields.get(name) is not None for name in _ANSWERS):
        return None
    for name in _FAULTS:
        found = fields.get(name)
        if isinstance(found, str) and found:
            return found
        if isinstance(found, Mapping):
            inner = cast("Mapping[str, Any]", found)
            return str(inner.get("message") or inner.get("detail") or "it did not say why")
        if found:
            return clean(json.dumps(found, default=str), 300)
    return "it did not say why"


def clean(text: str, most: int) -> str:
    """Text without control characters, at most `most` characters, cut between words."""
    kept = "".join(
        char
        for char in _ESCAPES.sub("", text[: most * 2 + 1000])
        if char == "\n" or unicodedata.category(char) not in _UNSEEN or char == "\t"
    )
    lines = [" ".join(line.split()) for line in kept.split("\n")]
    kept = "\n".join(line for at, line in enumerate(lines) if line or (at and lines[at - 1]))
    kept = kept.strip()
    if len(kept) <= most and len(text) <= most * 2 + 1000:
        return kept
    return kept[:most].rsplit(" ", 1)[0].rstrip() + " …"


def _called(tool: str, arguments: Mapping[str, Any]) -> str:
    pieces: list[str] = []
    for name, value in list(arguments.items())[:4]:
        shown = (
            value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
        )
        shown = clean(str(shown).replace("\n", " "), 400)
        if len(shown) > _LONGEST_ARGUMENT:
            shown = shown[: _LONGEST_ARGUMENT - 1] + "…"
        pieces.append(f"{clean(name, 40)}: {shown}")
    inside = f" ({', '.join(pieces)})" if pieces else ""
    return f"The tool {clean(tool, 100)!r}{inside}"


def _shown(value: Any, arguments: Mapping[str, Any], depth: int) -> str:
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return _object(cast("Mapping[str, Any]", value), arguments, depth)
    if isinstance(value, list | tuple):
        return _list(cast("Sequence[Any]", value), depth)
    return _scalar(value, _LONGEST_TEXT)


def _object(fields: Mapping[str, Any], arguments: Mapping[str, Any], depth: int) -> str:
    main = next((name for name in _ANSWERS if fields.get(name) not in (None, "", [], {})), None)
    listed = next((name for name in _LISTS if isinstance(fields.get(name), list)), None)
    if main is None:
        main = next((name for name in _LISTS if isinstance(fields.get(name), Mapping)), None)
    rest = {
        str(name): value
        for name, value in fields.items()
        if name not in {main, listed, *_SAYS_SO, "error"}
        and value not in (None, "", [], {})
        and not (name in arguments and _alike(value, arguments[name]))
    }
    plain = {name: one for name, one in rest.items() if not isinstance(one, Mapping | list | tuple)}
    if main is not None and depth == 0:
        first = _shown(fields[main], arguments, depth + 1)
        if not isinstance(fields[main], str):
            return first
        title = plain.get("title")
        return f"{_scalar(title, _LONGEST_FIELD)}\n{first}" if title else first
    if listed is not None:
        return _list(cast("list[Any]", fields[listed]), depth + 1)
    nested = [name for name in rest if name not in plain]
    if len(rest) == 1 and depth == 0:
        return _shown(next(iter(rest.values())), arguments, depth + 1)
    if main is not None:
        plain = {main: fields[main], **plain}
    lines = [f"{_label(name)}: {_scalar(one, _LONGEST_FIELD)}" for name, one in plain.items()]
    if depth < 2:
        lines += [f"{_label(one)}: {_inline(rest[one], depth + 1)}" for one in nested]
    more = len(lines) - _MOST_FIELDS
    lines = lines[:_MOST_FIELDS]
    if more > 0:
        lines.append(f"… and {more} more")
    return ("\n" if depth == 0 and len(lines) > 1 else ", ").join(lines)


def _list(values: Sequence[Any], depth: int) -> str:
    if not values:
        return "nothing"
    shown = [_item(value, depth) for value in values[: _MOST_ITEMS if depth < 2 else 3]]
    more = len(values) - len(shown)
    if all(
        not isinstance(value, Mapping | list | tuple) and len(text) < 40
        for value, text in zip(values, shown, strict=False)
    ):
        inline = [_scalar(value, 40) for value in values[:20]]
        rest = len(values) - len(inline)
        return ", ".join(inline) + (f" … and {rest} more" if rest else "")
    lines = [f"{at}. {text}" for at, text in enumerate(shown, 1)]
    if more:
        lines.append(f"… and {more} more")
    return "\n".join(lines)


def _item(value: Any, depth: int) -> str:
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        main = next(
            (name for name in _TEXTS if isinstance(fields.get(name), str) and fields[name]), None
        )
        if main is not None:
            beside = [
                _scalar(one, 60)
                for name, one in fields.items()
                if name != main
                and isinstance(one, str)
                and one
                and "id" not in str(name)
                and one not in fields[main]
            ][:3]
            return _scalar(fields[main], _LONGEST_FIELD) + (
                f" ({', '.join(beside)})" if beside else ""
            )
    return _inline(value, depth + 1)


def _inline(value: Any, depth: int) -> str:
    if isinstance(value, list):
        values = cast("list[Any]", value)
        names = [
            _scalar(cast("Mapping[str, Any]", one).get("name"), 40)
            for one in values
            if isinstance(one, Mapping)
        ]
        if values and len(names) == len(values) and all(names):
            rest = len(names) - _MOST_NAMES
            return ", ".join(names[:_MOST_NAMES]) + (f" … and {rest} more" if rest > 0 else "")
    return _shown(value, {}, depth).replace("\n", "; ")


def _scalar(value: Any, most: int) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.12g}"
    return clean(str(value).partition(_CUT)[0], most)


def _label(name: str) -> str:
    return clean(name.replace("_", " "), 60)


def _alike(one: Any, other: Any) -> bool:
    return one == other or str(one) == str(other)


def _is_nothing(value: Any) -> bool:
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        listed = next((name for name in _LISTS if isinstance(fields.get(name), list)), None)
        main = any(fields.get(name) not in (None, "", [], {}) for name in _ANSWERS)
        return listed is not None and not fields[listed] and not main
    return isinstance(value, list | tuple) and not value
