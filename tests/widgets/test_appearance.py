"""How a widget may look, and who may embed it: what can be kept, and what is warned about."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rollcall.kernel.errors import InvalidInput
from rollcall.widgets.appearance import check_content, contrast, origin_of, warnings
from rollcall.widgets.errors import OriginNotAllowed
from rollcall.widgets.models import SELF, Behaviour, Content, Position, Shades, Theme
from rollcall.widgets.pages import ancestors, listed, page_of

PLAIN = Content(agent_id="clerk", name="Ada", allowed_origins=("https://shop.example",))
colours = st.from_regex(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})", fullmatch=True)


def test_the_defaults_are_those_of_the_documents() -> None:
    theme, place, settings = Theme(), Position(), Behaviour()
    assert (theme.primary_color, theme.secondary_color) == ("#007bff", "#6c757d")
    assert (theme.background_color, theme.text_color) == ("#ffffff", "#333333")
    assert (theme.border_radius, theme.font_family) == (8, "Arial")
    assert (place.corner, place.x, place.y) == ("bottom-right", 20, 20)
    assert (settings.auto_open, settings.auto_open_delay_ms) == (False, 3000)
    assert (settings.show_avatar, settings.sound, settings.typing_indicator) == (True, False, True)
    assert settings.max_messages == 50
    check_content(PLAIN)
    assert warnings(PLAIN) == []
    assert warnings(replace(PLAIN, theme=Theme(dark=Shades()))) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"welcome_message": "a\x00"}, "welcome_message"),
        ({"welcome_message": "a\u202eb"}, "welcome_message"),
        ({"placeholder": "x" * 201}, "placeholder"),
        ({"theme": Theme(primary_color="red")}, "theme.primary_color"),
        ({"theme": Theme(text_color="#12345")}, "theme.text_color"),
        ({"theme": Theme(text_color="#fff;x:url(//e)")}, "theme.text_color"),
        ({"theme": Theme(dark=Shades(text_color="#zzz"))}, "theme.dark.text_color"),
        ({"theme": Theme(font_family="a;}*{display:none")}, "theme.font_family"),
        ({"theme": Theme(font_family="url(//evil)")}, "theme.font_family"),
        ({"theme": Theme(border_radius=101)}, "theme.border_radius"),
        ({"position": Position(x=-1)}, "position.x"),
        ({"settings": Behaviour(max_messages=0)}, "settings.max_messages"),
        ({"settings": Behaviour(auto_open_delay_ms=600_001)}, "settings.auto_open_delay_ms"),
        ({"language": "e"}, "language"),
        ({"language": 'en"><script>'}, "language"),
        ({"avatar_url": "javascript:alert(1)"}, "avatar_url"),
        ({"avatar_url": "https://"}, "avatar_url"),
        ({"avatar_url": "https://a:b@c.example/x.png"}, "avatar_url"),
        ({"avatar_url": "https://c.example;script-src%20*/x.png"}, "avatar_url"),
        ({"avatar_url": "https://c.example:x/"}, "avatar_url"),
        ({"allowed_origins": ("https://shop.example/",)}, "allowed_origins.0"),
        ({"allowed_origins": ("https://a.example", "HTTPS://b.example")}, "allowed_origins.1"),
        ({"allowed_origins": ("https://shop.example:443",)}, "allowed_origins.0"),
        ({"allowed_origins": ("https://shop.example:99999",)}, "allowed_origins.0"),
        ({"allowed_origins": ("ftp://shop.example",)}, "allowed_origins.0"),
        ({"allowed_origins": ("https://*.example",)}, "allowed_origins.0"),
        ({"allowed_origins": ("https://a.example; x",)}, "allowed_origins.0"),
        ({"allowed_origins": ("*", "https://a.example")}, "allowed_origins"),
        ({"allowed_origins": ("https://a.example",) * 2}, "allowed_origins.1"),
        ({"allowed_origins": tuple(f"https://{n}.example" for n in range(51))}, "allowed_origins"),
    ],
)
def test_what_could_not_be_shown_or_would_break_out_is_refused_by_its_field(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_content(replace(PLAIN, **changes))
    assert caught.value.field == field


@pytest.mark.parametrize(
    "changes",
    [
        {"welcome_message": "Grüezi!\nשמח\u200f 👩\u200d💻 <b>bold</b>"},
        {"theme": Theme(font_family="Segoe UI, Noto Sans, sans-serif", primary_color="#ABC")},
        {"avatar_url": "https://cdn.example/a%20b.png?size=64"},
        {"language": "pt-BR"},
        {"allowed_origins": ("https://a.example:8443", "http://localhost:3000", "null")},
        {"allowed_origins": ("http://[::1]:3000", "https://xn--bcher-kva.example")},
        {"allowed_origins": ("*", "null")},
        {"welcome_message": "", "placeholder": ""},
    ],
)
def test_what_people_want_is_taken(changes: dict[str, Any]) -> None:
    check_content(replace(PLAIN, **changes))


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#fff", "#fff", 1.0),
        ("#777777", "#ffffff", 4.48),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)


@given(one=colours, other=colours)
def test_contrast_is_the_same_both_ways_and_between_1_and_21(one: str, other: str) -> None:
    ratio = contrast(one, other)
    assert ratio == contrast(other, one)
    assert 1.0 <= ratio <= 21.0


def test_faint_colours_are_kept_and_warned_about_with_their_ratio() -> None:
    faint = replace(PLAIN, theme=Theme(text_color="#777", primary_color="#eee"))
    check_content(faint)
    text, primary = warnings(faint)
    assert (text.field, text.ratio, text.wanted) == ("theme.text_color", 4.47, 4.5)
    assert (primary.field, primary.wanted) == ("theme.primary_color", 3.0)


@pytest.mark.parametrize("origins", [(), ("*",), ("*", "null")])
def test_who_lets_nobody_or_everybody_embed_a_widget_is_told(origins: tuple[str, ...]) -> None:
    (warned,) = warnings(replace(PLAIN, allowed_origins=origins))
    assert warned.field == "allowed_origins"


@pytest.mark.parametrize(
    ("origins", "asking", "page"),
    [
        (("https://a.example",), "https://a.example", "https://a.example"),
        (("https://a.example",), "https://b.example", None),
        (("https://a.example",), "https://a.example:8443", None),
        (("https://a.example",), "https://A.example", None),
        (("https://a.example",), "null", None),
        (("https://a.example",), "*", None),
        (("https://a.example",), None, SELF),
        (("https://a.example",), "http://localhost", SELF),
        ((), "https://a.example", None),
        (("*",), "https://b.example", "https://b.example"),
        (("*",), "null", None),
        (("*",), "http://localhost", SELF),
        (("null",), "null", "null"),
        (("*", "null"), "null", "null"),
    ],
)
def test_pages_are_told_apart_by_their_exact_origin(
    origins: tuple[str, ...], asking: str | None, page: str | None
) -> None:
    content = replace(PLAIN, allowed_origins=origins)
    if page is None:
        with pytest.raises(OriginNotAllowed):
            page_of(content, asking, {"http://localhost"})
    else:
        assert page_of(content, asking, {"http://localhost"}) == page
    if asking not in (None, "http://localhost"):
        assert listed(content, asking) == (page is not None)  # pyright: ignore[reportArgumentType]


def test_a_frame_may_be_shown_by_those_who_are_listed_alone() -> None:
    assert ancestors(replace(PLAIN, allowed_origins=())) == "'none'"
    assert ancestors(replace(PLAIN, allowed_origins=("null",))) == "'none'"
    assert ancestors(replace(PLAIN, allowed_origins=("*", "null"))) == "*"
    two = replace(PLAIN, allowed_origins=("https://a.example", "https://b.example:1"))
    assert ancestors(two) == "https://a.example https://b.example:1"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://A.example/x?y", "https://a.example"),
        ("https://a.example:443", "https://a.example"),
        ("http://a.example:8080/", "http://a.example:8080"),
        ("http://[::1]:80/", "http://[::1]"),
    ],
)
def test_an_origin_is_written_as_browsers_do(url: str, origin: str) -> None:
    assert origin_of(url) == origin
