# SPDX-License-Identifier: Apache-2.0
"""CSS selectors."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.scraper.selectors import TooManySteps, Tree, compile_selectors

PAGE = html.document_fromstring(
    """
    <html lang=en-GB><body id=top>
    <h1 class="big Title">One</h1><p id=a>a<p id=b class="x y" data-n="12">b<p id=c>c
    <ul><li id=l1><a id=k href=/k>k</a><li id=l2><b id=bold></b><li id=l3><i id=i><a id=n>n</a></i>
    <li id=l4></ul>
    <div id=d><span id=s>s</span></div>
    </body></html>
    """
)


def found(selector: str) -> list[str]:
    elements = compile_selectors({"it": selector})["it"].find(PAGE, Tree())
    return [element.get("id") or element.tag for element in elements]


@pytest.mark.parametrize(
    ("selector", "ids"),
    [
        ("p", ["a", "b", "c"]),
        ("P", ["a", "b", "c"]),
        ("#b", ["b"]),
        (".x", ["b"]),
        (".x.y", ["b"]),
        (".X", []),
        ("p.x#b", ["b"]),
        ("h1, #b", ["h1", "b"]),
        ("#b, h1", ["h1", "b"]),
        ("ul a", ["k", "n"]),
        ("li > a", ["k"]),
        ("ul > a", []),
        ("h1 + p", ["a"]),
        ("p + p", ["b", "c"]),
        ("p ~ p", ["b", "c"]),
        ("h1 ~ p ~ ul", ["ul"]),
        ("body ul li a", ["k", "n"]),
        ("[data-n]", ["b"]),
        ("[DATA-N='12']", ["b"]),
        ("p[id!=a]", ["b", "c"]),
        ("[class~=y]", ["b"]),
        ("[lang|=en]", ["html"]),
        ("li[id^=l][id$='3']", ["l3"]),
        ("li[id*='']", []),
        ("[id=B i]", ["b"]),
        ("li:first-child", ["l1"]),
        ("li:last-child", ["l4"]),
        ("p:first-of-type", ["a"]),
        ("p:last-of-type", ["c"]),
        ("p:nth-of-type(2)", ["b"]),
        ("li:nth-child(odd)", ["l1", "l3"]),
        ("li:nth-child(2n)", ["l2", "l4"]),
        ("li:nth-child(n+3)", ["l3", "l4"]),
        ("li:nth-child(-n+2)", ["l1", "l2"]),
        ("li:nth-last-child(1)", ["l4"]),
        ("li:nth-last-of-type(2)", ["l3"]),
        ("span:only-child", ["s"]),
        ("ul:only-of-type", ["ul"]),
        ("li:empty", ["l4"]),
        ("b:empty", ["bold"]),
        (":root", ["html"]),
        ("a:link", ["k"]),
        ("li:not(:first-child):not(#l4)", ["l2", "l3"]),
        ("li :is(a, b)", ["k", "bold", "n"]),
        ("li :where(i) a", ["n"]),
    ],
)
def test_a_selector_finds_what_it_means(selector: str, ids: list[str]) -> None:
    assert found(selector) == ids


def test_an_attribute_can_be_taken_instead_of_the_text() -> None:
    compiled = compile_selectors({"links": "a::attr(HREF)", "words": "a::text", "both": "a, b"})
    assert [one.attribute for one in compiled.values()] == ["href", None, None]


@pytest.mark.parametrize(
    "selector",
    [
        "",
        "a[",
        "a >",
        "a::before",
        "a::attr(1)",
        "a::attr(href), b",
        "a:hover",
        "a:has(b)",
        "a:contains(x)",
        "li:nth-child(x)",
        "a" * 301,
        "//a",
        "a | b",
    ],
)
def test_what_cannot_be_used_is_refused_by_name(selector: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        compile_selectors({"good": "a", "bad": selector})
    assert caught.value.field == "selectors.bad"


def test_there_may_not_be_too_many_nor_nameless_ones() -> None:
    for selectors in ({str(n): "a" for n in range(21)}, {"": "a"}, {"x" * 101: "a"}):
        with pytest.raises(InvalidInput) as caught:
            compile_selectors(selectors)
        assert caught.value.field == "selectors"


def test_a_selector_that_takes_too_long_is_stopped() -> None:
    page = html.document_fromstring("<p>" * 20_000)
    with pytest.raises(TooManySteps):
        list(compile_selectors({"it": "b ~ p"})["it"].find(page, Tree()))


@given(st.text(alphabet="ab1#.:>+~*[]=()\"', |^$-nthchild\\", max_size=30))
def test_any_text_is_a_selector_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        list(compile_selectors({"it": text})["it"].find(PAGE, Tree()))
