from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rollcall.memory.entities import VALUES, Extraction, Known, cleaned, key_of
from rollcall.memory.extract import LONGEST, beginnings, extract
from rollcall.memory.extract_values import number
from rollcall.memory.graph_given import extraction_of

PIECES = st.sampled_from(
    """Alice Bob Müller Acme Inc. GmbH works at lives in is the CEO of from 2015 to 2019 since I am
    my name is ich heiße arbeite bei @ . , - + ( ) $ € EUR 1,234.50 3. März 2024-02-30 2024 million
    http:// www. a@b.cc +49 (0)30 1234567 's email phone: \u2019s "The" von & 12/31/2024""".split()
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map(" ".join))


def told(text: str, **given_: str) -> set[tuple[str, str]]:
    return {(one.type, one.name) for one in extract(text, **given_).entities}  # type: ignore[arg-type]


def related(text: str, speaker: str | None = None) -> set[tuple[str, str, str]]:
    found = extract(text, (), speaker)
    return {
        (found.entities[one.source].name, one.type, found.entities[one.target].name)
        for one in found.relationships
    }


@pytest.mark.parametrize(
    ("text", "type_", "name"),
    [
        ("write to Jane.Doe+x@Mail.Example.COM!", "email", "Jane.Doe+x@mail.example.com"),
        ("see https://example.com/a_(b)?q=1#x.", "url", "https://example.com/a_(b)?q=1#x"),
        ("(see www.example.com)", "url", "www.example.com"),
        ("due 2024-02-29", "date", "2024-02-29"),
        ("am 3.4.2024 war", "date", "2024-04-03"),
        ("am 24. Dezember 2023", "date", "2023-12-24"),
        ("on the 3rd of March 2024,", "date", "2024-03-03"),
        ("on March 3, 2024", "date", "2024-03-03"),
        ("on 31/12/2024", "date", "2024-12-31"),
        ("on 12/31/2024", "date", "2024-12-31"),
        ("it cost $1,234.50 then", "amount", "1234.50 USD"),
        ("das kostet 1.234,50 € heute", "amount", "1234.50 EUR"),
        ("EUR 500", "amount", "500 EUR"),
        ("raised $3.5 million", "amount", "3500000 USD"),
        ("2 Mio. Euro", "amount", "2000000 EUR"),
        ("CHF 1'000.05", "amount", "1000.05 CHF"),
        ("call +49 (0)30 901820-0 now", "phone", "+49309018200"),
        ("phone: 030 901820", "phone", "030901820"),
        ("Hello, my name is Ana María López.", "person", "Ana María López"),
        ("Hi, I\u2019m Bob and I like tea", "person", "Bob"),
        ("ich heiße Jörg", "person", "Jörg"),
        ("Yesterday Ludwig van Beethoven works at Acme", "person", "Ludwig van Beethoven"),
        ("We met Globex Corporation today", "organisation", "Globex Corporation"),
        ("bei der Müller & Söhne GmbH", "organisation", "Müller & Söhne GmbH"),
    ],
)
def test_what_has_a_form_is_found(text: str, type_: str, name: str) -> None:
    assert (type_, name) in told(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing is here, and i am happy",
        "version 1.2.3 of 2024-13-01 and 31.02.2024",
        "a@b, @x, foo@bar",
        "I am here. This is it. My name is not important.",
        "call 12",
        "the 3 largest are 4 of 5",
        "http://",
        "works at",
    ],
)
def test_what_has_none_is_not(text: str) -> None:
    assert told(text) == set()


@pytest.mark.parametrize(
    ("text", "relationship"),
    [
        ("Alice Smith works at Acme Corp. in town", ("Alice Smith", "works_at", "Acme Corp")),
        ("Bob lives in New York.", ("Bob", "lives_in", "New York")),
        ("Satya Nadella is the CEO of Microsoft", ("Satya Nadella", "has_role", "Microsoft")),
        ("Eva Maier ist Geschäftsführerin der Acme GmbH", ("Eva Maier", "has_role", "Acme GmbH")),
        ("Jörg arbeitet bei Siemens.", ("Jörg", "works_at", "Siemens")),
        ("Ada is married to Bob.", ("Ada", "married_to", "Bob")),
        ("Bob's email is bob@x.org", ("Bob", "has_email", "bob@x.org")),
        ("My name is Ann. I work at Acme", ("Ann", "works_at", "Acme")),
        ("my email is ann@x.org; my name is Ann", ("Ann", "has_email", "ann@x.org")),
    ],
)
def test_who_stands_how_to_what_is_found(text: str, relationship: tuple[str, str, str]) -> None:
    assert relationship in related(text)


