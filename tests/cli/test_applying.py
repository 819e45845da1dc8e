from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.agents.changes import begun, change_of, changed, shown
from rollcall.agents.documents import exported
from rollcall.agents.lifecycle import beginning, may_move
from rollcall.agents.models import Content, Status
from rollcall.cli.applying import Plan, check, planned
from rollcall.cli.definition_files import Document
from rollcall.cli.remote import Row
from rollcall.kernel.errors import InvalidInput

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "description": st.sampled_from(["", "x", "y"]),
    "configuration": st.dictionaries(st.sampled_from("xyz"), st.integers(0, 1), max_size=2),
    "prompt_templates": st.dictionaries(
        st.sampled_from("tu"),
        st.sampled_from(["x", "{{v}}", {"text": "y"}, {"text": "{{v}}", "variables": ["v"]}]),
        max_size=2,
    ),
    "priority": st.sampled_from(["low", "medium"]),
    "business_name": st.sampled_from([None, "Leaf"]),
    "industry": st.sampled_from([None, "food"]),
    "status": st.sampled_from([one.value for one in Status]),
}
DOCUMENTS = st.fixed_dictionaries({}, optional=FIELDS).map(
    lambda fields: Document("agent", {"id": "a", "name": "n", **fields}, {"": 1})
)


class Kept:
    """One definition, kept as the service does."""

    def __init__(self) -> None:
        self.content: Content | None = None
        self.status = Status.DRAFT
        self.revision = 0

    def row(self) -> Row | None:
        if self.content is None:
            return None
        said = {"id": "a", "agent_id": "a", "version": "1", "owner": "o", "created_at": "now"}
        return {
            **said,
            "updated_at": "now",
            **shown(self.content),
            "status": self.status.value,
            "revision": self.revision,
        }

    def do(self, plan: Plan) -> None:
        if plan.action == "unchanged":
            assert not plan.body
            assert plan.status is None
            return
        self.revision += 1
        body = {name: one for name, one in plan.body.items() if name not in ("id", "status")}
        if self.content is None:
            self.content = begun(change_of(body))
            given_ = plan.body.get("status")
            self.status = Status(given_) if given_ else beginning(self.content.business_name)
        else:
            self.content = changed(self.content, change_of(body))
        if plan.status is not None:
            assert may_move(self.status, Status(plan.status)) or self.revision > 1
            self.status = Status(plan.status)


@given(st.lists(DOCUMENTS, min_size=1, max_size=3))
def test_what_was_applied_has_nothing_left_to_apply(documents: list[Document]) -> None:
    kept = Kept()
    for one in documents:
        check(one)
        plan = planned(one, kept.row(), "a")
        assert (plan.action == "unchanged") is (not plan.operations)
        kept.do(plan)
        assert planned(one, kept.row(), "a").action == "unchanged"


@given(DOCUMENTS)
def test_what_is_exported_is_as_it_should_be_and_makes_the_same_elsewhere(one: Document) -> None:
    kept, other = Kept(), Kept()
    kept.do(planned(one, None, "a"))
    row = kept.row()
    assert row is not None
    out = exported("agent", row)
    assert list(out)[:3] == ["kind", "id", "name"]
    again = Document(out.pop("kind"), out, {"": 1})
    check(again)

    assert planned(again, row, "a").action == "unchanged"
    other.do(planned(again, None, "a"))
    assert (other.content, other.status) == (kept.content, kept.status)


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("agent", {}, "name"),
        ("agent", {"id": "a/b"}, "id"),
        ("agent", {"id": 5}, "id"),
        ("agent", {"id": "a", "status": "gone"}, "status"),
        ("agent", {"id": "a", "status": None}, "status"),
        ("agent", {"id": "a", "status": []}, "status"),
        ("agent", {"id": "a", "colour": "red"}, "colour"),
        ("agent", {"id": "a", "priority": "urgent"}, "priority"),
        ("agent", {"name": ["x"]}, "name"),
        ("agent", {"name": "n", "prompt_templates": {"t": {"text": "{{x}}"}}},
         "prompt_templates.t.variables"),
        ("agent", {"name": "n", "prompt_templates": {"t": 5}}, "prompt_templates.*"),
        ("agent", {"name": "n", "configuration": {"limits": {"step": 1}}}, "configuration.limits"),
        ("capability", {"name": "n"}, "id"),
        ("capability", {"id": "n", "status": "active"}, "status"),
    ],
)  # fmt: skip
def test_what_could_never_be_applied_is_refused_before(
    kind: str, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(Document(kind, fields, {"": 1}))
    assert caught.value.field == field


def test_only_some_fields_of_one_that_is_there_may_be_given() -> None:
    document = Document("agent", {"id": "a", "priority": "high"}, {"": 1})
    check(document)
    row = {"id": "a", "name": "n", "priority": "low", "status": "active", "revision": 7}
    plan = planned(document, row, "a")
    assert (plan.body, plan.revision) == ({"priority": "high"}, 7)
