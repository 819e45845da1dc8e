from __future__ import annotations

import logging
from dataclasses import replace
from typing import Annotated

import httpx
import jwt
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.datastructures import Headers

from rollcall.kernel.caller import ADMIN, READ, REGISTER, Caller, NotPermitted
from rollcall.kernel.errors import Unavailable
from rollcall.kernel.ids import RandomIds
from rollcall.testing.clock import FrozenClock
from rollcall.web.auth import BearerAccess, OpenAccess, known_caller, require
from rollcall.web.jwks import SharedSecret
from rollcall.web.keys import ApiKey, InMemoryKeyStore, draw_key
from rollcall.web.module import Kit, Module, create_app
from rollcall.web.tokens import TokenSettings, TokenVerifier

SECRET = "a secret of at least thirty-two bytes"  # noqa: S105

router = APIRouter()
public = APIRouter()


@router.get("/look")
async def look(caller: Annotated[Caller, Depends(require(READ))]) -> str:
    return f"{caller.subject} of {caller.namespace}"


@router.post("/register")
async def register(caller: Annotated[Caller, Depends(require(REGISTER))]) -> str:
    return caller.subject


@router.delete("/everything")
async def everything(caller: Annotated[Caller, Depends(require(ADMIN))]) -> str:
    return caller.subject


@router.get("/forgotten")
async def forgotten() -> str:
    """A route whose author did not think of callers."""
    return "secret"


@public.get("/widget")
async def widget() -> str:
    return "for everybody"


module = Module("things", routers=[router], public_routers=[public])


class Keys(InMemoryKeyStore):
    """Makes keys on the way, and breaks down when told to."""

    def __init__(self, clock: FrozenClock) -> None:
        super().__init__()
        self.clock = clock
        self.down = False

    async def make(self, *scopes: str) -> dict[str, str]:
        key, text = draw_key(
            RandomIds(), self.clock, name="ci", namespace="acme", scopes=frozenset(scopes)
        )
        await self.add(key)
        return {"Authorization": f"Bearer {text}"}

    async def get(self, key_id: str) -> ApiKey | None:
        if self.down:
            raise Unavailable("the key store is down")
        return await super().get(key_id)


@pytest.fixture
def keys(clock: FrozenClock) -> Keys:
    return Keys(clock)


@pytest.fixture
def app(kit: Kit, keys: Keys, clock: FrozenClock) -> FastAPI:
    tokens = TokenVerifier(
        TokenSettings("https://issuer.test", "rollcall", ("HS256",)), SharedSecret(SECRET)
    )
    return create_app([module], replace(kit, access=BearerAccess(keys, clock, tokens=tokens)))


async def test_on_the_loopback_everybody_may_do_everything(kit: Kit, connect) -> None:
    async with connect(create_app([module], kit)) as client:
        assert (await client.get("/look")).json() == "local of default"
        assert (await client.delete("/everything")).json() == "local"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Host": "rollcall.example"}, id="a-proxy-or-a-rebound-name"),
        pytest.param({"Origin": "https://evil.example"}, id="a-page-in-a-browser"),
        pytest.param({"Origin": "null"}, id="a-page-from-nowhere"),
        pytest.param({"Host": "[::1"}, id="nonsense"),
    ],
)
async def test_without_keys_nobody_else_may_ask(kit: Kit, connect, headers: dict[str, str]) -> None:
    async with connect(create_app([module], kit)) as client:
        answer = await client.get("/look", headers=headers)
        healthy = await client.get("/health", headers=headers)

    assert answer.status_code == 403
    assert "set up keys" in answer.json()["detail"]
    assert healthy.status_code == 200


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:80"])
async def test_pages_of_this_machine_may_ask(kit: Kit, connect, origin: str) -> None:
    async with connect(create_app([module], kit)) as client:
        assert (await client.get("/look", headers={"Origin": origin})).status_code == 200


@pytest.mark.parametrize(
    ("scope", "statuses"),
    [(READ, (200, 403, 403)), (REGISTER, (200, 200, 403)), (ADMIN, (200, 200, 200))],
)
async def test_a_key_opens_what_its_scope_says(
    app: FastAPI, keys: Keys, connect, scope: str, statuses: tuple[int, ...]
) -> None:
    headers = await keys.make(scope)
    async with connect(app) as client:
        answers = [
            await client.get("/look", headers=headers),
            await client.post("/register", headers=headers),
            await client.delete("/everything", headers=headers),
        ]

    assert tuple(answer.status_code for answer in answers) == statuses
    refused = [answer for answer in answers if answer.status_code == 403]
    assert all("insufficient_scope" in answer.headers["www-authenticate"] for answer in refused)


