# SPDX-License-Identifier: Apache-2.0
"""Makes the clients of model providers. Importing it loads pydantic-ai, for about a second."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model
from pydantic_ai.providers import Provider, infer_provider, infer_provider_class

from rollcall.conversations.providers import COMPATIBLE, Chosen, missing_part
from rollcall.kernel.errors import InvalidInput

_OPENAI = "https://api.openai.com/v1"
_ANTHROPIC = "https://api.anthropic.com"
_OLLAMA = "http://127.0.0.1:11434/v1"
_NO_KEY = "none"
"""Sent where a server of one's own wants no key: the client insists on one."""


def build(provider: str, model: str, key: str | None, url: str | None) -> Chosen:
    """The model of a provider.

    Args:
        provider: Its name.
        model: The model's name there.
        key: Its key; None: none, or what the provider's client finds in the environment.
        url: Where it is; None: at its usual place.

    Raises:
        MissingExtra: Its client is not installed.
        InvalidInput: It is no provider, or it does not take the key or the place.
    """
    if url is not None and not _is_http(url):
        raise InvalidInput("model", f"{provider} must be at a URL of http or https")
    try:
        made = _model(provider, model, key, url)
    except ImportError as error:
        raise missing_part(provider, error.name) from error
    except (UserError, ValueError, TypeError) as error:
        if isinstance(error, InvalidInput):
            raise
        # What these errors say may quote what they were given, and so a key.
        raise InvalidInput(
            "model",
            f"{provider}:{model[:80]} cannot be used: is {provider} a provider, with a key?",
        ) from None
    return Chosen(f"{provider}:{model}", provider, made, free=provider == "ollama")


def ollama_url(url: str | None) -> str:
    """Where Ollama speaks the protocol of OpenAI, from where it is."""
    if url is None:
        return _OLLAMA
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + "/v1"


def _model(provider: str, model: str, key: str | None, url: str | None) -> Model:
    # An SDK is loaded for those who use it.
    match provider:
        case "openai":
            from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415

            return OpenAIChatModel(model, provider=_openai(key, url))
        case "openai-responses":
            from pydantic_ai.models.openai import OpenAIResponsesModel  # noqa: PLC0415

            return OpenAIResponsesModel(model, provider=_openai(key, url))
        case "openai-compatible":
            from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415
            from pydantic_ai.providers.openai_compatible import (  # noqa: PLC0415
                OpenAICompatibleProvider,
            )

            if url is None:
                raise InvalidInput("model", f"{COMPATIBLE}:{model} needs ROLLCALL_MODEL_URL")
            compatible = OpenAICompatibleProvider(COMPATIBLE, base_url=url, api_key=key or _NO_KEY)
            return OpenAIChatModel(model, provider=compatible)
        case "ollama":
            from pydantic_ai.models.ollama import OllamaModel  # noqa: PLC0415
            from pydantic_ai.providers.ollama import OllamaProvider  # noqa: PLC0415

            local = OllamaProvider(base_url=ollama_url(url), api_key=key or _NO_KEY)
            return OllamaModel(model, provider=local)
        case "anthropic":
            from pydantic_ai.models.anthropic import AnthropicModel  # noqa: PLC0415
            from pydantic_ai.providers.anthropic import AnthropicProvider  # noqa: PLC0415

            anthropic = AnthropicProvider(api_key=key, base_url=url or _ANTHROPIC)
            return AnthropicModel(model, provider=anthropic)
        case "google":
            from pydantic_ai.models.google import GoogleModel  # noqa: PLC0415
            from pydantic_ai.providers.google import GoogleProvider  # noqa: PLC0415

            google = GoogleProvider(api_key=key, base_url=url)
            return GoogleModel(model, provider=google)
        case _:
            return infer_model(f"{provider}:{model}", lambda name: _inferred(name, key, url))


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
