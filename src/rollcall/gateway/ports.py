# SPDX-License-Identifier: Apache-2.0
"""What the gateway needs from others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Instance:
    """One place where a service answers.

    Args:
        id: The same for as long as it is the same instance.
        host: Its host name or IP address.
        port: Its port.
        secure: Whether it speaks TLS.
        base: What its paths begin with, without a closing slash.
        own_name: Whether it is to be called by its own name; else it hears the one by which the
            gateway was called, as if it had been called directly.
    """

    id: str
    host: str
    port: int
    secure: bool = False
    base: str = ""
    own_name: bool = False

    @property
    def authority(self) -> str:
        """`host:port`, with brackets around an IPv6 address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Instances(Protocol):
    """The registry, as the gateway asks it.

    It is asked for every request, so an answer comes from memory; what changes is taken in behind.
    """

    async def find(self, service: str) -> Sequence[Instance]:
        """The instances of a service that may be called now, the healthy ones alone where there are
        any; empty: there are none.

        Callers' credentials are sent to them, guests excepted, so only what somebody registered who
        may answer for the platform belongs here, not whatever anybody gave that name. While the
        registry is away the last that was known is the answer.

        Args:
            service: Its name in the registry, exactly.

        Raises:
            Unavailable: Nothing is known, and the registry does not answer.
        """
        ...


class NoInstances:
    """`Instances` where there is no registry: what is not in this process is nowhere."""

    async def find(self, service: str) -> Sequence[Instance]:
        """See `Instances`."""
        return ()
