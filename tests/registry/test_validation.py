from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.kernel.errors import InvalidInput
from rollcall.registry.models import Capability, Record
from rollcall.registry.status import Status
from rollcall.registry.validation import (
    MAX_CAPABILITIES,
    MAX_DESCRIPTION,
    MAX_ID,
    MAX_PHRASE,
    MAX_TAG,
    MAX_TAGS,
    check_record,
)
from rollcall.testing.store_contract.case import record

UNPRINTABLE = ["", " ", "a\0b", "a\nb", "a\u202eb", "\ud800", "\u2003", "a\tb"]


def able(**fields: object) -> Record:
    capability = msgspec.structs.replace(Capability("code"), **fields)
    return msgspec.structs.replace(record(), capabilities=(Capability("chess"), capability))


def refused(doc: Record) -> str:
    with pytest.raises(InvalidInput) as caught:
        check_record(doc)
    assert caught.value.problem
    return caught.value.field


@pytest.mark.parametrize("value", [*UNPRINTABLE, "x" * (MAX_ID + 1)])
@pytest.mark.parametrize("field", ["namespace", "id", "name"])
def test_what_names_a_record_is_printable_and_of_some_length(field: str, value: str) -> None:
    assert refused(msgspec.structs.replace(record(), **{field: value})) == field


@pytest.mark.parametrize("value", [*UNPRINTABLE[1:], "x" * (MAX_ID + 1)])
def test_a_runtime_may_be_missing_and_not_be_blank(value: str) -> None:
    assert refused(msgspec.structs.replace(record(), runtime=value)) == "runtime"
    check_record(msgspec.structs.replace(record(), runtime=""))


def test_suspect_is_concluded_and_never_reported() -> None:
    assert refused(msgspec.structs.replace(record(), reported=Status.SUSPECT)) == "reported"


@pytest.mark.parametrize("value", [*UNPRINTABLE, "x" * (MAX_PHRASE + 1)])
def test_the_name_of_a_capability_is_refused_with_its_place(value: str) -> None:
    assert refused(able(name=value)) == "capabilities.1.name"


@pytest.mark.parametrize("value", ["a\0b", "\udfff", "x" * (MAX_DESCRIPTION + 1)])
def test_a_description_is_text_of_some_length(value: str) -> None:
    assert refused(able(description=value)) == "capabilities.1.description"


def test_a_description_may_have_lines_and_any_language() -> None:
    check_record(able(description="first\nsecond\t\u202e\u05e2\u05d1 \U0001f680"))


@pytest.mark.parametrize("value", [*UNPRINTABLE, "x" * (MAX_TAG + 1)])
def test_a_tag_is_refused_with_its_place(value: str) -> None:
    assert refused(able(tags=("good", value))) == "capabilities.1.tags.1"
    assert refused(msgspec.structs.replace(record(), tags=("good", value))) == "tags.1"


def test_there_are_only_so_many_tags_and_capabilities() -> None:
    tags = tuple(map(str, range(MAX_TAGS + 1)))
    assert refused(able(tags=tags)) == "capabilities.1.tags"
    assert refused(msgspec.structs.replace(record(), tags=tags)) == "tags"
    many = (Capability("code"),) * (MAX_CAPABILITIES + 1)
    assert refused(msgspec.structs.replace(record(), capabilities=many)) == "capabilities"


def test_the_greatest_record_is_good() -> None:
    tags = tuple(f"{number:0{MAX_TAG}}" for number in range(MAX_TAGS))
    capability = Capability("x" * MAX_PHRASE, "y" * MAX_DESCRIPTION, tags)
    check_record(
        msgspec.structs.replace(
            record("i" * MAX_ID, name="n" * MAX_ID),
            tags=tags,
            capabilities=(capability,) * MAX_CAPABILITIES,
        )
    )


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_whatever_passes_can_be_written_as_json(name: str, description: str, tag: str) -> None:
    capability = Capability(name or "x", description, (tag or "x",))
    doc = msgspec.structs.replace(record(name=name), capabilities=(capability,))
    try:
        check_record(doc)
    except InvalidInput:
        return
    assert msgspec.json.decode(msgspec.json.encode(doc), type=Record) == doc
