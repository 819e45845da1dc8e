# SPDX-License-Identifier: Apache-2.0
"""URLs of others in settings."""

from __future__ import annotations

from urllib.parse import urlsplit

from rollcall.kernel.errors import InvalidInput


def web_url(variable: str, text: str, example: str) -> str:
    """The URL that a variable holds. The error does not repeat it: it may hold a secret.

    Raises:
        InvalidInput: It is no `http` or `https` URL of a host.
    """
    try:
        parts = urlsplit(text)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or not text.isprintable() or " " in text:
        raise InvalidInput(variable, f"must be a URL such as {example}")
    return text
