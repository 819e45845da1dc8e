# SPDX-License-Identifier: Apache-2.0
"""What operators may have got wrong."""

from __future__ import annotations

from rollcall.kernel.errors import RollcallError


class KeyNotFound(RollcallError, LookupError):
    """There is no API key with this id in the namespace."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"there is no API key {key_id!r}: list them to see their ids")
        self.key_id = key_id


class NoBackup(RollcallError):
    """What is kept is not in files of ours, so others know better how to copy it."""

    def __init__(self, kind: str) -> None:
        ways = {
            "postgresql": "use pg_dump, or what you do for your other databases",
            "zookeeper": "use its snapshots for records, and `rollcall export`",
            "memory": "there is nothing to keep; `rollcall export` writes what there is now",
        }
        way = ways.get(kind, "use its own means, or `rollcall export`")
        super().__init__(f"records are in {kind}, which is not copied from here: {way}")
        self.kind = kind
