# SPDX-License-Identifier: Apache-2.0
"""Sockets that are bound before anything else is begun, and the application behind each."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from rollcall.kernel.errors import RollcallError


class CannotListen(RollcallError):
    """An address cannot be listened on."""

    def __init__(self, host: str, port: int, variable: str, reason: str, advice: str) -> None:
        super().__init__(f"cannot listen on {host}, port {port} ({variable}): {reason}; {advice}")
        self.port = port


def bound(host: str, port: int, variable: str) -> socket.socket:
    """A socket that is bound, and not listening yet.

    Args:
        host: A name or an address of this machine.
        port: 0: any that is free.
        variable: The setting that the port comes from, for the error.

    Raises:
        CannotListen: The port is taken or not ours to take, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        advice = "set ROLLCALL_HOST to an address of this machine"
        raise CannotListen(host, port, variable, str(error.strerror), advice) from None
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        made.bind(address)
        # Another server that is bound to the port is found out only here.
        made.listen(2048)
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRINUSE:
            reason = "another program listens there"
            advice = f"stop that one, or set {variable} to a free port"
        else:
            reason = error.strerror or str(error)
            advice = f"set ROLLCALL_HOST or {variable} to what this user may listen on"
        raise CannotListen(host, port, variable, reason, advice) from None
    return made


class ByPort:
    """One application for each port that a request may have come in by."""

    def __init__(self, apps: Mapping[int, ASGIApp]) -> None:
        self._apps = dict(apps)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._apps[scope["server"][1]](scope, receive, send)
