# SPDX-License-Identifier: Apache-2.0
"""The looks that a widget may begin with (document 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from rollcall.kernel.errors import InvalidInput
from rollcall.widgets.models import Theme


class Template(msgspec.Struct, frozen=True):
    """A look.

    Args:
        template: Its name in requests.
        name: Its name for people.
        description: What it is for.
        theme: The look.
    """

    template: str
    name: str
    description: str
    theme: Theme


TEMPLATES: Final[Mapping[str, Template]] = {
    one.template: one
    for one in (
        Template(
            "modern",
            "Modern",
            "Round and blue, for most pages",
            Theme(primary_color="#007bff", border_radius=12),
        ),
        Template(
            "professional",
            "Professional",
            "Dark and plain, for offices",
            Theme(primary_color="#2c3e50", border_radius=4),
        ),
        Template(
            "friendly",
            "Friendly",
            "Green and very round, for shops and clubs",
            Theme(primary_color="#28a745", border_radius=20),
        ),
        Template(
            "minimal",
            "Minimal",
            "Grey and square, for pages with a look of their own",
            Theme(primary_color="#6c757d", border_radius=0),
        ),
    )
}


def template(name: str) -> Template:
    """The template of this name.

    Raises:
        InvalidInput: There is none.
    """
    found = TEMPLATES.get(name)
    if found is None:
        raise InvalidInput("template", f"must be one of {', '.join(TEMPLATES)}")
    return found
