# SPDX-License-Identifier: Apache-2.0
"""JSON as it comes in: read strictly, so that nothing gets in that could not be kept or shown.

What a lenient reader lets pass does harm later: of two equal keys the last one wins, NaN is no
JSON, a lone surrogate cannot be written as UTF-8, NUL is refused by PostgreSQL.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, cast

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from rollcall.kernel.errors import InvalidInput
from rollcall.web.bodies import is_json

MAX_DEPTH: Final = 64

_LARGEST: Final = 2**63
_LONG_NUMBER: Final = re.compile(rb"[0-9]{16}|[0-9][eE][+-]?[0-9]{3}")


def decoded(body: bytes) -> Any:
    """The value that a body stands for.

    Raises:
        InvalidInput: It is no JSON in UTF-8, or holds equal keys, numbers beyond 64 bits or
            infinite, text that is no Unicode or holds NUL, or more than `MAX_DEPTH` levels.
            Names the field, dotted.
    """
    try:
        value = _DECODER.decode(body.decode())
    except UnicodeDecodeError as error:
        raise InvalidInput("body", f"is not UTF-8 from byte {error.start} on") from error
    except RecursionError as error:
        raise InvalidInput("body", f"is nested more than {MAX_DEPTH} levels deep") from error
    except json.JSONDecodeError as error:
        raise InvalidInput("body", f"is not JSON: {error.msg} at character {error.pos}") from error
    except InvalidInput:
        raise
    except ValueError as error:
        raise InvalidInput("body", "holds a number with too many digits") from error
    if not _harmless(body):
        _check(value)
    return value


def _harmless(body: bytes) -> bool:
    """Whether JSON that could be read has nothing in it for `_check` to find.

    ASCII without escapes has neither NUL nor surrogates; numbers of few digits are small; few
    brackets are not deep.
    """
    return (
        body.isascii()
        and b"\\" not in body
        and body.count(b"[") + body.count(b"{") <= MAX_DEPTH
        and _LONG_NUMBER.search(body) is None
    )


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise InvalidInput(_shown(twice), "is there twice")
    return found


def _no_number(word: str) -> float:
    raise InvalidInput("body", f"holds {word}, which is no JSON number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_no_number)


def _check(value: Any) -> None:
    """Look at all there is, without recursion: depth is the sender's choice."""
    waiting: list[tuple[str, Any, int]] = [("", value, 1)]
    while waiting:
        field, one, depth = waiting.pop()
        if isinstance(one, str):
            _text(field, one)
        elif isinstance(one, float):
            if not math.isfinite(one):
                raise InvalidInput(field or "body", "is beyond the range of numbers")
        elif isinstance(one, int):
            if not -_LARGEST <= one < _LARGEST:
                raise InvalidInput(field or "body", "must fit into 64 bits")
        elif one is not None:
            if depth > MAX_DEPTH:
                raise InvalidInput(_root(field), f"is nested more than {MAX_DEPTH} levels deep")
            waiting.extend(_inside(field, one, depth + 1))


def _inside(field: str, one: Any, depth: int) -> Iterator[tuple[str, Any, int]]:
    """What an object or an array holds: its field, itself, and how deep it is."""
    if isinstance(one, dict):
        for key, inner in cast("dict[str, Any]", one).items():
            _text(field, key)
            yield _within(field, _shown(key)), inner, depth
    else:
        for place, inner in enumerate(one):
            yield _within(field, str(place)), inner, depth


def _within(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _text(field: str, text: str) -> None:
    # Most text is ASCII, and to know that costs next to nothing.
    if "\0" in text or (
        not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
    ):
        raise InvalidInput(field or "body", "must be valid Unicode text without NUL")


def _shown(key: str) -> str:
    """A key that somebody chose, as part of a field's name."""
    return key[:64].encode("ascii", "backslashreplace").decode()


def _root(field: str) -> str:
    return field.partition(".")[0] or "body"


class StrictRequest(Request):
    """A request whose JSON is read by `decoded`."""

    _value: Any = None
    _read = False

    async def json(self) -> Any:
        if not self._read:
            self._value, self._read = decoded(await self.body()), True
        return self._value


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """A route that reads JSON strictly."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            own = StrictRequest(request.scope, request.receive)
            # Here, since what the framework catches around its own reading loses its reason.
            if (
                self.body_field is not None
                and is_json(own.headers.get("content-type"))
                and await own.body()
            ):
                await own.json()
            return await handle(own)

        return strict


class Wire(BaseModel):
    """A value on the wire. A field that nobody knows is refused: it was meant to do something."""

    model_config = ConfigDict(extra="forbid", frozen=True)
