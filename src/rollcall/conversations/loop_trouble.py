# SPDX-License-Identifier: Apache-2.0
"""What a provider's error means: whether it helps to ask again, and what people are told."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelServerError,
    ModelUnavailableError,
    UnexpectedModelBehavior,
    UserError,
)

from rollcall.conversations.loop_terms import Trouble

_log = logging.getLogger(__name__)

_LONGEST: Final = 300
"""Characters of a provider's own words that are passed on."""
_LATER: Final = frozenset({408, 409, 425, 429})
_KEYS: Final = re.compile(
    r"(?i)\bbearer\s+\S+|\b(?:sk|pk|rk|key|AIza)[-_]?[\w*.\-]{8,}|[\w\-]{32,}|\S*\*{3,}\S*"
)
"""What looks like a key, or like one that was made unreadable in part."""


def understood(error: Exception, name: str, secrets: Sequence[str] = ()) -> Trouble:
    """What an error of a request to the model `name` means.

    Args:
        error: Whatever came out of the SDK.
        name: `provider:model`.
        secrets: What must not be in the text.
    """
    kind = _kind(error)
    status = f" (HTTP {error.status_code})" if isinstance(error, ModelHTTPError) else ""
    if kind is Trouble.Kind.AGAIN:
        after = error.retry_after if isinstance(error, ModelAPIError) else None
        return Trouble(kind, f"the model {name} does not answer now{status}", after)
    if kind is Trouble.Kind.ELSEWHERE:
        return Trouble(kind, f"the account at the provider of {name} is used up{status}")
    if kind is Trouble.Kind.NONSENSE:
        _log.warning("the model %s answered what cannot be read: %s", name, type(error).__name__)
        return Trouble(kind, f"what answers for the model {name} cannot be read")
    return Trouble(kind, _refusal(error, name, status, secrets))


def scrubbed(words: str, secrets: Sequence[str] = ()) -> str:
    """`words` on one line, short, and without what is or looks like a key."""
    for secret in secrets:
        words = words.replace(secret, "…")
    words = _KEYS.sub("…", " ".join(words.split()))
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _kind(error: Exception) -> Trouble.Kind:
    match error:
        case ModelQuotaExceededError():
            return Trouble.Kind.ELSEWHERE
        case (
            ModelRateLimitError()
            | ModelUnavailableError()
            | ModelServerError()
            | ModelConnectionError()
        ):
            return Trouble.Kind.AGAIN
        case ModelRequestRejectedError() | UserError():
            return Trouble.Kind.NOTHING
        case ModelHTTPError(status_code=status):
            later = status in _LATER or status >= 500
            return Trouble.Kind.AGAIN if later else Trouble.Kind.NOTHING
        case OSError():
            return Trouble.Kind.AGAIN
        case UnexpectedModelBehavior() | ModelAPIError():
            return Trouble.Kind.NONSENSE
        case _:
            # Transport errors of a client library that let them through, and what an SDK trips over
            # when an answer is none of its protocol.
            transport = any(one.__name__ == "TransportError" for one in type(error).__mro__)
            return Trouble.Kind.AGAIN if transport else Trouble.Kind.NONSENSE


def _refusal(error: Exception, name: str, status: str, secrets: Sequence[str]) -> str:
    provider, _, model = name.partition(":")
    if isinstance(error, ModelAuthenticationError):
        # Providers quote the key that they do not like.
        return f"{provider} does not accept the key{status}, or does not let it use {model}"
    if isinstance(error, ModelNotFoundError):
        return f"{provider} has no model {model}{status}"
    if isinstance(error, ModelContextWindowExceededError):
        return f"the conversation is too long for {name}{status}"
    words = _message(error.body) if isinstance(error, ModelAPIError) else ""
    said = scrubbed(words, secrets)
    return f"{provider} does not take the request{status}" + (f": {said}" if said else "")


def _message(body: Any) -> str:
    """What a body of an error says to people."""
    if not isinstance(body, Mapping):
        return ""
    fields = cast("Mapping[str, Any]", body)
    inner = fields.get("error")
    if isinstance(inner, Mapping):
        return _message(inner)
    said = fields.get("message")
    return said if isinstance(said, str) else ""
