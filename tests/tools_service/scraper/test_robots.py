# SPDX-License-Identifier: Apache-2.0
"""The rules of robots.txt (RFC 9309)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.tools.scraper.robots import ALLOW_ALL, ALLOW_NONE, Rule, parse_robots


def allowed(text: str, path: str, product: str = "Rollcall") -> bool:
    return parse_robots(text, product).allow(path)


@pytest.mark.parametrize(
    ("rules", "path", "may"),
    [
        ("Disallow: /", "/", False),
        ("Disallow:", "/a", True),
        ("Disallow: /a", "/a", False),
        ("Disallow: /a", "/ab", False),
        ("Disallow: /a", "/b/a", True),
        ("Disallow: /a", "/A", True),
        ("Disallow: /a/", "/a", True),
        ("Disallow: /*.gif$", "/x/y.gif", False),
        ("Disallow: /*.gif$", "/x/y.gif?z", True),
        ("Disallow: /a*b", "/a-b-c", False),
        ("Disallow: /a*b$", "/a-b-c", True),
        ("Disallow: /a*b$", "/a-b-b", False),
        ("Disallow: *private", "/x/private", False),
        ("Disallow: /$", "/", False),
        ("Disallow: /$", "/a", True),
        ("Disallow: /?q=", "/?q=x", False),
        ("Disallow: /a**b", "/a1b", False),
        ("Disallow: a", "/a", True),
        # The longest rule counts, wherever it stands; among equals the one that allows.
        ("Disallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("Allow: /a/b\nDisallow: /a", "/a/b/c", True),
        ("Allow: /\nDisallow: /a", "/a", False),
        ("Disallow: /a\nAllow: /a", "/a", True),
        ("Allow: /p\nDisallow: /*.html", "/p.html", False),
        # Escapes are one thing, however they are written.
        ("Disallow: /caf%c3%a9", "/caf%C3%A9", False),
        ("Disallow: /café", "/caf%C3%A9", False),
        ("Disallow: /%61", "/a", False),
        ("Disallow: /a", "/%61", False),
        ("Disallow: /a%2Fb", "/a/b", True),
        ("Disallow: /star-%2A", "/star-*", False),
        ("Disallow: /star-%2A", "/star-x", True),
    ],
)
def test_rules_say_what_may_be_read(rules: str, path: str, may: bool) -> None:
    assert allowed(f"User-agent: *\n{rules}\n", path) is may


def test_a_group_that_names_the_program_counts_instead_of_that_for_all() -> None:
    text = "User-agent: *\nDisallow: /\n\nUser-agent: rollcall\nDisallow: /private\n"
    assert allowed(text, "/page")
    assert not allowed(text, "/private/page")
    assert not allowed(text, "/page", "Other")


def test_all_groups_that_name_the_program_count_together() -> None:
    text = (
        "User-agent: Rollcall/2.0\nDisallow: /a\n\nUser-agent: x\nDisallow: /c\n\n"
        "User-agent: ROLLCALL\nDisallow: /b\n"
    )
    assert [allowed(text, path) for path in ("/a", "/b", "/c")] == [False, False, True]


def test_a_group_may_name_several_programs_and_have_other_lines() -> None:
    text = "User-agent: a\nUser-agent: Rollcall # that is us\nSitemap: /map\nCrawl-delay: 9\n"
    text += "disallow : /x # and nothing else\nnonsense\n: :\n"
    assert not allowed(text, "/x")
    assert not allowed(text, "/x", "a")
    assert allowed(text, "/x", "b")


def test_a_group_without_rules_allows_all() -> None:
    assert allowed("User-agent: *\nDisallow: /\nUser-agent: Rollcall\n", "/a")


def test_a_name_that_only_begins_like_ours_is_another() -> None:
    assert allowed("User-agent: Rollcaller\nDisallow: /\n", "/a")


def test_rules_before_any_group_are_nobodys() -> None:
    assert allowed("Disallow: /\nUser-agent: *\nAllow: /\n", "/a")


def test_line_ends_and_a_byte_order_mark_do_not_matter() -> None:
    assert not allowed("\ufeffUser-agent: *\r\nDisallow: /a\r\rDisallow: /b", "/b")


def test_robots_txt_itself_may_always_be_read() -> None:
    assert allowed("User-agent: *\nDisallow: /\n", "/robots.txt")
    assert ALLOW_NONE.allow("/robots.txt")
    assert not ALLOW_NONE.allow("/a")
    assert ALLOW_ALL.allow("/a")


def test_a_rule_of_many_stars_takes_no_time() -> None:
    rule = Rule(allow=False, pattern="/" + "*a" * 10 + "$")
    assert not rule.matches("/" + "a" * 2000 + "b")
    text = "User-agent: *\nDisallow: /" + "*a" * 5000
    assert allowed(text, "/" + "a" * 2000)


@given(st.text(alphabet="User-agent: *Disallow/\n#%$ab\r\0é", max_size=200), st.text(max_size=30))
def test_any_text_is_read(text: str, path: str) -> None:
    assert allowed(text, f"/{path}") in {True, False}


@given(
    st.lists(st.sampled_from(["a", "b", "*"]), max_size=6),
    st.booleans(),
    st.text(alphabet="ab", max_size=10),
)
def test_a_rule_matches_as_the_pattern_reads(parts: list[str], ends: bool, path: str) -> None:
    """Against the definition: every way to share the path out among the stars is tried."""

    def fits(pattern: list[str], rest: str) -> bool:
        if not pattern:
            return not rest or not ends
        if pattern[0] == "*":
            return any(fits(pattern[1:], rest[at:]) for at in range(len(rest) + 1))
        return rest[:1] == pattern[0] and fits(pattern[1:], rest[1:])

    rule = Rule(allow=True, pattern="/" + "".join(parts) + ("$" if ends else ""))
    assert rule.matches(f"/{path}") == fits(parts, path)
