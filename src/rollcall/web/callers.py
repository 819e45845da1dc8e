# SPDX-License-Identifier: Apache-2.0
"""Who asks, as parameters of routes that say what it takes to ask them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from rollcall.kernel.caller import ADMIN, READ, REGISTER, Caller
from rollcall.web.auth import require

Reader = Annotated[Caller, Depends(require(READ))]
Writer = Annotated[Caller, Depends(require(REGISTER))]
"""Who may change things, and have agents work, which costs."""
Administrator = Annotated[Caller, Depends(require(ADMIN))]
Operator = Annotated[Caller, Depends(require(ADMIN, whole=True))]
"""Of what is about all namespaces."""
