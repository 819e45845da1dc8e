# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.matching import capability_hit, hits, matches, why_not
from rollcall.registry.models import Address, Capability, Kind, Record
from rollcall.registry.query import Query, Reason
from rollcall.registry.status import Status
from rollcall.registry.text import fold

CODER = Capability("Python code generation", "Writes and tests modules", ("Coding", "pair work"))


def record(**fields: Any) -> Record:
    given = {"kind": Kind.AGENT, "name": "Coder One", "capabilities": (CODER,)} | fields
    return Record("default", "r1", reported=Status.ACTIVE, created_at=0.0, updated_at=0.0, **given)


@pytest.mark.parametrize(
    ("text", "score", "reason"),
    [
        ("python  CODE generation", 1.0, Reason.EXACT),
        ("coding", 0.95, Reason.EXACT),
        ("code generation", 0.9, Reason.PHRASE),
        ("work", 0.85, Reason.PHRASE),
        ("tests modules", 0.8, Reason.PHRASE),
        ("generation python", 0.75, Reason.WORDS),
        ("python tests", 0.7, Reason.WORDS),
        ("thon co", 0.6, Reason.SUBSTRING),
        ("odin", 0.55, Reason.SUBSTRING),
        ("odule", 0.5, Reason.SUBSTRING),
    ],
)
def test_a_better_match_scores_higher(text: str, score: float, reason: Reason) -> None:
    hit = capability_hit(CODER, fold(text))
    assert hit is not None
    assert (hit.score, hit.reason, hit.capability) == (score, reason, CODER)


@pytest.mark.parametrize("text", ["java", "python java", "code for", "ules pair"])
def test_what_lacks_a_word_does_not_match(text: str) -> None:
    assert capability_hit(CODER, text) is None


@pytest.mark.parametrize("text", ["b cd", "b ef", "d ef", "f gh", "h cd"])
def test_a_match_never_crosses_from_one_field_or_tag_into_another(text: str) -> None:
    assert capability_hit(Capability("ab", "cd", ("ef", "gh")), text) is None


def test_c_is_no_word_of_what_does_c_plus_plus() -> None:
    plus = Capability("C++ development")
    whole = capability_hit(plus, "c++")
    part = capability_hit(plus, "c")
    assert whole is not None
    assert part is not None
    assert (whole.reason, part.reason) == (Reason.PHRASE, Reason.SUBSTRING)
    assert capability_hit(Capability("C development"), "c++") is None


def test_the_hits_of_a_record_come_best_first_and_each_phrase_once() -> None:
    exact = Capability("code", cost_estimate="much")
    twice = record(capabilities=(CODER, exact, Capability("code")))
    found = hits(twice, Status.ACTIVE, Query(text="code"))
    assert [(hit.capability, hit.score) for hit in found] == [(exact, 1.0), (CODER, 0.9)]


def test_a_query_without_words_lists_all_phrases() -> None:
    found = hits(record(), Status.ACTIVE, Query(text="  "))
    assert [(hit.capability, hit.reason) for hit in found] == [(CODER, Reason.LISTED)]


@pytest.mark.parametrize(
    ("query", "passed"),
    [
        (Query(), True),
        (Query(statuses=frozenset({Status.ACTIVE})), True),
        (Query(statuses=frozenset()), False),
        (Query(kinds=frozenset({Kind.AGENT, Kind.API})), True),
        (Query(kinds=frozenset({Kind.API})), False),
        (Query(name="R ONE"), True),
        (Query(name="two"), False),
        (Query(tags=("BLUE", "coding")), True),
        (Query(tags=("blue", "green")), False),
        (Query(capabilities=("PYTHON code generation",)), True),
        (Query(capabilities=("python",)), False),
        (Query(runtime="host-1"), True),
        (Query(runtime=""), False),
        (Query(metadata={"zone": "a"}), True),
        (Query(metadata={"zone": None}), False),
        (Query(metadata={"other": None}), False),
        (Query(addressed=True), True),
        (Query(addressed=False), False),
        (Query(text="python", kinds=frozenset({Kind.AGENT})), True),
        (Query(text="cobol", kinds=frozenset({Kind.AGENT})), False),
    ],
)
def test_every_filter_must_hold(query: Query, passed: bool) -> None:
    one = record(tags=("blue",), runtime="host-1", metadata={"zone": "a"}, address=Address("h", 80))
    assert matches(one, Status.ACTIVE, query) is passed
    assert bool(hits(one, Status.ACTIVE, query)) is passed
    assert all(rule.passed for rule in why_not(one, Status.ACTIVE, query)) is passed


def test_why_not_says_of_each_filter_what_it_found() -> None:
    query = Query(
        text="cobol",
        statuses=frozenset({Status.ACTIVE}),
        kinds=frozenset({Kind.API}),
        name="two",
        tags=("coding", "blue"),
        capabilities=("cobol",),
        runtime="host-2",
        metadata={"zone": "a"},
        addressed=True,
    )
    rules = why_not(record(), Status.OFFLINE, query)
    assert [(rule.name, rule.passed, rule.detail) for rule in rules] == [
        ("text", False, "none of its capabilities has 'cobol' in its name, tags or description"),
        ("statuses", False, "it is offline; asked for: active"),
        ("kinds", False, "it is of kind agent; asked for: api"),
        ("name", False, "its name is 'Coder One'; asked for a part: 'two'"),
        ("tags", False, "tags that it lacks: blue"),
        ("capabilities", False, "capabilities that it lacks: cobol"),
        ("runtime", False, "it lives in runtime ''; asked for: 'host-2'"),
        ("metadata", False, "metadata that differ: zone"),
        ("addressed", False, "it has no address"),
    ]


def test_why_not_names_the_capability_that_matches() -> None:
    (rule,) = why_not(record(), Status.ACTIVE, Query(text="code generation"))
    assert rule.passed
    assert rule.detail == (
        "capability 'Python code generation': its name has the query as whole words"
    )


@pytest.mark.parametrize("text", ["x" * 1001, "a\0b"])
def test_words_that_cannot_be_searched_for_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^text: must"):
        matches(record(), Status.ACTIVE, Query(text=text))