def test_who_speaks_is_known_by_id() -> None:
    assert related("I'm Ann Lee and I live in Berlin. Reach me at ann@x.org.", "u-1") == {
        ("u-1", "is_named", "Ann Lee"),
        ("u-1", "lives_in", "Berlin"),
        ("u-1", "has_email", "ann@x.org"),
    }
    assert related("I live in Berlin") == set()


def test_roles_and_times_are_kept() -> None:
    (link,) = extract("Ada Byron was the chief engineer of Acme from 2015 to 2019").relationships
    assert link.attributes == {"role": "chief engineer"}
    assert link.valid_from == datetime(2015, 1, 1, tzinfo=UTC).timestamp()
    assert link.valid_to == datetime(2020, 1, 1, tzinfo=UTC).timestamp()


def test_known_entities_are_found_by_name() -> None:
    known = [Known("project x-ray", "product"), Known("ray", "person"), Known("müller", "person")]
    found = extract("tell MÜLLER about Project  X-Ray; project x ray is no name", known)
    assert [(one.name, one.type) for one in found.entities] == [
        ("MÜLLER", "person"),
        ("Project X-Ray", "product"),
        ("Ray", "person"),
    ]


@given(TEXTS)
@example("0" * 50 + ".")
def test_what_is_found_stands_in_the_text(text: str) -> None:
    found = extract(text, [Known("alice", "person")], "u-1")
    keys = [(one.type, key_of(one.type, one.name)) for one in found.entities]
    assert len(set(keys)) == len(keys)
    for one in found.entities:
        assert 0 < one.confidence <= 1
        assert one.name == cleaned(one.name) != ""
        if one.span is not None:
            start, end = one.span
            assert 0 <= start < end <= len(text)
            if one.type not in VALUES:
                assert cleaned(text[start:end].replace("\u2019", "'")) == one.name
    for link in found.relationships:
        assert link.source != link.target
        assert max(link.source, link.target) < len(found.entities)


@given(TEXTS)
def test_the_same_text_gives_the_same(text: str) -> None:
    assert extract(text) == extract(text)
    assert all(word == word.casefold() for word in beginnings(text))


@given(TEXTS)
def test_what_is_found_can_be_given_to_the_graph(text: str) -> None:
    found = extract(text, (), "u-1")
    given_ = [
        {"name": one.name, "type": one.type, "confidence": one.confidence} for one in found.entities
    ]
    again = extraction_of(given_, [])
    assert [one.name for one in again.entities] == [one.name for one in found.entities]


@given(st.text(max_size=300))
@example("\u0345\u1fb3")
@example("ẞ. İ")
def test_a_key_of_a_key_is_itself(name: str) -> None:
    key = key_of("person", name)
    assert key_of("person", key) == key
    assert key_of("person", name.upper()) == key_of("person", name.upper().lower())
    assert len(cleaned(name)) <= 200


@given(st.decimals(0, 10**9, places=2))
def test_a_number_is_read_however_it_is_written(amount: Decimal) -> None:
    english = f"{amount:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert number(english) == number(german) == number(f"{amount:.2f}") == amount


@pytest.mark.parametrize(
    "piece",
    [
        "a@" * 10,
        "1.234," * 5,
        "A b " * 5,
        "my email is ",
        "Alice works at ",
        "+49 (" * 4,
        "http://((((",
        "is the a b c ",
        "0" * 30,
        "O'Neil&" * 3,
        "A" * 60,
        "a@b.cc ",
        "2024-01-01 $5 ",
        "my name is Ann. ",
    ],
)
def test_hostile_text_takes_no_long_time(piece: str) -> None:
    # Quadratic time would be minutes here, and the suite's time limit far less.
    found = extract(piece * (LONGEST // len(piece)))
    assert isinstance(found, Extraction)
    assert len(found.entities) <= 200


def test_of_a_long_text_the_beginning_is_looked_at() -> None:
    text = "x " * (LONGEST // 2) + "a@b.cc"
    assert extract(text) == Extraction((), ())
