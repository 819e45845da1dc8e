# SPDX-License-Identifier: Apache-2.0
"""Revisions over HTTP: `min_revision`."""

from __future__ import annotations

from typing import Final

from rollcall.kernel.clock import within
from rollcall.kernel.errors import Unavailable
from rollcall.registry.reader import RegistryReader

MAX_WAIT: Final = 5.0
"""Seconds that a read waits for `min_revision`."""


async def reached(service: RegistryReader, revision: int | None) -> None:
    """Return once the registry is at `revision` or later.

    Raises:
        Unavailable: It is not within `MAX_WAIT`.
    """
    if revision is None or service.state.revision >= revision:
        return
    try:
        await within(service.clock, MAX_WAIT, service.reached(revision))
    except TimeoutError:
        raise Unavailable(
            f"revision {revision} was not reached within {MAX_WAIT:g} s;"
            f" this replica is at {service.state.revision}"
        ) from None
