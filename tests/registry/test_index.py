# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rollcall.registry.index import Index
from rollcall.registry.matching import hits, matches, phrase_key
from rollcall.registry.models import Address, Capability, Kind, Record
from rollcall.registry.query import Query, Reason
from rollcall.registry.search import Found
from rollcall.registry.status import CODE, EFFECTIVE, Status

PHRASES = (
    Capability("Code generation", "Writes code", ("python", "Code")),
    Capability("code generation", "Writes code", ("python", "Code"), cost_estimate="much"),
    Capability("Code generation", "Writes Rust", ("rust", "rust")),
    Capability("C++ review", "", ("c++", "CI/CD")),
    Capability("c", "generation of code"),
    Capability("İstanbul guide", "\ufb01nds ways in İstanbul", ("travel",)),
    Capability("字幕生成", "動画の字幕", ("日本語",)),
    Capability("", "", ("->",)),
    Capability("recode", "regeneration"),
)
TEXTS = (
    *("code", "code generation", "generation code", "ode gen", "c++", "c", "ci/cd", "ci cd"),
    *("istanbul", "İSTANBUL", "finds", "\ufb01", "字幕", "生", "->", "-", "rust writes", "python"),
    *("python generation", "", " ", "absent", "absent code"),
)
NAMES = ("Alpha One", "alpha two", "Straße", "", "β")

capabilities = st.lists(
    st.one_of(
        st.sampled_from(PHRASES),
        st.builds(
            Capability,
            st.text("ab c+-", max_size=6),
            st.text("ab c+-", max_size=6),
            st.lists(st.text("ab +", max_size=3), max_size=2).map(tuple),
        ),
    ),
    max_size=4,
).map(tuple)
runtimes = st.sampled_from(["", "r1", "r2"])
tags = st.lists(st.sampled_from(["python", "Blue", "blue", "rust", ""]), max_size=3).map(tuple)
namespaces = st.sampled_from(["one", "two"])
records = st.builds(
    Record,
    namespaces,
    st.just("id"),
    st.sampled_from([Kind.AGENT, Kind.API]),
    st.sampled_from(NAMES),
    st.just(Status.ACTIVE),
    st.just(0.0),
    st.just(0.0),
    capabilities,
    runtime=runtimes,
    tags=tags,
    address=st.sampled_from([None, Address("h", 1)]),
    metadata=st.sampled_from([None, {"zone": "a"}, {"zone": "b"}]),
)
codes = st.integers(0, len(EFFECTIVE) - 1)
statuses = st.frozensets(st.sampled_from(list(Status)), min_size=1, max_size=3)
queries = st.builds(
    Query,
    text=st.one_of(st.sampled_from(TEXTS), st.text("ab c+-", max_size=4)),
    statuses=st.one_of(st.none(), st.none(), statuses),
    kinds=st.one_of(st.none(), st.none(), st.just(frozenset({Kind.API}))),
    name=st.sampled_from(["", "", "", "alpha", "STRASSE", "e"]),
    tags=st.one_of(st.just(()), st.just(()), tags),
    capabilities=st.sampled_from([(), (), ("CODE generation",), ("code generation", "c")]),
    runtime=st.one_of(st.none(), st.none(), runtimes),
    metadata=st.sampled_from([None, None, {"zone": "a"}]),
    addressed=st.sampled_from([None, None, True, False]),
)


