# SPDX-License-Identifier: Apache-2.0
"""Who may ask for what: namespaces, and records that belong to whoever registered them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rollcall.kernel.caller import ADMIN, Caller, NotPermitted
from rollcall.registry.models import Record
from rollcall.web.lines import check_line

LOCAL: Final = "local"
"""The subject of whoever sits at the machine, where nobody has to log in."""


def namespace_for(caller: Caller, asked: str | None) -> str:
    """The namespace that a request is about: the caller's own. At the machine itself, any.

    Raises:
        NotPermitted: It asks for another.
        InvalidInput: What it asks for is no name.
    """
    if asked is None or asked == caller.namespace:
        return caller.namespace
    check_line("namespace", asked)
    if caller.subject != LOCAL:
        raise NotPermitted(f"your key is for namespace {caller.namespace!r}, not for {asked!r}")
    return asked


def owner_of(caller: Caller) -> str:
    """What to keep as a record's owner: nobody in particular, where nobody had to log in."""
    return "" if caller.subject == LOCAL else caller.subject


def owns(caller: Caller, owner: str) -> bool:
    """Whether a caller may change what `owner` registered: their own, nobody's, or as an admin."""
    return owner in ("", caller.subject) or caller.may(ADMIN)


def guard_for(caller: Caller) -> Callable[[Record], None]:
    """Refuses, with `NotPermitted`, a record that somebody else registered; admins may all."""

    def guard(record: Record) -> None:
        if not owns(caller, record.owner):
            raise NotPermitted(f"record {record.id!r} was registered with another key", scope=ADMIN)

    return guard
