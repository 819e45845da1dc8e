# SPDX-License-Identifier: Apache-2.0
"""What each service stands on, for `rollcall doctor`: does all of it answer?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

import httpx

from rollcall.app.abilities import LIBRARY
from rollcall.app.event_settings import EventLogKind
from rollcall.app.features import reached
from rollcall.app.findings import Finding, Grade
from rollcall.app.places import Places
from rollcall.app.services import GATEWAY_NAME, SERVICES
from rollcall.app.settings import Settings
from rollcall.gateway.ports import Instance
from rollcall.gateway.targets import fixed
from rollcall.kernel.errors import InvalidInput

PATIENCE: Final = 2.0
"""Seconds that somebody may take to answer."""
REGISTRY: Final = "SERVICE_REGISTRY_URL"
MODEL: Final = "model server"
_SERVERS: Final = {"postgresql": "PostgreSQL", "zookeeper": "ZooKeeper"}
_TALKING: Final = frozenset({"agent", GATEWAY_NAME})
"""Services that ask a model where there is one."""
_HEARING: Final = (
    _TALKING
    | {"wizard", "analytics", "billing", "dashboard"}
    | {
        "widgets",
        "my-agents",
    }
)
"""Services that tell of what happens, or hear of it."""
_ASKING: Final = frozenset({GATEWAY_NAME, "wizard", "dashboard", "widgets", "my-agents"})
"""Services that ask others."""
_GRADES: Final = (Grade.OK, Grade.WARNING, Grade.ERROR)


async def elsewhere(settings: Settings) -> list[Finding]:
    """Whether those answer that the settings name by a URL: other services, the model's server.

    Nothing is sent but the question, and no key with it.
    """
    urls = dict(settings.urls())
    if settings.service_registry_url:
        urls[REGISTRY] = settings.service_registry_url
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client:
        asked = [_service(client, variable, url) for variable, url in urls.items()]
        return [*await asyncio.gather(*asked), *await _model(client, settings)]


def standing(settings: Settings, where: Places, found: Sequence[Finding]) -> Iterator[Finding]:
    """What each service stands on, and how that is by what was found.

    Args:
        settings: Of the process.
        where: Where it keeps what.
        found: What was found of each part, by its subject.
    """
    grades: dict[str, Grade] = {}
    for one in found:
        grades[one.subject] = max(grades.get(one.subject, Grade.OK), one.grade, key=_GRADES.index)
    for name, service in SERVICES.items():
        needs = list(dict.fromkeys(_needs(name, settings, where, grades)))
        grade = max((grades.get(one, Grade.OK) for one in needs), key=_GRADES.index)
        said = [
            one if grades.get(one, Grade.OK) is Grade.OK else f"{one} ({grades[one]}: see above)"
            for one in needs
        ]
        end = ": all is well" if grade is Grade.OK else ""
        yield Finding(service.title, grade, f"stands on {_listed(said)}{end}")


def _needs(
    name: str, settings: Settings, where: Places, known: Mapping[str, Grade]
) -> Iterator[str]:
    """The subjects of what a service stands on."""
    if SERVICES[name].registration is not None and settings.service_registry_url:
        yield REGISTRY
    else:
        yield _place(where.records)
    yield _place(where.database)
    if name in _HEARING:
        yield "Kafka" if settings.events is EventLogKind.KAFKA and "Kafka" in known else "events"
    if name == "analytics":
        yield "facts"
    if name in {"analytics", "billing"}:
        yield "accounts"
    if name == "billing" and "books" in known:
        yield "books"
    # What everybody reads at the start; only the wizard is about it.
    if name == "wizard" or settings.library_dir is not None:
        yield LIBRARY
    if name in _TALKING:
        yield "model"
        if MODEL in known:
            yield MODEL
    if name in _ASKING:
        yield from settings.urls()


def _place(url: str) -> str:
    """What the finding about a store is called."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return unquote(parts.path).rpartition("/")[2]
    return _SERVERS.get(parts.scheme, "memory")


async def _service(client: httpx.AsyncClient, variable: str, url: str) -> Finding:
    try:
        place = fixed(variable, url)
    except InvalidInput as error:
        return Finding(variable, Grade.ERROR, str(error))
    shown = _url(place)
    try:
        answer = await client.get(f"{shown}/health")
    except httpx.HTTPError as error:
        text = f"{shown} does not answer ({error or type(error).__name__}): is it running, and is"
        return Finding(variable, Grade.WARNING, f"{text} that its address?")
    if answer.is_success:
        return Finding(variable, Grade.OK, f"{shown} answers, and is well")
    text = f"{shown} answers, but is not well ({answer.status_code}): see {shown}/health"
    return Finding(variable, Grade.WARNING, text)


async def _model(client: httpx.AsyncClient, settings: Settings) -> list[Finding]:
    try:
        models = reached(settings)
    except InvalidInput:
        # It is said of the model itself.
        return []
    url = models.url(models.names()[0]) if models.names() else None
    if url is None:
        return []
    try:
        parts = httpx.URL(url)
        # A user's part and a query may be secrets.
        asked = parts.copy_with(userinfo=b"", query=None)
        answer = await client.get(f"{str(asked).rstrip('/')}/models")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        text = f"it does not answer ({error or type(error).__name__}): is it running, and is its"
        return [Finding(MODEL, Grade.WARNING, f"{text} address right?")]
    text = f"{asked.host} answers ({answer.status_code}, to a question without a key)"
    return [Finding(MODEL, Grade.OK, text)]


def _url(place: Instance) -> str:
    return f"{'https' if place.secure else 'http'}://{place.authority}{place.base}"


def _listed(words: Sequence[str]) -> str:
    """Words as in a sentence."""
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]
