# SPDX-License-Identifier: Apache-2.0
"""What must hold of definitions and capabilities before they are kept. All limits in one place."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast
from urllib.parse import urlsplit

import msgspec

from rollcall.agents.models import By, Capability, Content
from rollcall.agents.prompts import check_template
from rollcall.kernel.errors import InvalidInput
from rollcall.web.lines import check_id, check_line
from rollcall.web.schemas import (
    MAX_DEPTH,
    ArgumentCheck,
    TooComplex,
    checked_arguments_schema,
    checked_schema,
    depth_of,
)

MAX_ID: Final = 128
MAX_NAME: Final = 200
MAX_TEXT: Final = 10_000
"""Characters of a description."""
MAX_INSTRUCTIONS: Final = 100_000
MAX_JSON: Final = 65_536
"""Bytes of a configuration as JSON, beside its instructions."""
MAX_CONTENT: Final = 262_144
"""Bytes of everything that a definition says, as JSON."""
MAX_CAPABILITIES: Final = 100
MAX_TEMPLATES: Final = 100
MAX_TAGS: Final = 32
MAX_TAG: Final = 64
MAX_REASON: Final = 1_000
MAX_URL: Final = 2_000

_COUNTS: Final = ("steps", "tool_calls", "tokens")
_SECONDS: Final = ("seconds", "tool_seconds")
_LIMITS: Final = (*_COUNTS, *_SECONDS, "cost")


def check_content(content: Content) -> None:
    """Refuse a content that could not be kept, shown or run.

    Whether its capabilities are there, and take what they are told, is for the service to see.

    Raises:
        InvalidInput: Names the field.
    """
    check_line("name", content.name, MAX_NAME)
    check_text("description", content.description, MAX_TEXT)
    _check_configuration(content.configuration)
    _few("capabilities", content.capabilities, MAX_CAPABILITIES)
    for capability_id, told in content.capabilities.items():
        check_id("capabilities", capability_id, MAX_ID)
        check_json(f"capabilities.{capability_id}", told)
    _few("prompt_templates", content.prompt_templates, MAX_TEMPLATES)
    for name, template in content.prompt_templates.items():
        check_id("prompt_templates", name, MAX_ID)
        check_text(f"prompt_templates.{name}.text", template.text, MAX_INSTRUCTIONS)
        check_template(f"prompt_templates.{name}", template)
    _check_business(content)
    size = len(_encoded("agent", content))
    if size > MAX_CONTENT:
        raise InvalidInput("agent", f"must have at most {MAX_CONTENT} bytes as JSON, not {size}")


def check_capability(capability: Capability) -> None:
    """Refuse a capability that could not be kept, shown, or checked against.

    Raises:
        InvalidInput: Names the field.
    """
    check_id("id", capability.id, MAX_ID)
    check_line("name", capability.name, MAX_NAME)
    check_text("description", capability.description, MAX_TEXT)
    if len(capability.tags) > MAX_TAGS:
        raise InvalidInput("tags", f"must be at most {MAX_TAGS}")
    for place, tag in enumerate(capability.tags):
        check_line(f"tags.{place}", tag, MAX_TAG)
        if tag in capability.tags[:place]:
            raise InvalidInput(f"tags.{place}", "is there twice")
    field = "configuration_schema"
    _encoded(field, capability.configuration_schema)
    checked_schema(field, capability.configuration_schema, complete=True)
    checked_arguments_schema(field, capability.configuration_schema)


def check_configuration(capability: Capability, told: Mapping[str, Any]) -> None:
    """Refuse what a capability is told for an agent where its schema does not take that.

    Takes some milliseconds of computing for what is large.

    Raises:
        InvalidInput: Names `capabilities.<id>`.
    """
    field = f"capabilities.{capability.id}"
    try:
        problem = ArgumentCheck(capability.configuration_schema).strict_problem(told)
    except TooComplex as error:
        raise InvalidInput(field, str(error)) from None
    if problem is not None:
        raise InvalidInput(field, problem)


def check_by(by: By) -> None:
    """Refuse a reason that could not be kept.

    Raises:
        InvalidInput: Names `reason`.
    """
    check_text("reason", by.reason, MAX_REASON)


def check_text(field: str, text: str, longest: int) -> str:
    """`text`, which may have several lines.

    Raises:
        InvalidInput: It is too long, or holds NUL or what is no Unicode.
    """
    if len(text) > longest:
        raise InvalidInput(field, f"must have at most {longest} characters, not {len(text)}")
    if "\0" in text or any("\ud800" <= one <= "\udfff" for one in text):
        raise InvalidInput(field, "must be valid Unicode text without NUL")
    return text


def check_json(field: str, value: dict[str, Any]) -> None:
    """Refuse an object that is too large or too deep to be kept.

    Raises:
        InvalidInput: Names `field`.
    """
    if depth_of(value) > MAX_DEPTH:
        raise InvalidInput(field, f"must have at most {MAX_DEPTH} levels")
    size = len(_encoded(field, value))
    if size > MAX_JSON:
        raise InvalidInput(field, f"must have at most {MAX_JSON} bytes as JSON, not {size}")


def _few(field: str, several: Mapping[str, object], most: int) -> None:
    if len(several) > most:
        raise InvalidInput(field, f"must be at most {most}, not {len(several)}")


def _check_configuration(configuration: dict[str, Any]) -> None:
    rest = {name: told for name, told in configuration.items() if name != "instructions"}
    check_json("configuration", rest)
    model, said = configuration.get("model"), configuration.get("instructions")
    if model is not None:
        check_line("configuration.model", _text("configuration.model", model), MAX_NAME)
    if said is not None:
        field = "configuration.instructions"
        check_text(field, _text(field, said), MAX_INSTRUCTIONS)
    limits = configuration.get("limits")
    if limits is None:
        return
    if not isinstance(limits, dict):
        raise InvalidInput("configuration.limits", "must be an object")
    for name, limit in cast("dict[str, Any]", limits).items():
        _check_limit(name, limit)


def _check_limit(name: str, limit: Any) -> None:
    if name not in _LIMITS:
        raise InvalidInput(
            "configuration.limits", f"{name!a:.80} is none of them; there are {', '.join(_LIMITS)}"
        )
    field = f"configuration.limits.{name}"
    if limit is None:
        return
    if name == "cost":
        # Money is no float, but in JSON many write it so.
        if isinstance(limit, bool) or not isinstance(limit, str | int | float):
            raise InvalidInput(field, "must be an amount of money, as in '0.25'")
        try:
            amount = Decimal(str(limit))
        except InvalidOperation:
            amount = Decimal(0)
        if not amount.is_finite() or amount <= 0:
            raise InvalidInput(field, "must be an amount of money above 0, as in '0.25'")
    elif isinstance(limit, bool) or not isinstance(limit, int | float) or limit <= 0:
        raise InvalidInput(field, "must be a number above 0, or null for none")
    elif name in _COUNTS and limit % 1:
        raise InvalidInput(field, "must be a whole number")


def _check_business(content: Content) -> None:
    for name, shortest, longest in (
        ("business_name", 2, 100),
        ("industry", 1, 64),
        ("llm_model", 1, MAX_NAME),
    ):
        text: str | None = getattr(content, name)
        if text is not None:
            check_line(name, text, longest, shortest=shortest)
    about, domain = content.business_description, content.business_domain
    if about is not None:
        check_text("business_description", about, 500)
        if len(about.strip()) < 10:
            raise InvalidInput("business_description", "must have 10 to 500 characters")
    if domain is not None:
        _check_url("business_domain", domain)


def _check_url(field: str, url: str) -> None:
    check_line(field, url, MAX_URL)
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine or any(one.isspace() for one in url):
        raise InvalidInput(field, "must be a URL of http or https, as in https://example.com")


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput(field, "must be a text")
    return value


def _encoded(field: str, value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(field, f"must be what JSON has words for: {error}") from error
