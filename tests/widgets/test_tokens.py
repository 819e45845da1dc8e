"""What visitors show: good for one widget, under one key, on one page, for a day."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rollcall.kernel.clock import utc
from rollcall.testing.clock import FrozenClock
from rollcall.web.passes import Passes
from rollcall.widgets.errors import VisitorTokenRefused
from rollcall.widgets.models import PREVIEW, SELF, Content, Visitor, Widget
from rollcall.widgets.tokens import AUDIENCE, LIFETIME, PREFIX, VisitorTokens

PAGE = "https://shop.example"
SECRET = bytes(32)
WIDGET = Widget(
    namespace="acme",
    id="wdg_1",
    public_key="wpk_1",
    content=Content(agent_id="clerk", name="Ada"),
    paused=False,
    owner="key:a",
    revision=1,
    created_at=utc(1e9),
    updated_at=utc(1e9),
)
ANNA = Visitor(id="vis_1", origin=PAGE)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def tokens(clock: FrozenClock) -> VisitorTokens:
    return VisitorTokens(SECRET, clock)


def test_a_token_says_who_shows_it(tokens: VisitorTokens) -> None:
    assert tokens.check(tokens.issue(WIDGET, ANNA), WIDGET, PAGE) == ANNA


def test_a_token_is_good_for_a_day(tokens: VisitorTokens, clock: FrozenClock) -> None:
    token = tokens.issue(WIDGET, ANNA)
    clock.jump(LIFETIME - 1)
    assert tokens.check(token, WIDGET, PAGE) == ANNA
    clock.jump(1)
    with pytest.raises(VisitorTokenRefused, match="expired"):
        tokens.check(token, WIDGET, PAGE)


@pytest.mark.parametrize(
    ("widget", "page"),
    [
        (replace(WIDGET, id="wdg_2"), PAGE),
        (replace(WIDGET, public_key="wpk_2"), PAGE),
        (WIDGET, "https://other.example"),
        (WIDGET, SELF),
        (WIDGET, "null"),
    ],
)
def test_a_token_is_for_its_widget_its_key_and_its_page(
    widget: Widget, page: str, tokens: VisitorTokens
) -> None:
    with pytest.raises(VisitorTokenRefused, match="another"):
        tokens.check(tokens.issue(WIDGET, ANNA), widget, page)


def test_a_previews_token_is_good_on_the_services_own_pages_alone(tokens: VisitorTokens) -> None:
    token = tokens.issue(WIDGET, Visitor(id="p", origin=PREVIEW))
    assert tokens.check(token, WIDGET, SELF).id == "p"
    with pytest.raises(VisitorTokenRefused):
        tokens.check(token, WIDGET, PAGE)


@given(place=st.integers(0, 10_000), letter=st.sampled_from("AZaz09-_.é"))
def test_a_token_of_which_a_letter_was_changed_is_refused(place: int, letter: str) -> None:
    tokens = VisitorTokens(SECRET, FrozenClock())
    text = tokens.issue(WIDGET, ANNA)
    # The last one holds bits that mean nothing.
    at = place % (len(text) - 1)
    changed = text[:at] + letter + text[at + 1 :]
    if changed != text:
        with pytest.raises(VisitorTokenRefused):
            tokens.check(changed, WIDGET, PAGE)


@pytest.mark.parametrize(
    ("changes", "secret", "algorithm"),
    [
        ({}, bytes(range(32)), "HS256"),
        ({}, SECRET, "HS512"),
        ({}, "", "none"),
        ({"aud": "rollcall-services"}, SECRET, "HS256"),
        ({"exp": None}, SECRET, "HS256"),
        ({"exp": True}, SECRET, "HS256"),
        ({"exp": 1e300}, SECRET, "HS256"),
        ({"sub": None}, SECRET, "HS256"),
        ({"org": None}, SECRET, "HS256"),
    ],
)
@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_what_we_would_not_have_made_is_refused(
    changes: dict[str, Any], secret: Any, algorithm: str, tokens: VisitorTokens, clock: FrozenClock
) -> None:
    claims = {
        "aud": AUDIENCE,
        "sub": "vis_1",
        "wid": "wdg_1",
        "key": "wpk_1",
        "org": PAGE,
        "exp": int(clock.now()) + 60,
        **changes,
    }
    given = {name: value for name, value in claims.items() if value is not None}
    token = PREFIX + jwt.encode(given, secret, algorithm)
    with pytest.raises(VisitorTokenRefused):
        tokens.check(token, WIDGET, PAGE)


@pytest.mark.parametrize("text", ["", "rcv_", "rcv_a.b.c", "Bearer", "rcv_" + "a" * 5000, "rcp_x"])
def test_what_is_no_token_is_refused(text: str, tokens: VisitorTokens) -> None:
    with pytest.raises(VisitorTokenRefused, match="not valid"):
        tokens.check(text, WIDGET, PAGE)


def test_a_visitors_token_is_no_pass_and_a_pass_no_token(clock: FrozenClock) -> None:
    passes = Passes(SECRET, clock)
    tokens = VisitorTokens(passes.secret_for("widget visitors"), clock)
    with pytest.raises(VisitorTokenRefused):
        tokens.check(passes.issue("key:a", "acme"), WIDGET, PAGE)
    with pytest.raises(VisitorTokenRefused):
        tokens.check(PREFIX + passes.issue("key:a", "acme")[4:], WIDGET, PAGE)
    assert passes.secret_for("widget visitors") != passes.secret_for("others")
