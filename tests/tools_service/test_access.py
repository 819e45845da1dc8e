from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from rollcall.kernel.caller import READ, NotAuthenticated, NotPermitted
from rollcall.kernel.errors import InvalidInput
from rollcall.tools.access import AnonymousAccess, SharedKeyAccess

KEY = "a secret that is long enough"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "my-tool:8080"},
        {"host": "My-Tool"},
        {"host": "10.0.0.7:8080"},
        {"host": "[fd00::7]:8080"},
        {"host": "localhost:8080"},
        {"host": "my-tool:8080", "origin": "http://my-tool:8080"},
    ],
)
async def test_who_knows_where_the_service_is_may_ask(headers: dict[str, str]) -> None:
    caller = await AnonymousAccess({"my-tool"}).identify(Headers(headers))
    assert caller.may(READ)
    assert caller.scopes == {READ}


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example", "origin": "http://evil.example"},
        {"host": "my-tool", "origin": "https://evil.example"},
        {"host": "my-tool", "origin": "null"},
        {"host": "[bad"},
        {},
    ],
)
async def test_a_page_in_a_browser_may_not(headers: dict[str, str]) -> None:
    with pytest.raises(NotPermitted):
        await AnonymousAccess({"my-tool"}).identify(Headers(headers))


async def test_whoever_knows_a_key_may_ask() -> None:
    access = SharedKeyAccess([KEY, KEY[::-1]])
    for key in (KEY, KEY[::-1]):
        caller = await access.identify(Headers({"authorization": f"Bearer {key}"}))
        assert caller.scopes == {READ}
        assert key not in caller.subject


@pytest.mark.parametrize("said", ["Bearer wrong", "Bearer", f"Basic {KEY}", "", "Bearer \xff"])
async def test_nobody_else_may(said: str) -> None:
    with pytest.raises(NotAuthenticated):
        await SharedKeyAccess([KEY]).identify(Headers({"authorization": said}))
    with pytest.raises(NotAuthenticated):
        await SharedKeyAccess([KEY]).identify(Headers())


@pytest.mark.parametrize("keys", [[], ["short"], [KEY, ""]])
def test_a_key_that_could_be_guessed_is_none(keys: list[str]) -> None:
    with pytest.raises(InvalidInput, match="16 characters"):
        SharedKeyAccess(keys)
