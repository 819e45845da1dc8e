from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rollcall.agents.lifecycle import BEGINNINGS, MOVES, beginning, may_move
from rollcall.agents.models import Status

STATUSES = st.sampled_from(Status)


def test_the_moves_are_those_of_document_4() -> None:
    text = {old.value: " ".join(sorted(new)) for old, new in MOVES.items()}
    assert text == {
        "draft": "active archived",
        "active": "archived disabled paused",
        "paused": "active archived disabled",
        "disabled": "active archived",
        "archived": "",
    }


@given(STATUSES, STATUSES)
def test_what_is_archived_stays_and_everything_else_can_be(old: Status, new: Status) -> None:
    assert may_move(old, Status.ARCHIVED) is (old is not Status.ARCHIVED)
    assert not may_move(Status.ARCHIVED, new)
    assert not may_move(old, old)
    assert not may_move(old, Status.DRAFT)


@given(st.lists(STATUSES, max_size=8))
def test_whatever_is_tried_only_archived_has_no_way_back_to_active(tries: list[Status]) -> None:
    now = Status.DRAFT
    for wanted in tries:
        now = wanted if may_move(now, wanted) else now
    assert now in (Status.ACTIVE, Status.ARCHIVED) or may_move(now, Status.ACTIVE)


def test_a_definition_begins_by_the_document_that_it_comes_from() -> None:
    assert beginning(None) is Status.ACTIVE
    assert beginning("Green Leaf") is Status.DRAFT
    assert set(BEGINNINGS) == {Status.ACTIVE, Status.DRAFT}
