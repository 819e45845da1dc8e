# SPDX-License-Identifier: Apache-2.0
"""How patient the gateway is, and how much it takes."""

from __future__ import annotations

from dataclasses import dataclass

from rollcall.policies import checks
from rollcall.web.proxies import Networks


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Numbers of the gateway.

    Args:
        connect_seconds: For a connection to an instance.
        answer_seconds: From the last of the request to the first of the answer; a model that is
            asked for more than text in pieces takes its time.
        idle_seconds: Without a byte in either direction.
        body_bytes: The longest request body. Services have limits of their own.
        attempts: Instances that are asked for one request, where it may be asked again.
        doors: Instances that are tried for one request, those that take no connection included:
            after a crash some stay registered until their leases end.
        connections: To all instances together, at the same time.
        broken_after: Failures in a row after which an instance is not asked for a while.
        broken_seconds: That while.
        away_seconds: For how long an instance that took no connection is the last choice.
        message_bytes: The longest WebSocket message.
        trusted_proxies: Networks of proxies in front of the gateway whose `Forwarded` and
            `X-Forwarded-*` count.

    Raises:
        InvalidInput: A number is out of its range.
    """

    connect_seconds: float = 2.0
    answer_seconds: float = 150.0
    idle_seconds: float = 120.0
    body_bytes: int = 128 << 20
    attempts: int = 3
    doors: int = 10
    connections: int = 1000
    broken_after: int = 5
    broken_seconds: float = 10.0
    away_seconds: float = 2.0
    message_bytes: int = 1 << 20
    trusted_proxies: Networks = ()

    def __post_init__(self) -> None:
        for name in (
            "connect_seconds",
            "answer_seconds",
            "idle_seconds",
            "broken_seconds",
            "away_seconds",
        ):
            checks.positive(name, getattr(self, name))
        for name in (
            "body_bytes",
            "attempts",
            "doors",
            "connections",
            "broken_after",
            "message_bytes",
        ):
            checks.whole(name, getattr(self, name), 1)
