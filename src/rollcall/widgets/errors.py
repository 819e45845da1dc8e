# SPDX-License-Identifier: Apache-2.0
"""The errors of widgets. What visitors may see of them says nothing of the inside."""

from __future__ import annotations

from rollcall.kernel.errors import RollcallError, Unavailable


class WidgetNotFound(RollcallError, LookupError):
    """There is no widget of this id, or of this public key."""

    def __init__(self, widget: str) -> None:
        super().__init__(f"there is no widget {widget!r}")
        self.widget = widget


class WidgetKeyReused(RollcallError):
    """The idempotency key stands for another widget."""

    def __init__(self, key: str, widget_id: str) -> None:
        super().__init__(f"the idempotency key {key!r} was used for another widget, {widget_id}")
        self.widget_id = widget_id


class OriginNotAllowed(RollcallError):
    """The page may not embed the widget."""

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"the widget may not be used on pages of {origin}: its owner can allow that"
        )
        self.origin = origin


class WidgetPaused(RollcallError):
    """The widget does not answer now: somebody stopped it, or its agent."""

    def __init__(self) -> None:
        super().__init__("the widget is paused")


class VisitorTokenRefused(RollcallError):
    """The visitor's token is missing, too old, or for another page; a new one can be had."""


class TurnNotFound(RollcallError, LookupError):
    """The visitor has no such turn."""

    def __init__(self, turn_id: str) -> None:
        super().__init__(f"there is no message {turn_id!r}")
        self.turn_id = turn_id


class DayUsedUp(RollcallError):
    """The widget has answered as many messages today as it may.

    Args:
        retry_after: Seconds to the next day (UTC).
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__("the widget takes no more messages today")
        self.retry_after = retry_after


class AnswerUnavailable(Unavailable):
    """The agent cannot be asked now.

    Args:
        retry_after: Seconds after which it may be worth it.
    """

    def __init__(self, retry_after: float = 5) -> None:
        super().__init__("the agent does not answer now")
        self.retry_after = retry_after


class MessageRefused(RollcallError):
    """The agent service does not take what it was sent.

    Args:
        status: The HTTP status of its answer.
        kind: The end of its problem's type.
        retry_after: Seconds after which it may be sent again; None: it does not say.
    """

    def __init__(self, status: int, kind: str, retry_after: float | None = None) -> None:
        super().__init__(f"refused with {status} ({kind})")
        self.status = status
        self.kind = kind
        self.retry_after = retry_after
