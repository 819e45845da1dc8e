# SPDX-License-Identifier: Apache-2.0
"""The agent wizard: what it is made of."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from rollcall.agents.module import module as definitions
from rollcall.agents.wizard.errors import TalkRefused
from rollcall.agents.wizard.models import Reach, TalkEvent
from rollcall.agents.wizard.module import module as wizard
from rollcall.agents.wizard.ports import AgentServiceAway
from rollcall.agents.wizard.service import WizardService
from rollcall.app.features import reached
from rollcall.app.gateway import instances_of, urls_of
from rollcall.app.own import Registration
from rollcall.app.service_calls import Refused, ServiceCalls
from rollcall.conversations.models import DEFAULT_AGENT
from rollcall.conversations.providers import COMPATIBLE, OFFLINE, Models, missing_part
from rollcall.dashboard.ports import NotAnswered
from rollcall.kernel.caller import Caller
from rollcall.web.module import Module

if TYPE_CHECKING:
    from rollcall.app.compose import Platform

WIZARD: Final = Registration(
    "agent-wizard",
    "api",
    "Agents for a business, out of a library of trades",
    capabilities=("agent creation", "system prompts", "deployment checks", "test chat"),
    tags=("wizard",),
)
_AGENT: Final = "agent"
_PROCESS: Final = "/api/v1/process"
_VARIABLES: Final[Mapping[str, str]] = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "google": "GEMINI_API_KEY",
    "ollama": "OLLAMA_BASE_URL",
    COMPATIBLE: "ROLLCALL_MODEL_URL with ROLLCALL_MODEL",
}
"""By provider, what reaches its models."""


class SettingsModels:
    """`ReachableModels` by the settings of a process.

    Args:
        models: What they reach.
    """

    def __init__(self, models: Models) -> None:
        self._models = models

    def reach(self, model: str | None) -> Reach:
        """See `ReachableModels`."""
        named = [name for name in self._models.names() if name != OFFLINE]
        if model is None:
            some = ", ".join(_VARIABLES.values())
            return Reach(True) if named else Reach(False, f"one of {some}")
        provider = model.partition(":")[0]
        if named and self._models.reaches(model):
            name = self._models.chain(model)[0]
            return Reach(True) if self._models.installed(name) else _part(name.partition(":")[0])
        if self._models.has_key(model) and not self._models.installed(model):
            return _part(provider)
        return Reach(False, _VARIABLES.get(provider, f"ROLLCALL_MODEL={model}"))


def _part(provider: str) -> Reach:
    return Reach(False, f"the optional part rollcall-ai[{missing_part(provider).extra}]")


class AgentTalk:
    """`Talk` with the agent service of this installation, wherever it runs.

    Args:
        calls: Asks it.
    """

    def __init__(self, calls: ServiceCalls) -> None:
        self._calls = calls

    async def events(
        self, caller: Caller, message: Mapping[str, Any], key: str | None
    ) -> AsyncGenerator[TalkEvent]:
        """See `Talk`."""
        answer = self._calls.events(caller, _AGENT, _PROCESS, message, key=key)
        try:
            async with aclosing(answer):
                async for one in answer:
                    yield TalkEvent(one.event, one.data, one.id)
        except Refused as error:
            said = error.said
            problem: dict[str, Any] = {"type": "about:blank", "status": said.status}
            if isinstance(said.body, dict):
                problem |= cast("dict[str, Any]", said.body)
            raise TalkRefused(said.status, problem, error.retry_after) from None
        except NotAnswered as error:
            raise AgentServiceAway(error.problem) from error


def wizard_service(platform: Platform) -> Sequence[Module]:
    """The agent wizard (document 4).

    Raises:
        InvalidInput: A setting makes no sense.
    """
    clock, shared = platform.clock, platform.shared
    instances = instances_of(platform)
    calls = ServiceCalls(instances, platform.apps, urls_of(platform), platform.passes, clock)
    models = reached(platform.settings)
    service = WizardService(
        shared.agents,
        shared.capabilities,
        shared.shelf,
        SettingsModels(models),
        AgentTalk(calls),
        clock,
        platform.ids,
        reserved=(DEFAULT_AGENT,),
    )
    platform.parts.register("wizard_service", service)

    @asynccontextmanager
    async def asking() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            calls.close()
            await instances.close()

    return (
        definitions(),
        wizard(clock, platform.drain),
        Module(name="talking", lifespans=(asking,)),
    )
