# SPDX-License-Identifier: Apache-2.0
"""What keeps an agent from its work, and how to mend it: pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from rollcall.agents.instructions import instructions_of
from rollcall.agents.lifecycle import may_move
from rollcall.agents.models import Content, Status
from rollcall.agents.prompts import variables_in
from rollcall.agents.wizard.models import Issue, Library, Reach
from rollcall.agents.wizard.vocabulary import made_prompt, unknown
from rollcall.kernel.errors import InvalidInput

Reaches = Callable[[str | None], Reach]
"""`ReachableModels.reach`."""

_BUSINESS = {
    "business_name": "give the name of the business, 2 to 100 characters",
    "business_description": "say what the business does, in 10 to 500 characters",
    "business_domain": "give the address of its site, as in https://example.com",
    "industry": "choose one of GET /api/industries",
    "interface_type": "choose one of GET /api/interfaces",
}


def issues_of(
    content: Content,
    status: Status,
    library: Library,
    reaches: Reaches,
    capabilities: Collection[str],
) -> tuple[Issue, ...]:
    """Everything that keeps an agent from its work; empty: nothing does.

    Args:
        content: What its definition says.
        status: Where it stands in its life.
        library: What may be chosen.
        reaches: Which models can be asked.
        capabilities: Those of its capabilities that are there, by id.
    """
    return (
        *_business(content, library),
        *_model(content, library, reaches),
        *_prompt(content, library),
        *_capabilities(content, capabilities),
        *_status(status),
    )


def _business(content: Content, library: Library) -> Iterator[Issue]:
    for field, how in _BUSINESS.items():
        value: str | None = getattr(content, field)
        if value is None:
            yield Issue(field, "is missing", how)
        elif field in ("industry", "interface_type"):
            problem = unknown(library, field, str(value))
            if problem is not None:
                yield Issue(field, f"{value!a:.80} is none that the library knows", how)


def _model(content: Content, library: Library, reaches: Reaches) -> Iterator[Issue]:
    own: str | None = content.configuration.get("model")
    named = own or content.llm_model
    if not named:
        reach = reaches(None)
        if not reach.reachable:
            yield Issue("llm_model", "there is no model to answer with", f"set {reach.needs}")
        return
    field = "configuration.model" if own else "llm_model"
    reach = reaches(named)
    if reach.reachable:
        return
    if unknown(library, "llm_model", named) is not None:
        how = "choose one of GET /api/models, or name it as provider:model"
        yield Issue(field, f"{named!a:.80} is no model that anybody knows", how)
    else:
        yield Issue(field, f"{named!a:.80} is not reached by the settings", f"set {reach.needs}")


def _prompt(content: Content, library: Library) -> Iterator[Issue]:
    try:
        said = instructions_of(content)
        made = said or made_prompt(content, library)
    except InvalidInput as error:
        how = (
            "shorten it"
            if error.field == "custom_prompt"
            else "say the values under configuration.variables"
        )
        yield Issue(error.field, error.problem, how)
        return
    if not made:
        yield Issue(
            "configuration.instructions",
            "there is no prompt",
            "say business and industry, then POST .../system-prompt; or write instructions",
        )
    elif content.configuration.get("instructions"):
        gaps = variables_in(said)
        if gaps:
            yield Issue(
                "configuration.instructions",
                f"has gaps that nobody fills: {', '.join(gaps[:10])}",
                "write what belongs there, or move the text to the prompt template 'system'",
            )


def _capabilities(content: Content, there: Collection[str]) -> Iterator[Issue]:
    for key in content.capabilities:
        if key not in there:
            yield Issue(
                f"capabilities.{key}",
                "there is no such capability any more",
                f"make it at POST /api/capabilities, or DELETE .../capabilities/{key}",
            )


def _status(status: Status) -> Iterator[Issue]:
    if status is not Status.ACTIVE and not may_move(status, Status.ACTIVE):
        yield Issue("status", f"{status.value} is final", "make another agent like it")
