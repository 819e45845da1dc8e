# SPDX-License-Identifier: Apache-2.0
"""How HTTP asks what the wizard knows: industries, models, interfaces, and where they are from."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Response

from rollcall.agents.api_parts import fields
from rollcall.agents.changes import change_of
from rollcall.agents.wizard import wire
from rollcall.agents.wizard.api import Wizard
from rollcall.agents.wizard.models import Industry, LibraryFile
from rollcall.agents.wizard.service import Priced, WizardService
from rollcall.kernel.caller import ADMIN
from rollcall.policies.list_prices import ModelPrices
from rollcall.policies.list_prices import Rates as ListRates
from rollcall.registry.models import DEFAULT_NAMESPACE
from rollcall.web.answers import answer
from rollcall.web.callers import Operator, Reader
from rollcall.web.lines import check_id
from rollcall.web.strict import StrictRoute

_KEY = 64


async def _industry(key: Annotated[str, Path(description="Of an industry.")]) -> str:
    return check_id("key", key, _KEY)


Key = Annotated[str, Depends(_industry)]


def router() -> APIRouter:
    """The routes about what may be chosen."""
    routes = APIRouter(prefix="/api", route_class=StrictRoute, tags=["wizard"])
    _add_choices(routes)
    _add_config(routes)
    return routes


def _add_choices(routes: APIRouter) -> None:
    @routes.get("/industries", response_model=list[wire.IndustryView])
    async def industries(caller: Reader, wizard: Wizard) -> Response:
        """The industries that an agent may be made for."""
        found = wizard.library.industries.items()
        return answer([_industry_of(key, one) for key, one in found])

    @routes.get("/models", response_model=list[wire.ModelView])
    async def models(caller: Reader, wizard: Wizard) -> Response:
        """The models that an agent may run with, with their list prices of today."""
        priced = await wizard.priced()
        return answer(
            [
                {
                    "value": name,
                    "label": one.label,
                    "price": _price(priced, name),
                    "provider": name.partition(":")[0],
                    **msgspec.structs.asdict(wizard.models.reach(name)),
                }
                for name, one in wizard.library.models.items()
            ]
        )

    @routes.get("/interfaces", response_model=list[wire.InterfaceView])
    async def interfaces(caller: Reader, wizard: Wizard) -> Response:
        """Through what people may talk to an agent."""
        found = wizard.library.interfaces.items()
        return answer([{"value": key, **_shown(one)} for key, one in found])


def _add_config(routes: APIRouter) -> None:
    @routes.get("/config", response_model=wire.ConfigView)
    async def config(caller: Reader, wizard: Wizard) -> Response:
        """What is loaded, out of which files, and since when."""
        whole = caller.namespace == DEFAULT_NAMESPACE and caller.may(ADMIN)
        return answer(_config(wizard, whole=whole))

    @routes.post("/config/reload", response_model=wire.ConfigView)
    async def reload(caller: Operator, wizard: Wizard) -> Response:
        """Read the files again, in this process. Where one is wrong everything stays as it was."""
        await wizard.shelf.reload()
        return answer(_config(wizard, whole=True))

    @routes.get("/config/industries/{key}", response_model=wire.IndustryDetail)
    async def industry(caller: Reader, wizard: Wizard, key: Key) -> Response:
        """All that the library says of an industry."""
        found = wizard.industry(key)
        return answer({**_shown(found), **_industry_of(key, found)})

    @routes.post("/config/preview", response_model=wire.PreviewView)
    async def preview(caller: Reader, wizard: Wizard, body: wire.PreviewRequest) -> Response:
        """What would become of an agent, without keeping anything."""
        change = change_of(fields(body, "reason", "custom_prompt"))
        made = await wizard.preview(change, body.custom_prompt, namespace=caller.namespace)
        return answer(made)


def _industry_of(key: str, one: Industry) -> dict[str, str]:
    return {"value": key, "label": one.label, "icon": one.icon}


def _shown(one: msgspec.Struct) -> dict[str, Any]:
    said = msgspec.structs.asdict(one)
    return {name: value for name, value in said.items() if name != "enabled"}


def _price(priced: Priced, name: str) -> dict[str, Any] | None:
    found: ModelPrices | None = priced.prices.get(name)
    if found is None:
        return None
    return {
        **_rates(found.base),
        "currency": "USD",
        "per_tokens": 1_000_000,
        "tiers": [{"above_input_tokens": number, **_rates(rates)} for number, rates in found.above],
        "source": priced.source,
        "as_of": priced.at,
    }


def _rates(rates: ListRates) -> dict[str, Any]:
    return {"input": rates.read, "output": rates.written, "cached_input": rates.cached}


def _config(wizard: WizardService, *, whole: bool) -> dict[str, Any]:
    """What is loaded; why it is not something else is for those who run the process."""
    library, refused = wizard.library, wizard.shelf.refused
    return {
        "revision": library.revision,
        "loaded_at": wizard.shelf.loaded_at,
        "industries": list(library.industries),
        "interfaces": list(library.interfaces),
        "models": list(library.models),
        "files": [_file(one) for one in library.files],
        "refused": refused if whole else None,
    }


def _file(one: LibraryFile) -> dict[str, Any]:
    return msgspec.structs.asdict(one)
