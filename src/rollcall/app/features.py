# SPDX-License-Identifier: Apache-2.0
"""The services that are more than a protocol over the registry: what each is made of."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any, Final

from rollcall.agents.repository import SqlAgentStore
from rollcall.agents.wizard.vocabulary import made_prompt
from rollcall.app.agent_records import AgentRecords
from rollcall.app.numbers import accounts_of
from rollcall.app.own import Registration, is_own
from rollcall.app.runnable import StoredDefinitions
from rollcall.app.session_memories import session_memories
from rollcall.app.settings import Settings, named
from rollcall.app.spending import AgentSpending
from rollcall.app.tool_keys import tool_keys
from rollcall.app.urls import web_url
from rollcall.backends.messages import message_index
from rollcall.backends.remote.directory import RemoteDirectory
from rollcall.backends.sql.redaction import EventRedaction
from rollcall.billing.budgets import Budgets
from rollcall.billing.repository import SqlBillingStore
from rollcall.conversations.directory import RegistryDirectory
from rollcall.conversations.loop import LoopSettings, ModelLoop
from rollcall.conversations.loop_terms import PROMPT
from rollcall.conversations.metrics import ConversationMetrics
from rollcall.conversations.models import Limits
from rollcall.conversations.module import BLANKS
from rollcall.conversations.module import module as conversations
from rollcall.conversations.options import ConversationOptions
from rollcall.conversations.ports import Directory
from rollcall.conversations.providers import Models, ModelSettings
from rollcall.conversations.repository import SqlTurnStore
from rollcall.conversations.service import ConversationService
from rollcall.conversations.spending import Budgeted
from rollcall.conversations.toolbox import RegistryToolbox
from rollcall.conversations.toolbox_metrics import ToolboxMetrics
from rollcall.conversations.toolbox_services import for_own
from rollcall.kernel.clock import Clock
from rollcall.memory.companion import Companion
from rollcall.registry.catalogue import open_encoder
from rollcall.tools.builtin import builtin_tools
from rollcall.tools.messages.module import module as message_search
from rollcall.tools.messages.service import MessageSearch
from rollcall.tools.module import module as tools
from rollcall.tools.scraper.scraper import Scraper
from rollcall.tools.scraper.settings import ScraperSettings
from rollcall.web.background import BackgroundTask
from rollcall.web.module import Module

if TYPE_CHECKING:
    from rollcall.app.compose import Platform

TOOLS: Final = Registration(
    "tools-service",
    "tool",
    "Rollcall's own tools: calculator, statistics, units, web pages, earlier messages",
    capabilities=("calculator", "statistics", "unit conversion", "web scraping", "message search"),
    tags=("tools", "mcp"),
    extra={"tools": "/tools", "mcp": "/mcp"},
)
AGENT: Final = Registration(
    "agent-service",
    "agent",
    "Answers in words, with the tools that the registry knows",
    capabilities=("conversation", "question answering with tools"),
    tags=("agent", "chat"),
)

HELP: Final = (
    "Set OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, OLLAMA_BASE_URL or ROLLCALL_MODEL to"
    " have a model answer."
)
"""How a model is set up, for those whom the offline planner has to disappoint."""


def tools_service(platform: Platform) -> Sequence[Module]:
    """The tools service (document 1)."""
    scraper = Scraper(scraper_settings(platform.settings), platform.clock)
    index = message_index(platform.database, platform.places.database)
    search = MessageSearch(index)
    return (
        tools(builtin_tools(scraper, search), lifespans=(lambda: scraper,)),
        message_search(search, index),
    )


def scraper_settings(settings: Settings) -> ScraperSettings:
    """What the scraper may read.

    Raises:
        InvalidInput: A host is none; the error names the variable.
    """
    hosts = (one.strip() for one in settings.scraper_hosts.split(","))
    with named({"allowed_hosts": "ROLLCALL_SCRAPER_HOSTS"}):
        return ScraperSettings(
            allowed_hosts=tuple(one for one in hosts if one),
            respect_robots=settings.scraper_robots,
        )


def keys_of_tools(settings: Settings) -> dict[str, str]:
    """The key for each tool service that wants one, by its address.

    Raises:
        InvalidInput: They cannot be read.
    """
    keys = settings.tool_keys
    return {} if keys is None else tool_keys(keys.get_secret_value())


def agent_service(platform: Platform) -> Sequence[Module]:
    """The agent service (document 1)."""
    settings, clock = platform.settings, platform.clock
    directory = _directory(platform)
    figures = ToolboxMetrics()
    toolbox = RegistryToolbox(
        directory,
        clock=clock,
        rng=Random(),
        observer=figures,
        keys=keys_of_tools(settings),
        credentials=for_own(platform.passes.issue),
    )
    models = Models(_models_of(settings), planner=lambda: _planner(clock))
    store = SqlAgentStore(platform.database)
    memories = platform.shared.memories if settings.memory else None
    loop = ModelLoop(
        toolbox,
        models,
        settings=LoopSettings(prompt=settings.instructions or PROMPT),
        clock=clock,
    )
    metrics = ConversationMetrics()
    budgets = Budgets(SqlBillingStore(platform.database), accounts_of(platform), platform.ids)
    service = ConversationService(
        SqlTurnStore(platform.database, EventRedaction(BLANKS)),
        Budgeted(loop, AgentSpending(budgets)),
        clock,
        platform.ids,
        ConversationOptions(
            limits=Limits(
                steps=settings.turn_steps,
                tool_calls=settings.turn_tool_calls,
                tokens=settings.turn_tokens,
                seconds=settings.turn_seconds,
                cost=settings.turn_cost,
                tool_seconds=settings.tool_seconds,
            ),
            at_once=settings.turns_at_once,
            shared=platform.places.database.startswith("postgresql:"),
        ),
        (metrics,),
        definitions=StoredDefinitions(
            store,
            models.reaches,
            lambda content: made_prompt(content, platform.shared.shelf.library),
        ),
        memories=None if memories is None else Companion(memories),
    )
    if platform.registry_url is None:
        platform.companions.append(
            AgentRecords(
                store, platform.database, platform.registry, clock, platform.passes, AGENT.name
            )
        )

    @asynccontextmanager
    async def lifespan() -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(directory.close)
            stack.push_async_callback(loop.aclose)
            stack.push_async_callback(toolbox.close)
            yield

    return (
        conversations(
            service,
            loop,
            toolbox,
            clock=clock,
            ids=platform.ids,
            drain=platform.drain,
            collectors=(metrics, figures),
            tasks=(BackgroundTask("warm model", loop.warm),),
            lifespans=(lifespan,),
        ),
        *(() if memories is None else (session_memories(memories),)),
    )


def _directory(platform: Platform) -> Directory:
    """The tool services of the registry in this process, or of the one that the settings name."""
    url = platform.registry_url
    if url is None:
        return RegistryDirectory(platform.registry, lambda record: is_own(record, platform.passes))
    return RemoteDirectory(url, clock=platform.clock, rng=Random())


def reached(settings: Settings) -> Models:
    """The models that the settings of a process reach, without the offline planner.

    Raises:
        InvalidInput: One in the settings has no name, or no place, that makes sense.
    """
    return Models(_models_of(settings))


def _models_of(settings: Settings) -> ModelSettings:
    key = settings.model_key
    ours = {
        "ROLLCALL_MODEL": settings.model,
        "ROLLCALL_MODEL_URL": settings.model_url,
        "ROLLCALL_MODEL_KEY": None if key is None else key.get_secret_value(),
        "ROLLCALL_MODEL_FALLBACK": settings.model_fallback,
    }
    given = {**settings.variables(), **{name: value for name, value in ours.items() if value}}
    for name, value in given.items():
        if name.endswith("_URL"):
            web_url(name, value, "http://localhost:11434/v1")
    return ModelSettings.from_environment(given)


def _planner(clock: Clock) -> Any:
    # pydantic-ai takes a second to load, and is not needed before the first message.
    from rollcall.conversations.planner.model import OfflinePlanner  # noqa: PLC0415

    return OfflinePlanner(open_encoder, HELP, clock)
