# SPDX-License-Identifier: Apache-2.0
"""What has to be done so that what is kept says what a file says: planned, pure, then done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from rollcall.agents.changes import begun, change_of, fields_of
from rollcall.agents.checks import MAX_ID, check_content
from rollcall.agents.differences import Operation, difference
from rollcall.agents.lifecycle import BEGINNINGS
from rollcall.agents.models import Status
from rollcall.agents.prompts import variables_in
from rollcall.cli.definition_files import Document
from rollcall.cli.remote import Row
from rollcall.client.connection import Connection, segment
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import derived
from rollcall.kernel.record_errors import RecordNotFound
from rollcall.web.lines import check_id

PATHS: Final = {"agent": "/api/agents", "capability": "/api/capabilities"}

_BESIDE: Final = ("id", "status")
"""What a document says of an agent that is no part of its content."""
_CAPABILITY: Final = ("id", "name", "description", "tags", "configuration_schema")


@dataclass(frozen=True)
class Plan:
    """What has to be done for one document.

    Args:
        kind: What it is about.
        id: Of which one.
        action: What happens to it.
        operations: What is different then, as a JSON Patch.
        body: What is sent to make or change it; empty: nothing is.
        status: The status that it is to have after that; None: it stays.
        revision: At which it must still be; None: it is new.
    """

    kind: str
    id: str
    action: Literal["create", "update", "unchanged"]
    operations: list[Operation] = field(default_factory=list[Operation])
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    status: str | None = None
    revision: int | None = None


def check(document: Document) -> None:
    """Refuse what could never be applied, before anything is sent.

    Raises:
        InvalidInput: Names the field.
    """
    fields = document.fields
    if "id" in fields:
        if not isinstance(fields["id"], str):
            raise InvalidInput("id", "must be a text")
        check_id("id", fields["id"], MAX_ID)
    if document.kind == "capability":
        if "id" not in fields:
            raise InvalidInput("id", "is missing: capabilities are told apart by it")
        for name in fields:
            if name not in _CAPABILITY:
                raise InvalidInput(name, "is no field of a capability")
        return
    if fields.get("status", Status.ACTIVE) not in list(Status):
        raise InvalidInput("status", f"must be one of {', '.join(Status)}")
    if "id" not in fields and not name_of(fields):
        raise InvalidInput("name", "is missing: give a name, a business_name or an id")
    content = _content(fields)
    if not name_of(fields):
        # Of one that is there only some fields may be given.
        content = {**content, "name": "-"}
    check_content(begun(change_of(content)))


def name_of(fields: Mapping[str, Any]) -> str | None:
    """What an agent is called by a document: both documents' word for it."""
    return fields.get("name") or fields.get("business_name")


def planned(document: Document, current: Row | None, key: str) -> Plan:
    """What has to be done. Fields that the document does not have stay as they are.

    Args:
        document: What is wanted.
        current: What is there, as the service shows it; None: nothing.
        key: Its id.
    """
    wanted = _content(document.fields)
    status: str | None = document.fields.get("status")
    given = {name: value for name, value in wanted.items() if value is not None}
    if current is None:
        body: dict[str, Any] = {**given, "id": key}
        begins = status is None or status in BEGINNINGS
        if status is not None:
            # Whatever else it may be, it can become from there.
            body["status"] = status if begins else Status.ACTIVE.value
            given["status"] = status
        return Plan(
            document.kind,
            key,
            "create",
            difference({}, given),
            body,
            None if begins else status,
        )
    before = {name: current[name] for name in wanted if current.get(name) is not None}
    operations = difference(before, given)
    body = {name: wanted[name] for name in fields_of(operations)}
    moves = status is not None and status != current["status"]
    if moves:
        operations.append(Operation("replace", "/status", status, current["status"]))
    return Plan(
        document.kind,
        key,
        "update" if operations else "unchanged",
        operations,
        body,
        status if moves else None,
        current["revision"],
    )


async def looked_up(connection: Connection, document: Document) -> Plan:
    """What has to be done for a document at a service.

    Raises:
        InvalidInput: Several agents have the name, or the one that it made has another by now.
        RollcallError: What the service raised.
    """
    path, fields = PATHS[document.kind], document.fields
    key: str | None = fields.get("id")
    if key is not None:
        return planned(document, await _there(connection, path, key), key)
    name = name_of(fields)
    assert name is not None
    found = await connection.call("GET", path, list[Row], params={"name": name, "limit": 2})
    if len(found) > 1:
        raise InvalidInput("name", f"several agents have the name {name!a:.80}: give an id")
    if found:
        return planned(document, found[0], found[0]["id"])
    # Derived, so that a second attempt makes no second agent.
    key = f"agent_{derived('definition', name, digits=16)}"
    other = await _there(connection, path, key)
    if other is not None:
        called = f"{other['name']!a:.80}"
        raise InvalidInput("name", f"was that of {key}, which is {called} by now: give its id")
    return planned(document, None, key)


async def _there(connection: Connection, path: str, key: str) -> Row | None:
    """What is there of an id; None: nothing."""
    try:
        return await connection.call("GET", f"{path}/{segment('id', key)}", Row, record_id=key)
    except RecordNotFound:
        return None


async def carried_out(connection: Connection, plan: Plan) -> Row:
    """Do what is planned; what is there then. Nothing, if somebody else changed it meanwhile.

    Raises:
        RevisionMismatch: Somebody did.
        RollcallError: What the service raised.
    """
    path = PATHS[plan.kind]
    place = f"{path}/{segment('id', plan.id)}"
    revision, done = plan.revision, Row()
    if plan.action == "create":
        done = await connection.call("POST", path, Row, body=plan.body)
        revision = done["revision"]
    elif plan.body:
        done = await _patch(connection, place, plan.body, revision)
        revision = done["revision"]
    if plan.status is not None:
        done = await _patch(connection, f"{place}/status", {"status": plan.status}, revision)
    return done


async def _patch(
    connection: Connection, path: str, body: Mapping[str, Any], revision: int | None
) -> Row:
    headers = {"if-match": f'"{revision}"'}
    return await connection.call("PATCH", path, Row, body=body, headers=headers)


def _content(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that make a version, as the service shows them."""
    content = {name: value for name, value in fields.items() if name not in _BESIDE}
    templates = content.get("prompt_templates")
    if isinstance(templates, dict):
        named = cast("dict[str, Any]", templates)
        content["prompt_templates"] = {name: _template(one) for name, one in named.items()}
    return content


def _template(one: Any) -> Any:
    if isinstance(one, str):
        return {"text": one, "variables": list(variables_in(one))}
    return {"variables": [], **cast("Row", one)} if isinstance(one, dict) else one
