# SPDX-License-Identifier: Apache-2.0
"""Makes the clients of model providers. Importing it loads pydantic-ai, for about a second."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import infer_model
from pydantic_ai.providers import Provider, infer_provider, infer_provider_class

from rollcall.conversations.providers import COMPATIBLE, Chosen, missing_part
from rollcall.kernel.errors import InvalidInput

_OPENAI = "https://api.openai.com/v1"
_ANTHROPIC = "https://api.anthropic.com"
_OLLAMA = "http://127.0.0.1:11434/v1"
_KINDS = {"openai": "openai-chat", COMPATIBLE: "openai-chat"}
"""Of a provider: how pydantic-ai calls its kind of model. Every server of that protocol knows chat
completions; whoever wants the newer one of OpenAI says `openai-responses`."""
_NO_KEY = "none"
"""Sent where a server of one's own wants no key: the client insists on one."""


def connect(provider: str, key: str | None, url: str | None) -> Provider[Any]:
    """The client of a provider, which all its models share.

    Args:
        provider: Its name.
        key: Its key; None: none, or what the provider's client finds in the environment.
        url: Where it is; None: at its usual place.

    Raises:
        MissingExtra: Its client is not installed.
        InvalidInput: It is no provider, or it does not take the key or the place.
    """
    if url is not None and not _is_http(url):
        raise InvalidInput("model", f"{provider} must be at a URL of http or https")
    try:
        return _client(provider, key, url)
    except ImportError as error:
        raise missing_part(provider, error.name) from error
    except InvalidInput:
        raise
    except (UserError, ValueError, TypeError):
        # What these errors say may quote what they were given, and so a key.
        problem = f"{provider} cannot be used: is it a provider, and is there a key?"
        raise InvalidInput("model", problem) from None


def build(name: str, client: Provider[Any]) -> Chosen:
    """The model of a name, `provider:model`.

    Raises:
        InvalidInput: The provider has no such kind of model.
    """
    provider, _, model = name.partition(":")
    kind = _KINDS.get(provider, provider)
    try:
        made = infer_model(f"{kind}:{model}", lambda _: client)
    except ImportError as error:
        raise missing_part(provider, error.name) from error
    except UserError as error:
        raise InvalidInput("model", f"{name[:80]} is none: {error}") from error
    return Chosen(name, provider, made, free=provider == "ollama")


def ollama_url(url: str | None) -> str:
    """Where Ollama speaks the protocol of OpenAI, from where it is."""
    if url is None:
        return _OLLAMA
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + "/v1"


def _client(provider: str, key: str | None, url: str | None) -> Provider[Any]:
    # An SDK is loaded for those who use it.
    match provider:
        case "openai" | "openai-responses":
            return _openai(key, url)
        case "openai-compatible":
            from pydantic_ai.providers.openai_compatible import (  # noqa: PLC0415
                OpenAICompatibleProvider,
            )

            if url is None:
                raise InvalidInput("model", f"{COMPATIBLE} needs ROLLCALL_MODEL_URL")
            return OpenAICompatibleProvider(COMPATIBLE, base_url=url, api_key=key or _NO_KEY)
        case "ollama":
            from pydantic_ai.providers.ollama import OllamaProvider  # noqa: PLC0415

            return OllamaProvider(base_url=ollama_url(url), api_key=key or _NO_KEY)
        case "anthropic":
            from pydantic_ai.providers.anthropic import AnthropicProvider  # noqa: PLC0415

            return AnthropicProvider(api_key=key, base_url=url or _ANTHROPIC)
        case "google":
            from pydantic_ai.providers.google import GoogleProvider  # noqa: PLC0415

            return GoogleProvider(api_key=key, base_url=url)
        case _:
            return _inferred(provider, key, url)


def _openai(key: str | None, url: str | None) -> Provider[Any]:
    from pydantic_ai.providers.openai import OpenAIProvider  # noqa: PLC0415

    if key is None and url is None:
        raise InvalidInput("model", "openai needs OPENAI_API_KEY")
    return OpenAIProvider(base_url=url or _OPENAI, api_key=key or _NO_KEY)


def _inferred(name: str, key: str | None, url: str | None) -> Provider[Any]:
    if key is None and url is None:
        return infer_provider(name)
    given = {"api_key": key, "base_url": url}
    return infer_provider_class(name)(**{word: one for word, one in given.items() if one})


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
