# SPDX-License-Identifier: Apache-2.0
"""What operators may have got wrong."""

from __future__ import annotations

from rollcall.kernel.errors import RollcallError


class KeyNotFound(RollcallError, LookupError):
    """There is no API key with this id in the namespace."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"there is no API key {key_id!r}: list them to see their ids")
        self.key_id = key_id
