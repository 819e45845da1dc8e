from __future__ import annotations

import pytest

from rollcall.kernel.caller import ADMIN, READ, REGISTER, Caller, NotPermitted, RateLimited


@pytest.mark.parametrize(
    ("granted", "may"),
    [
        pytest.param({READ}, {READ}, id="read"),
        pytest.param({REGISTER}, {READ, REGISTER}, id="register-holds-read"),
        pytest.param({ADMIN}, {READ, REGISTER, ADMIN, "billing"}, id="admin-holds-all"),
        pytest.param({"billing"}, {"billing"}, id="another-service's-scope"),
        pytest.param(set[str](), set[str](), id="none"),
    ],
)
def test_a_scope_holds_narrower_ones(granted: set[str], may: set[str]) -> None:
    caller = Caller("key:1", "default", frozenset(granted))

    assert {one for one in (READ, REGISTER, ADMIN, "billing") if caller.may(one)} == may


def test_who_may_not_can_be_caught_as_a_permission_error() -> None:
    with pytest.raises(PermissionError, match="needs"):
        raise NotPermitted("this needs the scope 'admin'", scope=ADMIN)


def test_who_asks_too_often_is_told_how_long_to_wait() -> None:
    assert "2.5 s" in str(RateLimited(2.5))
