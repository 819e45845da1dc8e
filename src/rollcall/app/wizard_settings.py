# SPDX-License-Identifier: Apache-2.0
"""The variables of the wizard and of my agents."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class WizardVariables(BaseSettings):
    """Where both can be asked, and what the wizard knows beside what comes with Rollcall."""

    wizard_port: int = Field(
        8001,
        validation_alias="AGENT_WIZARD_PORT",
        description="Port of the agent wizard",
        ge=0,
        le=65535,
    )
    my_agents_port: int = Field(
        8006,
        validation_alias="MY_AGENTS_PORT",
        description="Port of my agents",
        ge=0,
        le=65535,
    )
    library_dir: Path | None = Field(
        None,
        validation_alias="ROLLCALL_LIBRARY_DIR",
        description="Folder with industries, models and interfaces of your own for the wizard",
    )
