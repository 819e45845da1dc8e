# SPDX-License-Identifier: Apache-2.0
"""What an agent is told to be, by its definition alone: pure."""

from __future__ import annotations

from typing import Any, Final, cast

from rollcall.agents.models import Content
from rollcall.agents.prompts import render
from rollcall.kernel.errors import InvalidInput

SYSTEM: Final = "system"
"""The prompt template that an agent is told to be, where it has no instructions."""
_OWN: Final = (
    "name",
    "description",
    "business_name",
    "business_description",
    "business_domain",
    "industry",
)
"""Fields of a definition that its prompt may use without being told their values."""


def instructions_of(content: Content) -> str:
    """A definition's instructions, else its template `system` with its values, else nothing.

    Raises:
        InvalidInput: The template has a variable without a value; names
            `configuration.variables`.
    """
    said: str | None = content.configuration.get("instructions")
    template = content.prompt_templates.get(SYSTEM)
    if said or template is None:
        return said or ""
    given = {name: str(getattr(content, name) or "") for name in _OWN}
    told = content.configuration.get("variables")
    if isinstance(told, dict):
        given |= {
            name: value if isinstance(value, str) else str(value)
            for name, value in cast("dict[str, Any]", told).items()
            if value is not None
        }
    try:
        return render(template, {name: given[name] for name in template.variables if name in given})
    except InvalidInput as error:
        raise InvalidInput("configuration.variables", error.problem) from None