class IndexAgainstTheOracle(RuleBasedStateMachine):
    """Whatever is done, the index finds just what the oracle accepts, and leaks nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Record | None] = [None] * 16
        self.codes: dict[int, int] = {}
        self.index = Index(self.records)

    @rule(slot=st.integers(0, 15), record=records, code=codes)
    def put(self, slot: int, record: Record, code: int) -> None:
        self.records[slot] = record
        self.codes[slot] = code
        self.index.put(slot, record, code)

    @rule(slot=st.integers(0, 15), code=codes)
    def move(self, slot: int, code: int) -> None:
        if slot in self.codes:
            self.codes[slot] = code
            self.index.move(slot, code)

    @rule(slot=st.integers(0, 15))
    def remove(self, slot: int) -> None:
        self.index.remove(slot)
        self.records[slot] = None
        self.codes.pop(slot, None)

    @rule(namespace=namespaces, query=queries, limit=st.integers(0, 5))
    def search(self, namespace: str, query: Query, limit: int) -> None:
        check_search(self.index, self.living(namespace), namespace, query, limit)

    def living(self, namespace: str) -> dict[int, tuple[Record, Status]]:
        return {
            slot: (record, EFFECTIVE[self.codes[slot]])
            for slot, record in enumerate(self.records)
            if record is not None and record.namespace == namespace
        }

    @invariant()
    def the_counts_are_right(self) -> None:
        inhabited = {record.namespace for record in self.records if record is not None}
        assert set(self.index.namespaces()) == inhabited
        for namespace in ("one", "two"):
            living = self.living(namespace)
            seen = Counter(status for _, status in living.values())
            assert +Counter(self.index.statuses(namespace)) == seen
            assert self.index.kinds(namespace) == Counter(r.kind for r, _ in living.values())
            homes = Counter(r.runtime for r, _ in living.values() if r.runtime)
            assert self.index.runtimes(namespace) == homes
            for home, count in homes.items():
                assert self.index.population(namespace, home) == count
                members = sorted(self.index.members(namespace, home))
                assert members == [s for s, (r, _) in living.items() if r.runtime == home]
            keys = [{phrase_key(c) for c in r.capabilities} for r, _ in living.values()]
            distinct = set[Any]().union(*keys)
            found = {phrase_key(c) for _, c in self.index.phrases(namespace)}
            assert found == distinct
            assert self.index.capability_count(namespace) == len(distinct)
            assert self.index.capability_entries(namespace) == sum(map(len, keys))

    @rule()
    def it_holds_no_more_than_one_that_never_held_anything_else(self) -> None:
        fresh = Index(self.records)
        for slot, code in self.codes.items():
            record = self.records[slot]
            assert record is not None
            fresh.put(slot, record, code)
        for index in (self.index, fresh):
            self.have_names_indexed(index)
        assert self.index.size == fresh.size

    def have_names_indexed(self, index: Index) -> None:
        """Ask for a name among so many that it pays to index names."""
        for namespace in ("one", "two"):
            extra = range(len(self.records), len(self.records) + 8)
            for slot in extra:
                visitor = agent(slot, namespace=namespace)
                self.records.append(visitor)
                index.put(slot, visitor, 0)
            assert list(index.search(namespace, Query(name="nobody"))) == []
            for slot in extra:
                index.remove(slot)
                self.records.pop()

    def teardown(self) -> None:
        self.it_holds_no_more_than_one_that_never_held_anything_else()
        for slot in list(self.codes):
            self.remove(slot)
        self.the_counts_are_right()
        assert self.index.size == 0


TestIndex = IndexAgainstTheOracle.TestCase
TestIndex.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)


def check_search(
    index: Index,
    living: dict[int, tuple[Record, Status]],
    namespace: str,
    query: Query,
    limit: int,
) -> None:
    """Compare all that the index says to a query with what the oracle says."""
    right = {slot for slot, (r, status) in living.items() if matches(r, status, query)}
    found = list(index.search(namespace, query))
    assert sorted(one.slot for one in found) == sorted(right)
    best = {slot: hits(*living[slot], query) for slot in right}
    for one in found:
        if query.text.strip():
            assert one.hit is not None
            assert one.hit.score == best[one.slot][0].score
            assert one.hit in best[one.slot]
        else:
            assert one.hit is None
    assert index.count(namespace, query) == len(right)
    every = list(index.search(namespace, query, per="capability"))
    assert Counter(map(repr, every)) == Counter(
        repr(Found(slot, hit)) for slot, these in best.items() for hit in these
    )
    for answer in (found, every):
        scores = [1.0 if one.hit is None else one.hit.score for one in answer]
        assert scores == sorted(scores, reverse=True)
    assert list(index.search(namespace, query, limit=limit)) == found[:limit]


def fleet(these: Iterable[Record]) -> Index:
    kept = list(these)
    index = Index(kept)
    for slot, record in enumerate(kept):
        index.put(slot, record, CODE[Status.ACTIVE])
    return index


@settings(max_examples=150, deadline=None)
@given(st.lists(records, min_size=20, max_size=60), st.lists(queries, min_size=1, max_size=6))
@pytest.mark.slow
def test_the_index_finds_what_the_oracle_accepts_in_a_larger_fleet(
    these: list[Record], asked: list[Query]
) -> None:
    index = fleet(these)
    for namespace in ("one", "two"):
        own = (n for n in enumerate(these) if n[1].namespace == namespace)
        living = {slot: (record, Status.ACTIVE) for slot, record in own}
        for query in asked:
            check_search(index, living, namespace, query, 3)


def agent(number: int, *these: Capability, **fields: Any) -> Record:
    given: dict[str, Any] = {"kind": Kind.AGENT, "name": f"agent {number}", "namespace": "default"}
    given |= fields
    return Record(id=f"a{number}", reported=Status.ACTIVE, created_at=0.0, updated_at=0.0,
                  capabilities=these, **given)  # fmt: skip


def cost(index: Index, query: Query, limit: int | None = None) -> tuple[int, int]:
    """How many answers a query has, and the steps that they take."""
    before = index.steps
    answers = sum(1 for _ in index.search("default", query, limit))
    return answers, index.steps - before


SIZES = (1000, 20_000)
COMMON = [Capability(f"common work {number}") for number in range(100)]
RARE = Capability("zebra grooming", "Brushes stripes", ("animals",))


@pytest.fixture(scope="module")
def fleets() -> list[Index]:
    return [
        fleet(
            [
                *(
                    agent(n, COMMON[n % 100], runtime=f"r{n % 10}", tags=("fleet",))
                    for n in range(size)
                ),
                agent(size, RARE, runtime="zoo", tags=("stripes",), name="zed"),
            ]
        )
        for size in SIZES
    ]


@pytest.mark.parametrize(
    "query",
    [
        Query(text="zebra grooming"),
        Query(text="stripes brushes"),
        Query(text="ebra"),
        Query(text="zebra", statuses=frozenset({Status.ACTIVE})),
        Query(runtime="zoo"),
        Query(tags=("fleet", "stripes"), kinds=frozenset({Kind.AGENT})) ,
        Query(tags=("stripes",)),
        Query(tags=("animals",)),
        Query(capabilities=("zebra grooming",)),
        Query(text="grooming", runtime="zoo", tags=("animals",)),
    ],
)  # fmt: skip
def test_finding_one_costs_the_same_in_a_small_and_in_a_large_fleet(
    fleets: list[Index], query: Query
) -> None:
    counted = [cost(index, query) for index in fleets]
    assert counted[0][0] <= 1
    assert counted[0] == counted[1]
    assert counted[0][1] < 20


def test_finding_by_name_costs_the_same_once_the_names_are_known(fleets: list[Index]) -> None:
    query = Query(name="ZED")
    for index in fleets:
        cost(index, query)
    counted = [cost(index, query) for index in fleets]
    assert counted[0] == counted[1]
    assert counted[0][0] == 1
    assert counted[0][1] < 20


def test_the_first_few_of_many_cost_a_few_records_and_the_phrases(fleets: list[Index]) -> None:
    index = fleets[1]
    assert cost(index, Query(text="common"), limit=10) <= (10, 10 + 2 * len(COMMON))
    assert cost(index, Query(), limit=10) == (10, 10)
    assert cost(index, Query(text="common work 7"), limit=10) == (10, 10)


def test_a_status_that_nobody_has_costs_the_phrases_and_not_the_records(
    fleets: list[Index],
) -> None:
    nobody = frozenset({Status.OFFLINE})
    index = fleets[1]
    answers, steps = cost(index, Query(text="common", statuses=nobody))
    assert answers == 0
    assert steps <= 2 * len(COMMON)
    assert cost(index, Query(statuses=nobody)) == (0, 0)


def test_two_broad_filters_that_exclude_each_other_cost_the_narrower_twice(
    fleets: list[Index],
) -> None:
    index = fleets[1]
    query = Query(text="common work", runtime="r1", metadata={"no": "such"})
    narrower = SIZES[1] // 10
    answers, steps = cost(index, query)
    assert answers == 0
    assert steps <= 2 * narrower + 3 * len(COMMON)


def test_counting_by_status_kind_or_runtime_looks_at_no_record(fleets: list[Index]) -> None:
    index = fleets[1]
    before = index.steps
    active = frozenset({Status.ACTIVE})
    assert index.count("default", Query(statuses=active)) == SIZES[1] + 1
    assert index.count("default", Query(kinds=frozenset({Kind.API}))) == 0
    assert index.count("default", Query(runtime="r3", statuses=active)) == SIZES[1] // 10
    assert index.steps == before


def test_a_hit_carries_the_records_own_parameters() -> None:
    plain = Capability("sums")
    own = Capability("sums", parameters={"type": "object"})
    index = fleet([agent(0, plain), agent(1, Capability("other"), own)])
    found = {one.slot: one.hit for one in index.search("default", Query(text="sums"))}
    assert found[1] is not None
    assert found[1].capability is own
    assert index.capability_count("default") == 2


def test_phrases_found_by_meaning_become_records_through_the_same_filters() -> None:
    cats, dogs = Capability("cats"), Capability("dogs")
    index = fleet([agent(0, cats, dogs), agent(1, dogs), agent(2, dogs, kind=Kind.API)])
    pids = {capability.name: pid for pid, capability in index.phrases("default")}
    ranked = [(pids["dogs"], 0.8, "pets"), (999, 0.7, ""), (pids["cats"], 0.6, "")]
    agents = Query(text="animals", kinds=frozenset({Kind.AGENT}))
    found = list(index.expand("default", ranked, agents))
    assert sorted(one.slot for one in found) == [0, 1]
    assert {(one.hit.score, one.hit.reason, one.hit.detail) for one in found if one.hit} == {
        (0.8, Reason.SEMANTIC, "pets")
    }
    every = list(index.expand("default", ranked, agents, per="capability"))
    assert [one.hit.capability.name for one in every if one.hit] == ["dogs", "dogs", "cats"]
    assert list(index.expand("default", ranked, agents, limit=1)) == found[:1]
    assert list(index.expand("elsewhere", ranked, agents)) == []


def test_the_phrase_version_changes_only_when_a_phrase_comes_or_goes() -> None:
    kept = [agent(0, RARE), agent(1, RARE)]
    index = Index(kept)
    seen = [index.phrase_version("default")]
    index.put(0, kept[0], 0)
    seen.append(index.phrase_version("default"))
    index.put(1, kept[1], 0)
    index.remove(0)
    index.move(1, 3)
    assert index.phrase_version("default") == seen[-1]
    (old,) = index.phrase_ids("default")
    assert list(index.holders("default", old)) == [1]
    index.remove(1)
    index.put(0, kept[0], 0)
    seen.append(index.phrase_version("default"))
    assert len(set(seen)) == 3
    assert old not in index.phrase_ids("default")
    assert index.phrase("default", old) is None


def test_a_namespace_that_is_not_there_reads_as_empty() -> None:
    index = Index([])
    assert list(index.search("nowhere", Query(text="x"))) == []
    assert index.count("nowhere", Query()) == 0
    assert set(index.statuses("nowhere").values()) == {0}
    assert (index.kinds("nowhere"), index.runtimes("nowhere")) == ({}, {})
    assert (index.capability_count("nowhere"), index.capability_entries("nowhere")) == (0, 0)
    assert list(index.phrases("nowhere")) == list(index.phrase_ids("nowhere")) == []
    assert (index.phrase_version("nowhere"), index.population("nowhere", "r")) == (0, 0)
    assert list(index.members("nowhere", "r")) == list(index.holders("nowhere", 1)) == []
