# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.word_query import Alternative, Clause, matches, parse, relaxed
from rollcall.kernel.words import words


def answers(text: str, query: str) -> bool:
    return matches([word.folded for word in words(text)], parse(query))


def loosely(text: str, query: str) -> bool:
    loose = relaxed(parse(query))
    return loose is not None and matches([word.folded for word in words(text)], loose)


@pytest.mark.parametrize(
    ("query", "found", "passed_over"),
    [
        ("late invoice", "The invoice is late.", "The invoice is paid."),
        ('"second reminder"', "Our second, reminder", "reminder: the second"),
        ("invoice -paid", "invoice open", "invoice paid"),
        ('invoice -"paid in full"', "invoice in full, paid", "invoice: paid in full"),
        ("invoice OR bill", "the bill", "the order"),
        ("late invoice OR bill", "a bill", "late"),
        ("late bill OR late invoice", "late invoice", "bill invoice"),
        ("invoi*", "INVOICING", "reinvoicing"),
        ('"second remi*"', "second remi", "second reminder"),
        ('"second remi"*', "second reminder", "second the reminder"),
        ("e-mail", "an E-Mail", "mail: e"),
        ("foo-ba*", "foo, bar", "foo a bar"),
        ("\u201csecond reminder\u201d", "second reminder", "reminder second"),
        ("or OR and", "this or that", "this"),
        ("M\u00fcnchen", "munchen", "muenchen"),
        ("--force", "use --force", "use it"),
        ("a--b", "a b", "b a"),
        ("4-5", "4-5", "5-4"),
        ('one"two three"four', "one two three four", "one three two four"),
        ('invoice "late', "late invoice", "invoice"),
        ("* invoice - OR", "invoice", "bill"),
        ("a OR -b", "a", "c"),
        ("\u4f1a\u8bae", "\u5f00\u4f1a\u8bae\u4e2d", "\u8bae\u4f1a"),
    ],
)
def test_a_query_means(query: str, found: str, passed_over: str) -> None:
    assert answers(found, query)
    assert not answers(passed_over, query)


@pytest.mark.parametrize(
    "query", ["", " ", "-paid", '-"paid in full"', "?!", "OR", '""', "-a OR -b", "*"]
)
def test_a_query_without_a_word_to_look_for_is_refused(query: str) -> None:
    with pytest.raises(InvalidInput, match="names no word to look for") as caught:
        parse(query)
    assert caught.value.field == "query"


@given(st.text(max_size=60))
def test_there_is_no_wrong_syntax(text: str) -> None:
    try:
        query = parse(text)
    except InvalidInput:
        return
    for part in query.alternatives:
        assert part.wanted
        for clause in (*part.wanted, *part.excluded):
            assert clause.terms


@given(st.lists(st.from_regex(r"[a-c]{1,3}", fullmatch=True), min_size=1, max_size=6))
def test_a_message_answers_its_own_words_in_any_order_and_as_a_phrase(said: list[str]) -> None:
    text = " ".join(said)
    assert answers(text, " ".join(reversed(said)))
    assert answers(text, f'"{text}"')
    assert not answers(text, f"{text} -{said[0]}")
    assert answers(text, f"zzz OR {said[-1]}")


def test_a_query_says_each_thing_once() -> None:
    twice = parse("a a -b -b OR c* OR a")
    assert twice.alternatives == (
        Alternative((Clause(("a",)),), (Clause(("b",)),)),
        Alternative((Clause(("c",), True),)),
        Alternative((Clause(("a",)),)),
    )
    assert twice.wanted == (Clause(("a",)), Clause(("c",), True))


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("what did I say about invoices", "The invoice 4711 is late"),
        ("What did we discuss concerning the Berlin trip?", "hotel in Berlin"),
        ("invoice", "all invoices"),
        ('"second reminder"', "reminder, the second"),
        ("find my earlier messages about the budget", "Budget: 400"),
        ("what was it about", "what a day"),
    ],
)
def test_a_relaxed_query_finds_what_may_be_meant(query: str, text: str) -> None:
    assert not answers(text, query)
    assert loosely(text, query)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("what did I say about invoices", "I did say what I think about that"),
        ("invoices -paid", "the invoice is paid"),
        ("glass", "gla"),
        ("gas", "gasoline"),
    ],
)
def test_a_relaxed_query_passes_over_what_is_not_meant(query: str, text: str) -> None:
    assert not loosely(text, query)


def test_a_query_that_cannot_be_relaxed_is_not() -> None:
    assert relaxed(parse("invoi*")) is None
    assert relaxed(parse("gas")) is None


@given(
    st.lists(st.sampled_from(["late", "bills", "e-mail", '"due date"', "OR", "-paid", "x*"])),
    st.lists(st.sampled_from(["late", "bills", "e", "mail", "due", "date", "paid", "xx"])),
)
def test_whatever_answers_a_query_answers_it_relaxed(asked: list[str], said: list[str]) -> None:
    query = " ".join([*asked, "bills"])
    if answers(" ".join(said), query) and relaxed(parse(query)) is not None:
        assert loosely(" ".join(said), query)
