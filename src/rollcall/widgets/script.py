# SPDX-License-Identifier: Apache-2.0
"""The browser widget as it is served: its bytes, and the hashes that pages name it by."""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property

_HEX = 16
HASH = r"[0-9a-f]{16}"
"""What a hash of a script looks like."""


@dataclass(frozen=True)
class Script:
    """The script of the browser widget.

    Args:
        body: It, UTF-8.
    """

    body: bytes

    @cached_property
    def hash(self) -> str:
        """What its address that never changes is known by: 16 hexadecimal digits of its SHA-256."""
        return hashlib.sha256(self.body).hexdigest()[:_HEX]

    @cached_property
    def integrity(self) -> str:
        """What pages hold it to (Subresource Integrity)."""
        return "sha384-" + base64.b64encode(hashlib.sha384(self.body).digest()).decode()

    @cached_property
    def name(self) -> str:
        """The last segment of its address that never changes."""
        return f"widget-{self.hash}.js"

    @cached_property
    def zipped(self) -> bytes:
        """It, as gzip; the same bytes at every start."""
        return gzip.compress(self.body, 9, mtime=0)
