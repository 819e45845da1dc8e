# SPDX-License-Identifier: Apache-2.0
"""How the gateway's errors look over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rollcall.gateway.errors import (
    AnswerLate,
    AnswerLost,
    GatewayFull,
    HostileRequest,
    NoInstanceWorks,
    ServiceNotHere,
    Unreached,
)
from rollcall.web.problems import Kind

_SERVICE: Final = ("service", "problem")

PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    HostileRequest: Kind(
        400, "ambiguous-request", "Servers could read the request in two ways", close=True
    ),
    ServiceNotHere: Kind(503, "service-not-here", "The service does not run", _SERVICE, 30),
    NoInstanceWorks: Kind(
        503, "no-instance-works", "No instance of the service works", (*_SERVICE, "retry_after"), 1
    ),
    GatewayFull: Kind(503, "gateway-full", "Too many requests are under way", _SERVICE, 1),
    Unreached: Kind(502, "instance-unreached", "No instance takes a connection", _SERVICE, 1),
    AnswerLost: Kind(502, "answer-lost", "The connection to the service broke", _SERVICE),
    AnswerLate: Kind(504, "answer-late", "The service did not answer in time", _SERVICE),
}
