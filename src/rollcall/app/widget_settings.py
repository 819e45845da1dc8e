# SPDX-License-Identifier: Apache-2.0
"""The variables of widgets: where they are reached, and how much visitors may ask."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings


def _variable(name: str, default: Any, about: str, **bounds: Any) -> Any:
    return Field(default=default, validation_alias=name, description=about, **bounds)


def _count(name: str, default: int, about: str, most: int = 1_000_000) -> Any:
    return _variable(name, default, about, ge=1, le=most)


class WidgetVariables(BaseSettings):
    """Widgets (document 4)."""

    widget_port: int = _variable("WIDGET_PORT", 8005, "Port of widgets", ge=0, le=65535)
    widget_base_url: str | None = _variable(
        "ROLLCALL_WIDGET_BASE_URL",
        None,
        "What embed codes point to, as in https://agents.example.com; empty: the address by which"
        " they are asked for",
    )
    widget_message_chars: int = _count(
        "ROLLCALL_WIDGET_MESSAGE_CHARS", 4_000, "Characters of a visitor's message", 12_000
    )
    widget_visitor_messages: int = _count(
        "ROLLCALL_WIDGET_VISITOR_MESSAGES", 10, "Messages of a visitor in a minute"
    )
    widget_address_messages: int = _count(
        "ROLLCALL_WIDGET_ADDRESS_MESSAGES", 60, "Visitors' messages from an address in a minute"
    )
    widget_messages: int = _count(
        "ROLLCALL_WIDGET_MESSAGES", 600, "Messages to a widget in a minute"
    )
    widget_answers: int = _count(
        "ROLLCALL_WIDGET_ANSWERS", 50, "Visitors of a widget who are answered at once"
    )
    widget_daily_messages: int = _count(
        "ROLLCALL_WIDGET_DAILY_MESSAGES", 10_000, "Messages that a widget takes in a day (UTC)"
    )
