# SPDX-License-Identifier: Apache-2.0
"""Prompt templates: what may stand in one, and what it becomes with values. Pure.

`{{name}}`, with blanks inside or without, is the place of a variable. There is nothing else to it:
no expressions, no attributes, no conditions, and what a value holds is never looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from rollcall.agents.models import PromptTemplate
from rollcall.kernel.errors import InvalidInput

MAX_TEXT: Final = 100_000
"""Characters of a template."""
MAX_VARIABLES: Final = 100
MAX_RENDERED: Final = 1_000_000
"""Characters of what a template becomes."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_PLACE: Final = re.compile(r"\{\{[ \t]*+([A-Za-z_][A-Za-z0-9_]{0,63})[ \t]*+\}\}")


def variables_in(text: str) -> tuple[str, ...]:
    """The names of the variables that have a place in a text, in the order of the first ones."""
    return tuple(dict.fromkeys(_PLACE.findall(text)))


def check_template(field: str, template: PromptTemplate) -> None:
    """Refuse a template that could not be rendered.

    Raises:
        InvalidInput: A name is none, is declared twice, or has a place and is not declared; or
            the text is too long. Names `field`.
    """
    if len(template.text) > MAX_TEXT:
        raise InvalidInput(f"{field}.text", f"must have at most {MAX_TEXT} characters")
    if len(template.variables) > MAX_VARIABLES:
        raise InvalidInput(f"{field}.variables", f"must be at most {MAX_VARIABLES}")
    seen: set[str] = set()
    for place, name in enumerate(template.variables):
        where = f"{field}.variables.{place}"
        if _NAME.fullmatch(name) is None:
            raise InvalidInput(
                where, "must be 1 to 64 letters, digits and underscores, no digit first"
            )
        if name in seen:
            raise InvalidInput(where, "is there twice")
        seen.add(name)
    unknown = [name for name in variables_in(template.text) if name not in seen]
    if unknown:
        raise InvalidInput(
            f"{field}.variables", f"must declare what the text uses: {', '.join(unknown[:10])}"
        )


def render(template: PromptTemplate, values: Mapping[str, str]) -> str:
    """The prompt with a value at the place of each variable.

    Args:
        template: One that `check_template` takes.
        values: A value for each variable that is declared, used or not, and for no other.

    Raises:
        InvalidInput: A value is missing, or is of no variable, or the result would have more than
            `MAX_RENDERED` characters.
    """
    missing = [name for name in template.variables if name not in values]
    if missing:
        raise InvalidInput("values", f"must have a value for {', '.join(missing[:10])}")
    unknown = [name for name in values if name not in template.variables]
    if unknown:
        known = ", ".join(template.variables[:10]) or "none"
        named = ", ".join(f"{name!a:.80}" for name in unknown[:10])
        raise InvalidInput("values", f"has no variable {named}; there are: {known}")
    text = template.text
    size = len(text) + sum(
        len(values[found[1]]) - (found.end() - found.start()) for found in _PLACE.finditer(text)
    )
    if size > MAX_RENDERED:
        raise InvalidInput("values", f"would make a prompt of more than {MAX_RENDERED} characters")
    return _PLACE.sub(lambda found: values[found[1]], text)
