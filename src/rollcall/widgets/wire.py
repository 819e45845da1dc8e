# SPDX-License-Identifier: Apache-2.0
"""What HTTP says of widgets. They are Pydantic models, since FastAPI reads and describes those."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from rollcall.web.strict import Wire
from rollcall.widgets.models import Corner, Signal

MAX_PAGE: Final = 200
DEFAULT_PAGE: Final = 50
MAX_ID: Final = 200
_Colour = Annotated[str, Field(max_length=7, description="`#rgb` or `#rrggbb`.")]


class ShadesIn(Wire):
    """The colours for pages in the dark; those that are not given have their defaults."""

    primary_color: _Colour | None = None
    secondary_color: _Colour | None = None
    background_color: _Colour | None = None
    text_color: _Colour | None = None


class ThemeIn(ShadesIn):
    """How a widget looks."""

    border_radius: int | None = Field(default=None, ge=0, le=100, description="Pixels.")
    font_family: str | None = Field(
        default=None, max_length=200, description="Names of fonts, with commas."
    )
    dark: ShadesIn | None = Field(default=None, description="null: worked out from the others.")


class PositionIn(Wire):
    """Where on the page a widget is."""

    corner: Corner | None = None
    x: int | None = Field(default=None, ge=0, le=1000, description="Pixels to the side.")
    y: int | None = Field(default=None, ge=0, le=1000, description="Pixels to the top or bottom.")


class SettingsIn(Wire):
    """What a widget does by itself, and what it shows."""

    auto_open: bool | None = None
    auto_open_delay_ms: int | None = Field(default=None, ge=0, le=600_000)
    show_avatar: bool | None = None
    sound: bool | None = None
    typing_indicator: bool | None = None
    max_messages: int | None = Field(default=None, ge=1, le=500)


class WidgetFields(Wire):
    """What somebody decides of a widget. In a PATCH, objects are merged and null is the default
    (RFC 7396).
    """

    agent_id: str | None = Field(default=None, max_length=MAX_ID)
    name: str | None = Field(default=None, max_length=100)
    theme: ThemeIn | None = None
    position: PositionIn | None = None
    settings: SettingsIn | None = None
    welcome_message: str | None = Field(
        default=None, max_length=1000, description="Text. HTML in it is shown as it is written."
    )
    placeholder: str | None = Field(default=None, max_length=200)
    language: str | None = Field(default=None, max_length=40, description="As in en or pt-BR.")
    avatar_url: str | None = Field(default=None, max_length=2000)
    allowed_origins: list[Annotated[str, Field(max_length=300)]] | None = Field(
        default=None,
        max_length=50,
        description="Whose pages may embed it, as in https://www.example.com; `*`: everybody's,"
        " `null`: pages without an origin. Empty: nobody's but the preview.",
    )


class WidgetIn(WidgetFields):
    """A new widget."""

    agent_id: str = Field(max_length=MAX_ID, description="Whose definition answers.")  # pyright: ignore[reportIncompatibleVariableOverride]
    name: str = Field(max_length=100)  # pyright: ignore[reportIncompatibleVariableOverride]


class FromTemplate(WidgetFields):
    """A new widget with the look of a template."""

    template: str = Field(max_length=MAX_ID, description="modern, professional, ...")
    agent_id: str = Field(max_length=MAX_ID, description="Whose definition answers.")  # pyright: ignore[reportIncompatibleVariableOverride]


class WarningView(Wire):
    """Something that is allowed, and may not be what somebody wants."""

    field: str
    problem: str
    ratio: float | None = Field(description="Of two colours: the contrast (WCAG 2.2).")
    wanted: float | None = Field(description="What level AA asks for.")


class WidgetView(Wire):
    """A widget."""

    id: str
    agent_id: str
    name: str
    theme: dict[str, Any]
    position: dict[str, Any]
    settings: dict[str, Any]
    welcome_message: str
    placeholder: str
    language: str | None
    avatar_url: str | None
    allowed_origins: list[str]
    paused: bool
    public_key: str
    revision: int
    created_at: datetime
    updated_at: datetime
    warnings: list[WarningView]


class TemplateView(Wire):
    """A look that a widget may begin with."""

    template: str
    name: str
    description: str
    theme: dict[str, Any]


class EmbedView(Wire):
    """What to put into a page."""

    kind: Literal["script", "iframe"]
    code: str
    script_url: str
    integrity: str
    public_key: str
    csp: dict[str, str] = Field(
        description="By directive: what the page's Content Security Policy must allow, if any."
    )


class FiguresView(Wire):
    """What was counted; null: nobody counted then."""

    views: int | None
    interactions: int | None
    visitors: int | None
    conversations: int | None
    messages: int | None
    failed: int | None


class DayView(FiguresView):
    """What was counted on a day (UTC)."""

    day: date


class StatsView(FiguresView):
    """What was counted of a widget."""

    widget_id: str
    period_days: int
    interaction_rate: float | None = Field(description="Interactions per view; null: no views.")
    failure_rate: float | None = Field(description="Of messages; null: there were none.")
    by_day: list[DayView]


class Tracked(Wire):
    """Something was counted."""

    widget_id: str
    event_type: Signal


class WidgetsQuery(Wire):
    """Which widgets."""

    agent_id: str | None = Field(default=None, max_length=MAX_ID, description="Only this agent's.")
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    cursor: str | None = Field(
        default=None, max_length=1000, description="From the Link of the page before."
    )


class VisitorIn(Wire):
    """A new visitor, of whom nothing need be said."""


class VisitorView(Wire):
    """A visitor's token."""

    token: str
    visitor_id: str
    expires_in: int = Field(description="Seconds.")


class MessageIn(Wire):
    """What a visitor says."""

    message: str = Field(min_length=1)
    client_id: str = Field(
        min_length=1,
        max_length=100,
        description="The sender's name for the message. The same again is answered with the same"
        " turn.",
    )


class SaidView(Wire):
    """A message of the visitor, and where its answer stands."""

    turn_id: str
    message: str
    response: str | None
    status: str
    created_at: str


class TrackIn(Wire):
    """What the visitor did."""

    event_type: Signal


class ConfigView(Wire):
    """What the browser is told of a widget. Texts are text."""

    name: str
    welcome_message: str
    placeholder: str
    theme: dict[str, Any]
    position: dict[str, Any]
    settings: dict[str, Any]
    language: str | None
    limits: dict[str, int]
