# SPDX-License-Identifier: Apache-2.0
"""Which models there are: from names and keys in the settings to something that can be asked.

A model is named `provider:model`, such as `openai:gpt-6-luna`. Nothing here imports an SDK before
the first model is asked for: that takes a second.
"""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from rollcall.kernel.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.providers import Provider

OFFLINE: Final = "offline-planner"
"""The name of the planner that answers where no model is set up."""

COMPATIBLE: Final = "openai-compatible"
"""The provider of a server that speaks the chat protocol of OpenAI and is none of the others."""

DEFAULTS: Final[Mapping[str, str]] = {
    "openai": "gpt-6-luna",
    "anthropic": "claude-haiku-5-5",
    "google": "gemini-3.8-flash",
    "ollama": "llama3.2",
}
"""The model of each provider where a key is all that the settings have."""

_KEYS: Final = (
    ("OPENAI_API_KEY", "openai"),
    ("ANTHROPIC_API_KEY", "anthropic"),
    ("GEMINI_API_KEY", "google"),
    # The later one wins, as it does in the provider's own client.
    ("GOOGLE_API_KEY", "google"),
    ("OLLAMA_API_KEY", "ollama"),
)
_URLS: Final = (
    ("OPENAI_BASE_URL", "openai"),
    ("ANTHROPIC_BASE_URL", "anthropic"),
    ("OLLAMA_BASE_URL", "ollama"),
)
_ALIASES: Final[Mapping[str, str]] = {
    "gemini": "google",
    "google-gla": "google",
    "openai-chat": "openai",
}
_PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "anthropic": ("anthropic", "anthropic"),
    "google": ("google.genai", "google"),
}
"""Of a provider: the module of its client, and the extra that installs it."""
_MODELS_KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How models are reached. No part of it that may hold a secret is in its repr.

    Args:
        model: The model taken by default, `provider:model` (`ROLLCALL_MODEL`); a plain name is one
            at `url`. None: the default one of the first provider that there is a key for.
        url: Where the provider of `model` is, if not at its usual place (`ROLLCALL_MODEL_URL`).
        key: Its key, if not the usual one (`ROLLCALL_MODEL_KEY`).
        fallback: Models asked, in this order, when the default one does not answer
            (`ROLLCALL_MODEL_FALLBACK`, separated by commas).
        keys: A key for each provider that has one.
        urls: Where a provider is, for those that are not at their usual place.
    """

    model: str | None = None
    url: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    fallback: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    urls: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """The settings that environment variables say. An empty one says nothing."""

        def said(name: str) -> str | None:
            return variables.get(name, "").strip() or None

        fallback = (one.strip() for one in variables.get("ROLLCALL_MODEL_FALLBACK", "").split(","))
        return cls(
            model=said("ROLLCALL_MODEL"),
            url=said("ROLLCALL_MODEL_URL"),
            key=said("ROLLCALL_MODEL_KEY"),
            fallback=tuple(one for one in fallback if one),
            keys={provider: key for name, provider in _KEYS if (key := said(name))},
            urls={provider: url for name, provider in _URLS if (url := said(name))},
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return tuple(one for one in (self.key, *self.keys.values()) if one)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model that can be asked.

    Args:
        name: `provider:model`.
        provider: Whose it is.
        model: What is asked.
        free: Whether asking it costs nothing: it runs here, or on a machine of one's own.
        offline: Whether it is the planner, and no model at all.
    """

    name: str
    provider: str
    model: Model
    free: bool = False
    offline: bool = False


