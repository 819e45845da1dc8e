# SPDX-License-Identifier: Apache-2.0
"""What definitions may name, by the library of the moment."""

from __future__ import annotations

import re
from typing import Any, Final

from rollcall.agents.models import Content
from rollcall.agents.wizard.models import IndustryMetadata, Library
from rollcall.agents.wizard.prompting import MAX_CUSTOM, business_of, prompt_of
from rollcall.agents.wizard.shelf import Shelf
from rollcall.kernel.errors import InvalidInput

CUSTOM: Final = "custom_prompt"
"""Where in a definition's configuration is what the business adds to its prompt."""
_SHOWN: Final = 20
_NAMED: Final = re.compile(r"[^\s:]+:\S+")


class LibraryVocabulary:
    """`Vocabulary` of the library of this process."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def check(self, content: Content, before: Content | None) -> None:
        """See `Vocabulary`."""
        library = self._shelf.library
        for field in ("industry", "interface_type", "llm_model"):
            value: str | None = getattr(content, field)
            if value is None or (before is not None and value == getattr(before, field)):
                continue
            problem = unknown(library, field, str(value))
            if problem is not None:
                raise InvalidInput(field, problem)


def unknown(library: Library, field: str, value: str) -> str | None:
    """Why a field may not have a value; None: it may."""
    known: dict[str, Any] = {
        "industry": library.industries,
        "interface_type": library.interfaces,
        "llm_model": library.models,
    }[field]
    if value in known or (field == "llm_model" and is_named(value)):
        return None
    there = ", ".join([*list(known)[:_SHOWN], *(["..."] if len(known) > _SHOWN else [])])
    more = ", or any other as provider:model" if field == "llm_model" else ""
    return f"must be one of {there or 'none at all'}{more}, not {value!a:.80}"


def is_named(model: str) -> bool:
    """Whether a model is named as `provider:model`."""
    return _NAMED.fullmatch(model) is not None


def custom_of(content: Content) -> str:
    """What the business adds to the prompt of its agent; empty: nothing."""
    said: object = content.configuration.get(CUSTOM)
    return said[:MAX_CUSTOM] if isinstance(said, str) else ""


def missing_of(content: Content, library: Library) -> list[str]:
    """What a definition would have to say for a prompt: fields of it."""
    missing = [] if content.business_name else ["business_name"]
    return missing if content.industry in library.industries else [*missing, "industry"]


def made_prompt(content: Content, library: Library, custom: str | None = None) -> str | None:
    """The prompt that the library makes for a definition; None: it does not say enough.

    Args:
        content: What it says.
        library: The library.
        custom: What the business adds; None: what the definition says of it.

    Raises:
        InvalidInput: It would be too long.
    """
    if missing_of(content, library):
        return None
    industry = library.industries[content.industry or ""]
    interface = library.interfaces.get(content.interface_type or "")
    added = custom_of(content) if custom is None else custom
    return prompt_of(industry, interface, business_of(content), added)


def metadata_of(content: Content, library: Library, custom: str | None = None) -> IndustryMetadata:
    """What document 4 says of a definition's industry; `custom` as for `made_prompt`."""
    industry = library.industries.get(content.industry or "")
    added = custom_of(content) if custom is None else custom
    return IndustryMetadata(
        name=None if industry is None else industry.label,
        icon=None if industry is None else industry.icon,
        has_custom_prompt=bool(added.strip()),
    )
