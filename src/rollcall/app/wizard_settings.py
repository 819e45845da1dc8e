# SPDX-License-Identifier: Apache-2.0
"""The variables of the wizard."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class WizardVariables(BaseSettings):
    """Where the wizard can be asked, and what it knows beside what comes with Rollcall."""

    wizard_port: int = Field(
        8001,
        validation_alias="AGENT_WIZARD_PORT",
        description="Port of the agent wizard",
        ge=0,
        le=65535,
    )
    library_dir: Path | None = Field(
        None,
        validation_alias="ROLLCALL_LIBRARY_DIR",
        description="Folder with industries, models and interfaces of your own for the wizard",
    )