class Models:
    """The models that can be reached by the settings.

    Args:
        settings: How.
        planner: Makes what answers where no model is set up; None: nothing does.

    Raises:
        InvalidInput: A model in the settings has no name that makes sense.
    """

    def __init__(
        self, settings: ModelSettings, *, planner: Callable[[], Model] | None = None
    ) -> None:
        self._settings = settings
        self._planner = planner
        self._default = settings.model and self._full(settings.model, "ROLLCALL_MODEL")
        self._fallback = tuple(
            self._full(one, "ROLLCALL_MODEL_FALLBACK") for one in settings.fallback
        )
        self._names = tuple(dict.fromkeys(self._reachable()))
        self._built: dict[str, Chosen] = {}
        self._clients: dict[str, Provider[Any]] = {}
        self._building = threading.Lock()
        self._warm = False
        self._held = AsyncExitStack()
        self._kept: set[str] = set()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return self._settings.secrets

    def names(self) -> tuple[str, ...]:
        """The models that the settings name, the one taken by default first."""
        return self._names

    def has_key(self, name: str) -> bool:
        """Whether the settings have a key for a model out of `names`."""
        return self._key(name.partition(":")[0]) is not None

    def url(self, name: str) -> str | None:
        """Where a model out of `names` is; None: at the usual place of its provider."""
        return self._url(name.partition(":")[0])

    def installed(self, name: str) -> bool:
        """Whether the client for a model out of `names` is installed."""
        return _installed(name.partition(":")[0])

    def chain(self, asked: str | None) -> tuple[str, ...]:
        """The models to ask, each where the ones before it do not answer.

        Args:
            asked: `provider:model`, of a provider that the settings reach; the model alone will do
                for one of `names`. None: the default one, and then its fallbacks.

        Raises:
            InvalidInput: It cannot be reached, or there is no model at all.
        """
        if not self._names:
            raise InvalidInput("model", "there is none: set ROLLCALL_MODEL, or a provider's key")
        default = self._names[0]
        if asked is None:
            return tuple(dict.fromkeys((default, *self._fallback)))
        for name in self._names:
            if asked in {name, name.partition(":")[2]}:
                return self.chain(None) if name == default else (name,)
        provider, found, model = asked.partition(":")
        provider = _ALIASES.get(provider, provider)
        known = {name.partition(":")[0] for name in self._names} - {OFFLINE}
        if found and model and provider in known:
            return (f"{provider}:{model}",)
        there = ", ".join(self._names)
        raise InvalidInput("model", f"{asked[:80]!r} cannot be reached here; there is {there}")

    def reaches(self, asked: str) -> bool:
        """Whether a model may be asked for by this name."""
        try:
            self.chain(asked)
        except InvalidInput:
            return False
        return True

    async def open(self, name: str) -> Chosen:
        """The model of a name out of `chain`. Imports what it needs in a worker thread.

        Raises:
            MissingExtra: Its client is not installed.
            InvalidInput: Its provider does not take the settings, or is none.
        """
        chosen = self._built.get(name) or await asyncio.to_thread(self._build, name)
        # What anybody may ask for by name is not kept: there is no end to names.
        if self._warm and name in self._names and name not in self._kept:
            self._kept.add(name)
            await self._held.enter_async_context(chosen.model)
        return chosen

    async def warm(self) -> None:
        """Import what the default model needs. From now on the connections of the models in the
        settings are kept open, until `aclose`.

        Raises:
            MissingExtra, InvalidInput: As `open`.
        """
        self._warm = True
        if self._names:
            await self.open(self._names[0])

    async def aclose(self) -> None:
        """Close what was kept open."""
        self._warm = False
        self._kept.clear()
        await self._held.aclose()

    def _reachable(self) -> Iterator[str]:
        if self._default:
            yield self._default
        yield from self._fallback
        for provider, model in DEFAULTS.items():
            # The key of OpenAI may be left out where another server takes its place.
            reached = provider in self._settings.keys or provider in self._settings.urls
            if reached and _installed(provider):
                yield f"{provider}:{model}"
        if self._planner is not None:
            yield OFFLINE

    def _full(self, text: str, field: str) -> str:
        """`provider:model` of what somebody wrote into the settings."""
        if text == OFFLINE:
            return text
        provider, _, model = text.partition(":")
        provider = _ALIASES.get(provider, provider)
        own = provider in DEFAULTS or provider in {COMPATIBLE, "openai-responses"}
        # Names of local models have colons of their own, such as `qwen3:8b`.
        if self._settings.url and not own:
            return f"{COMPATIBLE}:{text}"
        if not model:
            raise InvalidInput(field, f"must be provider:model, such as openai:gpt, not {text!r}")
        return f"{provider}:{model}"

    def _build(self, name: str) -> Chosen:
        with self._building:
            made = self._built.get(name) or self._made(name)
            if len(self._built) >= _MODELS_KEPT:
                self._built = {one: self._built[one] for one in self._names if one in self._built}
            self._built[name] = made
            return made

    def _made(self, name: str) -> Chosen:
        if name == OFFLINE:
            if self._planner is None:
                raise InvalidInput("model", f"there is no {OFFLINE} here")
            return Chosen(OFFLINE, OFFLINE, self._planner(), free=True, offline=True)
        provider = name.partition(":")[0]
        try:
            from rollcall.conversations.providers_build import build, connect  # noqa: PLC0415
        except ImportError as error:
            raise missing_part(provider, error.name) from error
        if provider not in self._clients:
            self._clients[provider] = connect(provider, self._key(provider), self._url(provider))
        return build(name, self._clients[provider])

    def _key(self, provider: str) -> str | None:
        own = self._settings.key if self._is_default(provider) else None
        return own or self._settings.keys.get(_base(provider))

    def _url(self, provider: str) -> str | None:
        own = self._settings.url if self._is_default(provider) else None
        return own or self._settings.urls.get(_base(provider))

    def _is_default(self, provider: str) -> bool:
        return provider == (self._default or "").partition(":")[0] or provider == COMPATIBLE


def missing_part(provider: str, module: str | None = None) -> MissingExtra:
    """The error for a provider whose client is not installed."""
    extra = _PARTS.get(provider, ("", "server"))[1]
    return MissingExtra(f"a model of {provider}" + (f" ({module})" if module else ""), extra)


def _base(provider: str) -> str:
    return "openai" if provider == "openai-responses" else provider


def _installed(provider: str) -> bool:
    client = _PARTS.get(provider, ("openai", ""))[0]
    try:
        return all(importlib.util.find_spec(module) for module in ("pydantic_ai", client))
    except ModuleNotFoundError:
        return False
