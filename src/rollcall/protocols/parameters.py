# SPDX-License-Identifier: Apache-2.0
"""Parameters that the routes of all protocols take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from rollcall.kernel.caller import ADMIN, READ, REGISTER, Caller
from rollcall.protocols.wire import Place, Reading
from rollcall.web.auth import require

Reader = Annotated[Caller, Depends(require(READ))]
Writer = Annotated[Caller, Depends(require(REGISTER))]
Administrator = Annotated[Caller, Depends(require(ADMIN))]
Operator = Annotated[Caller, Depends(require(ADMIN, whole=True))]
"""Of what is about all namespaces."""

Where = Annotated[Place, Query()]
"""Of a write: the namespace."""
Read = Annotated[Reading, Query()]
"""Of a read: the namespace, and the revision to wait for."""
