# SPDX-License-Identifier: Apache-2.0
"""What pages say."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.tools.scraper.errors import UnsupportedContent
from rollcall.tools.scraper.fetching import Fetched
from rollcall.tools.scraper.models import Link, Part
from rollcall.tools.scraper.reading import Reading, read
from rollcall.tools.scraper.selectors import compile_selectors
from rollcall.tools.scraper.targets import parse_url

ALL: frozenset[Part] = frozenset(get_args(Part))
ARTICLE = "The canal was dug in 1847 by hand, and took eleven years to fill with water. " * 8


def reading(
    page: str | bytes,
    content_type: str = "text/html; charset=utf-8",
    *,
    parts: frozenset[Part] = ALL,
    max_chars: int = 20_000,
    cut: bool = False,
    **selectors: str,
) -> Reading:
    body = page.encode() if isinstance(page, str) else page
    target = parse_url("http://site.example/dir/page")
    fetched = Fetched(target, content_type, body, cut, 200)
    return read(fetched, parts, compile_selectors(selectors), max_chars)


def test_a_small_page_is_read_from_top_to_bottom() -> None:
    found = reading(
        "<title>Our shop</title><nav><a href=/>Home</a></nav><h1>Opening hours</h1>"
        "<p>Monday to <b>Friday</b>, 9&nbsp;to&nbsp;5<br>closed at noon</p><ul><li>one<li>two</ul>"
        "<table><tr><td>x</td><td>y</td></tr></table><pre>  a\n  b</pre>"
    )
    assert found.title == "Our shop"
    lines = [line for line in found.text.split("\n") if line]
    assert lines == [
        "Home",
        "Opening hours",
        "Monday to Friday, 9 to 5",
        "closed at noon",
        "one",
        "two",
        "x y",
        "a",
        "b",
    ]


def test_of_an_article_the_main_part_is_read_and_menus_are_not() -> None:
    menu = "".join(f"<li><a href=/m{n}>Menu item {n}</a></li>" for n in range(40))
    found = reading(
        f"<title>Canal</title><nav><ul>{menu}</ul></nav><article><h1>The canal</h1><p>{ARTICLE}</p>"
        f"<p>{ARTICLE}</p></article><footer><p>Copyright, imprint, cookies</p></footer>"
    )
    assert found.text.count("dug in 1847 by hand") >= 8
    assert "Menu item" not in found.text
    assert "cookies" not in found.text


def test_of_a_list_of_short_things_no_thing_is_lost() -> None:
    menu = "".join(f"<a href=/m{n}>menu {n}</a>" for n in range(60))
    things = "".join(
        f"<div class=card><h3>Thing {n}</h3><span>{n}.90 EUR</span><a href=/b{n}>Buy</a></div>"
        for n in range(50)
    )
    found = reading(f"<title>Shop</title><nav>{menu}</nav>{things}<footer>Imprint</footer>")
    assert "Thing 0" in found.text
    assert "49.90 EUR" in found.text
    assert "menu" not in found.text
    assert "Imprint" not in found.text


def test_what_nobody_sees_is_no_text() -> None:
    unseen = (
        "<script>SECRET()</script><style>.SECRET{}</style><noscript>SECRET</noscript>"
        "<template>SECRET</template><p hidden>SECRET</p><div style='Display : NONE'>SECRET</div>"
        "<span style='color:red;visibility:hidden'>SECRET</span><svg><text>SECRET</text></svg>"
        "<iframe>SECRET</iframe><!-- SECRET --><dialog>SECRET</dialog>"
        "<input type=hidden value=SECRET>"
        "<a href=/SECRET hidden>SECRET</a>"
    )
    for rest in ("", f"<article><p>{ARTICLE}</p><p>{ARTICLE}</p></article>"):
        found = reading(f"<body>{unseen}<p>seen</p>{unseen}{rest}", all="body *", p="p")
        assert "SECRET" not in found.text
        assert "SECRET" not in str(found.links)
        assert "SECRET" not in str(found.fields)
        assert "seen" in found.fields["p"]


def test_text_that_looks_like_markup_stays_text() -> None:
    code = "&lt;script&gt;alert(1)&lt;/script&gt; &amp;lt;b&amp;gt;"
    found = reading(f"<title>{code}</title><p>{code}</p><a href=/x>{code}</a>", it="p")
    said = "<script>alert(1)</script> &lt;b&gt;"
    assert found.title == said
    assert said in found.text
    assert found.links == [Link(url="http://site.example/x", text=said)]
    assert found.fields == {"it": [said]}


def test_a_page_without_a_title_is_called_by_its_headline() -> None:
    assert reading("<title> </title><h1>The <i>head</i>line</h1>").title == "The headline"
    assert reading("<meta property=og:title content=Shared><h1>x</h1>").title == "Shared"
    assert reading("<p>x").title == ""


def test_links_are_absolute_each_once_and_of_the_web() -> None:
    found = reading(
        "<base href='/base/'><a href=a>A</a><a href='a#part'>again</a><a href='#here'>here</a>"
        "<a href='mailto:x@y.z'>mail</a><a href='javascript:alert(1)'>js</a><a>none</a>"
        "<a href='//other.example/x'><img></a><a href='//other.example/x'>named</a>"
        "<a href='http://[broken'>b</a><a href='ftp://x/y'>f</a>"
        "<map><area href=/area alt=Map></map>"
    )
    assert found.links == [
        Link(url="http://site.example/base/a", text="A"),
        Link(url="http://other.example/x", text="named"),
        Link(url="http://site.example/area", text="Map"),
    ]


def test_more_links_than_an_answer_holds_are_cut() -> None:
    found = reading("".join(f"<a href=/{n}>{n}</a>" for n in range(150)))
    assert len(found.links) == 100
    assert found.truncated


def test_a_page_says_who_wrote_it_when_and_about_what() -> None:
    found = reading(
        "<html lang=en><head><title>T</title><meta name=Description content='About canals'>"
        "<meta name=author content='Jane Doe'><meta property=og:site_name content='Canal News'>"
        "<meta property='article:published_time' content='2024-03-05T10:00:00Z'>"
        "<meta name=keywords content='canals, water,canals'><link rel=canonical href='/canal'>"
        f"</head><body><p>{ARTICLE}</p>"
    ).metadata
    assert found is not None
    assert found.model_dump() == {
        "description": "About canals",
        "author": "Jane Doe",
        "date": "2024-03-05",
        "language": "en",
        "site_name": "Canal News",
        "canonical": "http://site.example/canal",
        "keywords": ["canals", "water"],
    }


def test_a_page_may_say_it_in_json() -> None:
    data = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "author": {"@type": "Person", "name": "Ann Other"},
        "datePublished": "2023-01-02",
    }
    script = f'<script type="application/ld+json">{json.dumps(data)}</script>'
    found = reading(f"<head>{script}</head><p>{ARTICLE}").metadata
    assert found is not None
    assert (found.author, found.date) == ("Ann Other", "2023-01-02")


def test_a_page_that_says_nothing_about_itself_has_nothing_there() -> None:
    found = reading("<p>hello").metadata
    assert found is not None
    assert not any(found.model_dump().values())


def test_fields_are_taken_by_selector() -> None:
    found = reading(
        "<div class=price> 12 <b>EUR</b></div><div class=price>13</div><img src=/a.png><img alt=x>",
        prices=".price",
        images="img::attr(src)",
        none=".none",
    )
    assert found.fields == {"prices": ["12 EUR", "13"], "images": ["/a.png"], "none": []}


def test_a_selector_that_takes_too_long_on_a_page_is_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        reading("<p>" * 20_000, slow="b ~ p")
    assert caught.value.field == "selectors.slow"


def test_selectors_are_for_html_alone() -> None:
    with pytest.raises(InvalidInput, match="HTML alone"):
        reading("{}", "application/json", it="a")


def test_only_the_parts_asked_for_are_given() -> None:
    page = "<title>T</title><p>text</p><a href=/x>x</a>"
    found = reading(page, parts=frozenset({"title"}))
    assert (found.title, found.text, found.links, found.metadata) == ("T", "", [], None)
    found = reading(page, parts=frozenset({"text"}))
    assert (found.title, found.text) == ("", "text\nx")


def test_a_long_text_is_cut() -> None:
    found = reading("<p>" + "word " * 1000, max_chars=99)
    assert len(found.text) <= 99
    assert found.truncated
    assert not reading("<p>word", max_chars=99).truncated


def test_a_page_that_was_cut_is_read_as_far_as_it_goes() -> None:
    found = reading("<title>T</title><p>süß".encode()[:-1], cut=True)
    assert (found.title, found.text, found.truncated) == ("T", "sü", True)


@pytest.mark.parametrize("page", ["", "   ", "<!-- nothing -->", "<html></html>", "\0"])
def test_an_empty_page_says_nothing(page: str) -> None:
    assert reading(page).text == ""


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("application/json", '{"a": "<b>"}'),
        ("text/plain; charset=utf-8", "one\n  two <b>"),
        ("text/markdown", "# Head\n\n- a"),
        ("text/csv", "a,b\n1,2"),
    ],
)
def test_what_is_text_already_is_given_as_it_is(content_type: str, text: str) -> None:
    found = reading(text, content_type)
    assert found.text == text
    assert found.content_type == content_type.partition(";")[0]


def test_a_feed_is_read_entry_by_entry() -> None:
    found = reading(
        """<?xml version="1.0"?><rss><channel><title>Canal News</title><item>
        <title>Water &amp; more</title><link>http://site.example/1</link>
        <description>&lt;p&gt;It &lt;b&gt;flows&lt;/b&gt;.&lt;/p&gt;&lt;script&gt;SECRET
        &lt;/script&gt;</description></item><item><title>Two</title>
        <link>http://site.example/2</link><description><![CDATA[5 < 6]]></description></item>
        </channel></rss>""",
        "application/rss+xml",
    )
    assert found.title == "Canal News"
    assert [line for line in found.text.split("\n") if line] == [
        "Canal News",
        "Water & more",
        "http://site.example/1",
        "It flows.",
        "Two",
        "http://site.example/2",
        "5 < 6",
    ]
    assert found.links == [
        Link(url="http://site.example/1", text="Water & more"),
        Link(url="http://site.example/2", text="Two"),
    ]


def test_an_atom_feed_has_links_too() -> None:
    feed = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>F</title><entry><title>E</title>'
        '<link href="http://site.example/e"/><content type="html">&lt;i&gt;x&lt;/i&gt;</content>'
        "</entry></feed>"
    )
    found = reading(feed, "application/atom+xml")
    assert found.links == [Link(url="http://site.example/e", text="E")]
    assert found.text.split() == ["F", "E", "x"]


def test_xml_reads_no_files_and_does_not_grow() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol"}">' for n in range(10))
    found = reading(f"<!DOCTYPE a [{entities}]><a>x&e9;</a>", "text/xml")
    assert "lol" not in found.text
    entity = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>x&e;y</a>'
    assert "root:" not in reading(entity, "text/xml").text


def test_broken_xml_is_read_as_far_as_it_goes() -> None:
    assert reading("<a><b>one</b><c>two", "text/xml").text == "one\ntwo"
    assert reading("no xml at all", "text/xml").text == "no xml at all"


@pytest.mark.parametrize("content_type", ["image/png", "application/zip", "application/pdf"])
def test_what_is_no_text_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedContent, match=content_type):
        reading(b"\x89PNG", content_type)


def test_bytes_that_only_call_themselves_text_are_refused() -> None:
    with pytest.raises(UnsupportedContent, match="no text"):
        reading(b"PK\x03\x04\0\0\0", "text/plain")


def test_markup_made_to_keep_the_parser_busy_is_refused() -> None:
    attributes = " ".join(f"a{n}='>'" for n in range(3000))
    with pytest.raises(UnsupportedContent, match="markup"):
        reading(f"<p {attributes}>x")


@pytest.mark.parametrize(
    "piece",
    ["<div>", "<p>x", "<a href=/x>", "<table><tr><td>", "<b><i></b>", "<svg>", "<!--", "<title>"],
)
def test_markup_without_end_is_survived(piece: str) -> None:
    assert isinstance(reading(piece * 3000).text, str)


@settings(max_examples=50)
@given(
    st.lists(
        st.sampled_from(
            "<p> </p> <div\thidden> </div> <a\thref='x'> <script> </script> ä <table> <td> <h1>"
            " &amp; &#0; \0 <body> </html> text\t".split(" ")
        )
    ),
    st.sampled_from(["text/html", "text/xml", "text/plain"]),
)
def test_any_page_is_read(pieces: list[str], content_type: str) -> None:
    try:
        found = reading("".join(pieces), content_type)
    except UnsupportedContent:
        return
    found.text.encode("utf-8")
    assert "\0" not in found.text + found.title
