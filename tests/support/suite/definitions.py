"""Document 3: definitions of agents with versions, capabilities and events."""

from __future__ import annotations

from support.suite.asking import Asking, soon, succeeded


def a_definition_has_versions_and_goes_back_to_one(us: Asking) -> None:
    agent = us.name("scribe")
    body = {"id": agent, "name": "Scribe", "description": "Writes", "capabilities": {}}
    made = us.send("POST", "gateway", "/api/agents", body=body)
    assert succeeded(made)["version"] == "1"
    place, seen = f"/api/agents/{agent}", {"If-Match": made.headers["etag"]}
    changed = us.patch("gateway", place, {"description": "Writes letters"}, **seen)
    assert changed["version"] == "2"
    late = us.send("PATCH", "gateway", place, body={"description": "Draws"}, headers=seen)
    assert late.status_code == 412
    back = us.post("gateway", f"{place}/revert", {"version": "1"})
    assert (back["version"], back["description"]) == ("3", "Writes")
    for url in us.house.both("gateway"):
        found = us.shown(f"{url}{place}/versions")
        assert [one["version"] for one in found] == ["3", "2", "1"]


def a_capability_is_given_and_taken(us: Asking) -> None:
    agent = us.post("gateway", "/api/agents", {"name": "Finder", "id": us.name("finder")})["id"]
    skill = us.post("gateway", "/api/capabilities", {"name": "Search", "id": us.name("search")})
    place = f"/api/agents/{agent}/capabilities/{skill['id']}"
    assert us.post("gateway", place, {"top": 3}) == {"status": "success"}
    assert skill["id"] in str(us.get("gateway", f"/api/agents/{agent}")["capabilities"])
    assert succeeded(us.send("DELETE", "gateway", place)) == {"status": "success"}
    assert skill["id"] not in str(us.get("gateway", f"/api/agents/{agent}")["capabilities"])


def each_change_is_an_event_that_the_others_hear_once(us: Asking) -> None:
    agent = us.name("herald")
    us.post("gateway", "/api/agents", {"id": agent, "name": "Herald"})
    us.patch("gateway", f"/api/agents/{agent}", {"name": "Crier"})
    succeeded(us.send("DELETE", "gateway", f"/api/agents/{agent}"))

    def heard() -> list[str]:
        shown = us.get("dashboard", "/api/dashboard/activity", limit=100)
        return [one["type"] for one in reversed(shown) if one["agent_id"] == agent]

    soon(lambda: "agent.deleted" in heard())
    assert heard() == ["agent.created", "agent.updated", "agent.deleted"]
