# SPDX-License-Identifier: Apache-2.0
"""Writes to one record that is there: whose it is, and which revision the caller saw."""

from __future__ import annotations

from collections.abc import Callable

from rollcall.kernel.caller import Caller
from rollcall.kernel.record_errors import RevisionMismatch
from rollcall.protocols.access import guard_for
from rollcall.registry.events import Cause
from rollcall.registry.models import Record
from rollcall.registry.reader import View
from rollcall.registry.service import RegistryService
from rollcall.web.preconditions import expected


async def update(
    service: RegistryService,
    caller: Caller,
    namespace: str,
    record_id: str,
    change: Callable[[Record], Record],
    *,
    if_match: str | None = None,
    cause: str = Cause.UPDATED,
) -> View:
    """Change a record for `caller`; how it reads then. `change` is as for the core's `update`.

    Raises:
        RecordNotFound: There is no such record.
        NotPermitted: Somebody else registered it.
        RevisionMismatch: It is not at the revision of `if_match`.
        InvalidInput: What `change` makes cannot be kept, or the precondition cannot be read.
    """
    guard = guard_for(caller)
    expect = expected(if_match, service.get(namespace, record_id).revision)

    def guarded(record: Record) -> Record:
        guard(record)
        return change(record)

    done = await service.update(namespace, record_id, guarded, cause=cause, expect=expect)
    view = service.get(namespace, record_id)
    if done is None and expect is not None and expect != view.revision:
        raise RevisionMismatch(namespace, record_id, expect, view.revision)
    return view


async def remove(
    service: RegistryService,
    caller: Caller,
    namespace: str,
    record_id: str,
    *,
    if_match: str | None = None,
) -> None:
    """Remove a record for `caller`.

    Raises:
        RecordNotFound, NotPermitted, RevisionMismatch, InvalidInput: As for `update`.
    """
    view = service.get(namespace, record_id)
    guard_for(caller)(view.record)
    expect = expected(if_match, view.revision)
    await service.deregister(namespace, record_id, expect=expect)
