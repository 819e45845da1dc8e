# SPDX-License-Identifier: Apache-2.0
"""Parameters that the routes of all protocols take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from rollcall.protocols.wire import Place, Reading

Where = Annotated[Place, Query()]
"""Of a write: the namespace."""
Read = Annotated[Reading, Query()]
"""Of a read: the namespace, and the revision to wait for."""
