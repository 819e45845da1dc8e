# SPDX-License-Identifier: Apache-2.0
"""What the short ways of all protocols have in common: reading plain requests, writing answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, get_origin
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from rollcall.kernel.caller import Caller
from rollcall.kernel.clock import utc
from rollcall.kernel.errors import InvalidInput
from rollcall.protocols.bodies import REVISION_HEADER
from rollcall.protocols.wire import Reading
from rollcall.registry.service import RegistryService
from rollcall.registry.state import RegistryState
from rollcall.web.strict import decoded

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
R = TypeVar("R", bound=Reading)


def revision_line(service: RegistryService) -> Callable[[], bytes]:
    """Writes the header that says which revision an answer is at."""
    name = REVISION_HEADER.lower().encode()
    state = service.state
    return lambda: b"%b: %d\r\n" % (name, state.revision)


def settled(service: RegistryService) -> bool:
    """Whether the store is there, so that answers say nothing of their age."""
    return service.commits.down_since is None


def body_of(model: type[M], body: bytes) -> M | None:
    """A body as a `model`; None: it is none, and the ordinary way says why."""
    try:
        return model.model_validate(decoded(body))
    except (InvalidInput, ValidationError):
        return None


def query_of(model: type[M], query: bytes) -> M | None:
    """Query parameters as a `model`; None: they are none, or leave a value blank."""
    given: dict[str, str | list[str]] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        field = model.model_fields.get(name)
        if field is None or not value:
            return None
        if get_origin(field.annotation) is list:
            values = given.setdefault(name, [])
            assert isinstance(values, list)
            values.append(value)
        elif name in given:
            return None
        else:
            given[name] = value
    try:
        return model.model_validate(given)
    except ValidationError:
        return None


def reading_of(model: type[R], query: bytes, caller: Caller, service: RegistryService) -> R | None:
    """The parameters of a read that needs no waiting, in the caller's own namespace."""
    asked = query_of(model, query)
    if asked is None or asked.namespace not in (None, caller.namespace):
        return None
    if asked.min_revision is not None and asked.min_revision > service.state.revision:
        return None
    return asked


class Answers(Generic[T]):
    """Answers to questions of which nothing but the revision makes them outdated.

    Agents ask the same few things again and again, and a fleet that only heartbeats changes nothing
    that a search could find.

    Args:
        state: Whose revision.
        keep: How many are kept; when there are more, all are forgotten.
        longest: Bytes of a question that is kept.
    """

    def __init__(self, state: RegistryState, *, keep: int = 1_000, longest: int = 500) -> None:
        self._state = state
        self._most = keep
        self._longest = longest
        self._revision = -1
        self._answers: dict[tuple[str, bytes], T] = {}

    def get(self, namespace: str, question: bytes) -> T | None:
        """The answer, if it was given at the revision that the state is at; else None."""
        if self._revision != self._state.revision:
            return None
        return self._answers.get((namespace, question))

    def keep(self, namespace: str, question: bytes, answer: T) -> None:
        """Keep an answer that was just given."""
        if self._revision != self._state.revision or len(self._answers) >= self._most:
            self._answers.clear()
            self._revision = self._state.revision
        if len(question) <= self._longest:
            self._answers[namespace, question] = answer


class Stamp:
    """Writes dates as the wire models do; those of one second share all but their fraction."""

    def __init__(self) -> None:
        self._second = -1
        self._text = b""

    def __call__(self, seconds: float) -> bytes:
        """`seconds` since the epoch, to the microsecond, in UTC."""
        micros = round(seconds * 1_000_000)
        second, fraction = divmod(micros, 1_000_000)
        if second != self._second:
            self._second, self._text = second, utc(second).strftime("%Y-%m-%dT%H:%M:%S").encode()
        return b"%b.%06dZ" % (self._text, fraction) if fraction else self._text + b"Z"
