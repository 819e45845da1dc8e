"""Conversations: with a tool, with memories of earlier ones, and gone when they are to be."""

from __future__ import annotations

from rollcall.conversations.providers import OFFLINE
from support.houses import MODEL
from support.suite.asking import Asking, soon, succeeded

CLERK = {"name": "Clerk", "configuration": {"instructions": "You work out what customers owe."}}


def a_question_is_answered_with_a_tool_by_the_agent_of_the_settings(us: Asking) -> None:
    url = us.house.url("agent")
    said = us.rollcall("ask", "Calculate 10 + 5", "--url", url)
    assert "15" in said["response"]
    assert [(one["tool"], one["outcome"]) for one in said["tools_used"]] == [("calculate", "ok")]
    assert said["usage"] is None or said["usage"]["model"] == OFFLINE


def a_defined_agent_answers_with_its_model_and_a_tool(us: Asking) -> None:
    agent = us.post("gateway", "/api/agents", {**CLERK, "id": us.name("clerk")})["id"]
    more = {"agent_id": agent, "model": MODEL}
    session = us.name("sums")
    said = us.say(session, "Calculate 6 * 7", **more)
    assert "42" in said["response"]
    assert (said["agent_id"], said["agent_version"]) == (agent, 1)
    assert [(one["tool"], one["service"]) for one in said["tools_used"]] == [
        ("calculate", "tools-service")
    ]
    assert said["usage"]["model"] == MODEL.partition(":")[2]
    assert float(said["usage"]["cost"]) > 0
    # The same message again is the same turn, wherever it comes in.
    for url in us.house.both("agent"):
        body = {"session_id": session, "user_input": "Calculate 6 * 7", **more}
        body["idempotency_key"] = f"{session} Calculate 6 * 7"
        again = us.post_to(f"{url}/api/v1/process", body)
        assert again["turn_id"] == said["turn_id"]
    told = us.say(session, "And what are you?", **more)
    assert "You work out what customers owe." in told["response"]


def what_a_user_says_is_remembered_in_later_sessions(us: Asking) -> None:
    ada = {"user_id": us.name("ada"), "model": MODEL}
    us.say(us.name("first"), "remember: my favourite colour is teal", **ada)

    def known() -> bool:
        found = us.get("gateway", "/api/memories", user_id=ada["user_id"])
        return any("teal" in one["content"] for one in found)

    soon(known)
    assert "teal" in us.say(us.name("second"), "Which colour do I like?", **ada)["response"]
    bob = {**ada, "user_id": us.name("bob")}
    assert "teal" not in us.say(us.name("third"), "Which colour do I like?", **bob)["response"]

    words = {"query": "colour", "filters": {"user_id": ada["user_id"]}}
    found = us.post("gateway", "/api/memories/search", words)
    assert "teal" in str(found)


def what_was_said_is_gone_with_its_session_and_the_numbers_stay(us: Asking) -> None:
    session, zebra = us.name("secret"), us.name("zebra")
    us.say(session, f"Calculate 3 + 4 for {zebra}")
    soon(lambda: us.get("analytics", "/api/conversations", session_id=session))
    total = us.get("analytics", "/api/usage/stats")["total_conversations"]
    succeeded(us.send("DELETE", "gateway", f"/services/agent/api/v1/sessions/{session}"))
    soon(lambda: zebra not in str(us.get("analytics", "/api/conversations", limit=1000)))
    assert us.get("analytics", "/api/usage/stats")["total_conversations"] == total
