# SPDX-License-Identifier: Apache-2.0
"""What a request through the gateway can end in, other than the service's own answer."""

from __future__ import annotations

from rollcall.kernel.errors import InvalidInput, RollcallError, Unavailable


class HostileRequest(InvalidInput):
    """A request that two servers could read in two ways."""


class GatewayError(RollcallError):
    """A request could not be passed on, or there is no answer to it.

    Args:
        service: The service that it was for.
        problem: What happened, without addresses: callers may see it.
    """

    def __init__(self, service: str, problem: str) -> None:
        super().__init__(f"{service}: {problem}")
        self.service = service
        self.problem = problem


class ServiceNotHere(GatewayError):
    """The gateway knows the path, and nothing that would answer it runs anywhere."""

    def __init__(self, service: str) -> None:
        super().__init__(
            service, "it runs neither in this process nor anywhere that the registry knows"
        )


class NoInstanceWorks(GatewayError, Unavailable):
    """Every instance failed so often of late that none is asked for a while.

    Args:
        service: The service.
        retry_after: Seconds until one is tried again.
    """

    def __init__(self, service: str, retry_after: float) -> None:
        super().__init__(service, "none of its instances works at the moment")
        self.retry_after = retry_after


class GatewayFull(GatewayError, Unavailable):
    """The gateway has as many connections as it may have; the request was not sent."""


class Unreached(GatewayError):
    """No instance took a connection; the request was not sent."""


class AnswerLost(GatewayError):
    """The request was sent, and the connection broke before the answer was there, or all of it."""


class AnswerLate(GatewayError, TimeoutError):
    """The request was sent, and nothing came for too long."""