@pytest.mark.parametrize("path", ["/look", "/forgotten", "/metrics"])
async def test_strangers_see_nothing_not_even_what_was_forgotten(
    app: FastAPI, connect, path: str
) -> None:
    async with connect(app) as client:
        answer = await client.get(path)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="rollcall"'


@pytest.mark.parametrize("path", ["/health", "/docs", "/openapi.json", "/widget"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
async def test_what_is_public_is_for_strangers_too(
    app: FastAPI, connect, path: str, headers: dict[str, str]
) -> None:
    async with connect(app) as client:
        assert (await client.get(path, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(["Bearer"], id="no-token"),
        pytest.param(["Bearer wrong"], id="nonsense"),
        pytest.param(["Basic dXNlcjpwYXNz"], id="another-scheme"),
        pytest.param(["Bearer \u00e9\u00ff"], id="no-ascii"),
        pytest.param(["Bearer a", "Bearer b"], id="two-of-them"),
    ],
)
async def test_an_ill_formed_credential_is_called_invalid(
    app: FastAPI, connect, values: list[str]
) -> None:
    headers = httpx.Headers([(b"authorization", value.encode("latin-1")) for value in values])
    async with connect(app) as client:
        answer = await client.get("/look", headers=headers)

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_the_scheme_may_be_written_in_any_case(app: FastAPI, keys: Keys, connect) -> None:
    headers = await keys.make(READ)
    lower = {"authorization": headers["Authorization"].replace("Bearer", "bearer")}
    async with connect(app) as client:
        assert (await client.get("/look", headers=lower)).status_code == 200


async def test_a_token_of_the_issuer_opens_as_well(app: FastAPI, connect) -> None:
    claims = {
        "iss": "https://issuer.test",
        "aud": "rollcall",
        "sub": "alice",
        "namespace": "acme",
        "scope": READ,
        "exp": 9_000_000_000,
    }
    headers = {"Authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"}
    async with connect(app) as client:
        answer = await client.get("/look", headers=headers)
        refused = await client.post("/register", headers=headers)

    assert answer.json() == "jwt:alice of acme"
    assert refused.status_code == 403


async def test_while_the_key_store_is_down_callers_are_asked_to_come_back(
    app: FastAPI, keys: Keys, connect
) -> None:
    headers = await keys.make(READ)
    keys.down = True
    async with connect(app) as client:
        answer = await client.get("/look", headers=headers)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


async def test_a_key_never_shows_in_logs_or_answers(
    app: FastAPI, keys: Keys, connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = await keys.make(READ)
    secret = headers["Authorization"].rpartition("_")[2]
    wrong = {"Authorization": headers["Authorization"][:-1] + "x"}
    async with connect(app) as client:
        answers = [
            await client.delete("/everything", headers=headers),
            await client.get("/look", headers=wrong),
        ]
        keys.down = True
        answers.append(await client.get("/look", headers=headers))

    assert [answer.status_code for answer in answers] == [403, 401, 503]
    shown = caplog.text + "".join(f"{answer.headers}{answer.text}" for answer in answers)
    assert secret[:-1] not in shown


async def test_docs_say_that_a_bearer_is_needed(app: FastAPI, kit: Kit) -> None:
    assert app.openapi()["security"] == [{"bearer": []}]
    assert "security" not in create_app([module], kit).openapi()


def test_where_nobody_looked_nobody_is_known() -> None:
    assert known_caller({"type": "http"}) is None


@pytest.mark.parametrize(
    ("name", "welcome"), [("localhost:8000", True), ("rollcall.example", False), ("a, b", False)]
)
async def test_without_keys_a_proxy_for_others_is_refused(name: str, welcome: bool) -> None:
    access = OpenAccess()
    headers = {"host": "127.0.0.1:3003", "x-forwarded-host": name}
    raw = {key.encode(): value.encode() for key, value in headers.items()}
    assert (access.recall(raw) is not None) is welcome
    if welcome:
        assert (await access.identify(Headers(headers))).may(ADMIN)
    else:
        with pytest.raises(NotPermitted):
            await access.identify(Headers(headers))
