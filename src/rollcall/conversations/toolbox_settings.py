# SPDX-License-Identifier: Apache-2.0
"""What a toolbox may be told."""

from __future__ import annotations

import msgspec

from rollcall.policies import checks


class ToolboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and times of a toolbox. Times are in seconds, sizes in bytes.

    Args:
        refresh_every: Time after which a list of tools is asked for again, change or none.
        list_timeout: Time that one service may take to list its tools.
        lists_at_once: Services that are asked for their lists at the same time.
        list_bytes: Size of a list.
        tools_per_service: Tools of one service that count.
        retry_first: Time after which a list that failed is asked for again, at first; doubled
            each time.
        retry_longest: The longest such time.
        first_look: Time that the first question for the tools of a namespace waits for services
            that are slow to list theirs.
        namespaces: Namespaces that are followed at the same time; one more, and the one that was
            not used for longest is dropped.
        namespace_idle: Time without use after which a namespace is no longer followed.
        connect_timeout: Time to reach an instance.
        attempts: How often a call is sent, or tried to be sent, at most.
        unreachable_for: Time for which an instance that could not be reached is called only where
            no other is left.
        broken_after: Failures in a row after which an instance is not called for a while.
        broken_for: That while.
        argument_bytes: Size of the arguments of a call.
        result_bytes: Size of a result.

    Raises:
        InvalidInput: A number is out of its range; the error names it.
    """

    refresh_every: float = 60.0
    list_timeout: float = 5.0
    lists_at_once: int = 16
    list_bytes: int = 2_000_000
    tools_per_service: int = 256
    retry_first: float = 0.25
    retry_longest: float = 30.0
    first_look: float = 2.0
    namespaces: int = 64
    namespace_idle: float = 900.0
    connect_timeout: float = 2.0
    attempts: int = 4
    unreachable_for: float = 1.0
    broken_after: int = 5
    broken_for: float = 10.0
    argument_bytes: int = 262_144
    result_bytes: int = 262_144

    def __post_init__(self) -> None:
        for name, value in msgspec.structs.asdict(self).items():
            if isinstance(value, int):
                checks.whole(name, value, 1)
            else:
                checks.positive(name, value)
