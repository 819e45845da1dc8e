# SPDX-License-Identifier: Apache-2.0
"""How the service is called by whoever asks it."""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request

from rollcall.kernel.errors import InvalidInput
from rollcall.web.proxies import Networks, peer, trusts
from rollcall.widgets.appearance import origin_of

_BASE: Final = re.compile(
    r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?"
)
_HOST: Final = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")


class Addresses:
    """What embed codes point to, and which pages are the service's own.

    Args:
        base: What was set up; None: the address by which the caller reached us.
        trusted: Proxies whose word on that counts.

    Raises:
        InvalidInput: `base` is no URL of a host and a path.
    """

    def __init__(self, base: str | None, trusted: Networks) -> None:
        if base is not None and not _BASE.fullmatch(base):
            raise InvalidInput(
                "ROLLCALL_WIDGET_BASE_URL", "must be a URL such as https://agents.example.com"
            )
        self._base = None if base is None else base.rstrip("/")
        self._trusted = trusted

    def base(self, request: Request) -> str:
        """The service's address as pages reach it, without a closing slash.

        Raises:
            InvalidInput: None was set up, and the request's `Host` is none.
        """
        if self._base is not None:
            return self._base
        scheme, host = self._reached(request)
        if not _HOST.fullmatch(host):
            raise InvalidInput("Host", "must be the name by which pages reach this service")
        return f"{scheme}://{host}"

    def own(self, request: Request) -> frozenset[str]:
        """The origins of the service's own pages."""
        host = self._reached(request)[1]
        mine = {f"http://{host}", f"https://{host}"} if host else set[str]()
        if self._base is not None:
            mine.add(origin_of(self._base))
        return frozenset(mine)

    def _reached(self, request: Request) -> tuple[str, str]:
        """Scheme and host, as the caller has them."""
        headers: Headers = request.headers
        scheme, host = request.scope["scheme"], headers.get("host", "")
        if trusts(peer(request.scope), self._trusted):
            scheme = headers.get("x-forwarded-proto", scheme)
            host = headers.get("x-forwarded-host", host)
        return ("https" if scheme == "https" else "http"), host.lower()
