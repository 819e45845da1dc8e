# SPDX-License-Identifier: Apache-2.0
"""What commands take from a `.env` file: the services of this folder read the same one."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

from rollcall.kernel.errors import InvalidInput, MissingExtra

FILE: Final = ".env"
TAKEN: Final = (
    "AGENT_PORT",
    "BILLING_PORT",
    "BILLING_SERVICE_URL",
    "CONVERSATIONS_URL",
    "EXT_TOOL_PORT",
    "ROLLCALL_AGENT_REGISTRY_PORT",
    "ROLLCALL_API_KEY",
    "ROLLCALL_GATEWAY_URL",
    "ROLLCALL_REGISTRY_URL",
    "ROLLCALL_TOOL_KEY",
    "SERVICE_REGISTRY_PORT",
    "SERVICE_REGISTRY_URL",
)
"""The variables of clients, and the ports of this folder's services; no other one of the file
reaches the environment.
"""


def take(path: Path, environment: MutableMapping[str, str]) -> None:
    """Set those of the variables of clients that a file has and the environment has not.

    Args:
        path: The file; where it is not there, nothing happens.
        environment: Of the process.

    Raises:
        InvalidInput: It cannot be read.
        MissingExtra: What reads it is not installed.
    """
    if not path.is_file():
        return
    try:
        from dotenv import dotenv_values
    except ModuleNotFoundError:
        raise MissingExtra(f"to read {path}", "cli") from None
    try:
        found = dotenv_values(path, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(str(path), f"cannot be read: {error}") from None
    for name in TAKEN:
        value = found.get(name)
        # An empty variable is as good as none.
        if value and not environment.get(name):
            if "\0" in value:
                raise InvalidInput(name, f"holds a NUL in {path}")
            environment[name] = value
