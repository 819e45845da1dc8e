# SPDX-License-Identifier: Apache-2.0
"""What a widget is: an agent on somebody's page, how it looks there, and who may embed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

Corner = Literal["bottom-right", "bottom-left", "top-right", "top-left"]
EMBED_KINDS: Final = ("script", "iframe")
ANY_ORIGIN: Final = "*"
OPAQUE_ORIGIN: Final = "null"
"""What browsers call the origin of a page that has none, such as a file or a sandboxed frame."""
SELF: Final = "self"
"""The origin of the service's own pages: the frame of a widget."""
PREVIEW: Final = "preview"
"""The origin of the page on which somebody looks at a widget of theirs."""

ENDS: Final = ("done", "failed")
"""What is told of a turn at last."""


class Signal(StrEnum):
    """What a page tells of a visitor."""

    VIEW = "view"
    """The widget was shown."""
    INTERACTION = "interaction"
    """It was opened, or used in another way."""


class Shades(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The colours for pages in the dark, `#rgb` or `#rrggbb`."""

    primary_color: str = "#4da3ff"
    secondary_color: str = "#9aa4ad"
    background_color: str = "#1e1e1e"
    text_color: str = "#f1f1f1"


class Theme(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a widget looks (document 4's defaults).

    Args:
        primary_color: Of the button, the head and the visitor's messages; `#rgb` or `#rrggbb`.
        secondary_color: Of what is less important.
        background_color: Behind the messages.
        text_color: Of the text on it.
        border_radius: Of corners, in pixels.
        font_family: Names of fonts, with commas.
        dark: The colours in the dark; None: they are worked out from the others.
    """

    primary_color: str = "#007bff"
    secondary_color: str = "#6c757d"
    background_color: str = "#ffffff"
    text_color: str = "#333333"
    border_radius: int = 8
    font_family: str = "Arial"
    dark: Shades | None = None


class Position(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where on the page a widget is: the pixels to the edges of a corner."""

    corner: Corner = "bottom-right"
    x: int = 20
    y: int = 20


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a widget does by itself, and what it shows.

    Args:
        auto_open: Whether it opens by itself.
        auto_open_delay_ms: After how many milliseconds.
        show_avatar: Whether a picture stands beside the agent's messages.
        sound: Whether an answer makes a sound.
        typing_indicator: Whether it shows that the agent is at work.
        max_messages: How many messages it keeps on the page.
    """

    auto_open: bool = False
    auto_open_delay_ms: int = 3000
    show_avatar: bool = True
    sound: bool = False
    typing_indicator: bool = True
    max_messages: int = 50


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody decides of a widget.

    Args:
        agent_id: Which agent's definition answers.
        name: What it is called, on the page as well.
        theme: How it looks.
        position: Where it is.
        settings: What it does.
        welcome_message: What it shows first; text, never HTML.
        placeholder: What stands in the empty field.
        language: Of its own texts, a BCP 47 tag; None: the page's.
        avatar_url: A picture of the agent; None: its initial.
        allowed_origins: Whose pages may embed it: exact origins (RFC 6454), `*` alone for
            everybody's, `null` for pages without one. Empty: nobody's but the preview.
    """

    agent_id: str
    name: str
    theme: Theme = Theme()
    position: Position = Position()
    settings: Behaviour = Behaviour()
    welcome_message: str = "Hello! How can I help you?"
    placeholder: str = "Type your message…"
    language: str | None = None
    avatar_url: str | None = None
    allowed_origins: tuple[str, ...] = ()


class Widget(msgspec.Struct, frozen=True, kw_only=True):
    """A widget.

    Args:
        namespace: Whose.
        id: `wdg_...`.
        public_key: `wpk_...`: what pages name it by. It is no secret, and can be replaced.
        content: What was decided of it.
        paused: Whether somebody has stopped it.
        owner: Who made it.
        revision: Counts its changes, from 1.
        created_at: When it was made.
        updated_at: When it was changed last.
    """

    namespace: str
    id: str
    public_key: str
    content: Content
    paused: bool
    owner: str
    revision: int
    created_at: datetime
    updated_at: datetime


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """Something about a widget that is allowed, and may not be what somebody wants.

    Args:
        field: What it is about.
        problem: What may be wrong.
        ratio: Of two colours, the contrast (WCAG 2.2); None: it is about something else.
        wanted: The contrast that WCAG's level AA asks for.
    """

    field: str
    problem: str
    ratio: float | None = None
    wanted: float | None = None


class By(msgspec.Struct, frozen=True, kw_only=True):
    """Who changes something, and because of which request."""

    namespace: str
    author: str
    correlation_id: str = ""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted of a widget.

    Args:
        views: How often it was shown, once per visitor and hour.
        interactions: How often it was used, once per visitor and hour.
        visitors: Of whom anything was counted; one who comes back another day is another one.
        conversations: Visitors who said something.
        messages: What they said.
        failed: Messages without an answer.
    """

    views: int = 0
    interactions: int = 0
    visitors: int = 0
    conversations: int = 0
    messages: int = 0
    failed: int = 0


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted on one day (UTC); None: before the widget was there."""

    day: date
    figures: Figures | None


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted of a widget in a period.

    Args:
        days: Each of its days, the first one first.
        total: All of them together.
    """

    days: Sequence[Day]
    total: Figures


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on a page, as their token says.

    Args:
        id: `vis_...`.
        origin: Where the token was given: an origin, `SELF` or `PREVIEW`.
    """

    id: str
    origin: str

    @property
    def user_id(self) -> str:
        """What conversations and memories know them by."""
        return f"visitor:{self.id}"

    @property
    def counts(self) -> bool:
        """Whether they are a visitor at all, and not somebody who looks at a widget of theirs."""
        return self.origin != PREVIEW


class Told(msgspec.Struct, frozen=True):
    """One thing that the agent service tells of a turn.

    Args:
        kind: `accepted`, `text`, `reset`, `done`, `failed`, or another one.
        data: What it says.
    """

    kind: str
    data: Mapping[str, Any]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a visitor, and where its answer stands."""

    turn_id: str
    message: str
    response: str | None
    status: str
    created_at: str
