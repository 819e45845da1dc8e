# SPDX-License-Identifier: Apache-2.0
"""API keys for tool services, as `ROLLCALL_TOOL_KEYS` names them."""

from __future__ import annotations

import re
from typing import Final

from rollcall.kernel.errors import InvalidInput

_ADDRESS: Final = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^\s\[\]:/@]+):[0-9]{1,5}")
_KEY: Final = re.compile(r"[!-~]+")


def tool_keys(text: str) -> dict[str, str]:
    """The key for each address, of `host:port=key,host:port=key`.

    Raises:
        InvalidInput: It cannot be read. The error shows no key.
    """
    keys: dict[str, str] = {}
    for number, part in enumerate(text.split(","), 1):
        if not part.strip():
            continue
        address, _, key = (word.strip() for word in part.partition("="))
        if not _ADDRESS.fullmatch(address) or not _KEY.fullmatch(key):
            raise InvalidInput(
                "ROLLCALL_TOOL_KEYS", f"must be host:port=key,host:port=key: see number {number}"
            )
        if address in keys:
            raise InvalidInput("ROLLCALL_TOOL_KEYS", f"has more than one key for {address}")
        keys[address] = key
    return keys
