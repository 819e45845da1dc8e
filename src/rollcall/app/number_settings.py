# SPDX-License-Identifier: Apache-2.0
"""The variables of analytics, billing and the dashboard."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings


def _variable(name: str, default: Any, about: str, **bounds: Any) -> Any:
    return Field(default=default, validation_alias=name, description=about, **bounds)


class NumberVariables(BaseSettings):
    """Where the services of numbers listen."""

    dashboard_port: int = _variable("DASHBOARD_PORT", 8004, "Port of the dashboard", ge=0, le=65535)
