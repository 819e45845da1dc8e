from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.gateway.catalogue import SERVICES
from rollcall.gateway.models import GatewayService, RouteTable, split
from rollcall.kernel.errors import InvalidInput

TABLE = RouteTable(SERVICES)
names = st.sampled_from(["a", "b", "c"])
patterns = st.builds(
    lambda parts, rest: "/" + "/".join([*parts, *rest]),
    st.lists(names | st.just("{id}"), min_size=1, max_size=4),
    st.sampled_from([[], ["**"]]),
)


def service_of(path: str) -> str | None:
    found = TABLE.match(path[1:].split("/"))
    return None if found is None else found.service


def fits(pattern: str, path: list[str]) -> tuple[int, ...] | None:
    """How well a pattern fits, the best of all first by comparison; None: not at all."""
    parts = split(pattern)
    marks: list[int] = []
    for at, part in enumerate(parts):
        if part == "**":
            return (*marks, 0)
        if at >= len(path) or not (part.startswith("{") or part == path[at]):
            return None
        marks.append(1 if part.startswith("{") else 2)
    return (*marks, 3) if len(parts) == len(path) else None


@given(st.sets(patterns, min_size=1, max_size=8), st.lists(names, max_size=5))
def test_the_best_of_all_patterns_that_fit_is_found(some: set[str], path: list[str]) -> None:
    table = RouteTable([GatewayService("it", "it", sorted(some))])
    fitting = {one: mark for one in some if (mark := fits(one, path)) is not None}
    found = table.match(path)
    if not fitting:
        assert found is None
    else:
        assert found is not None
        assert found.pattern == max(fitting, key=lambda one: fitting[one])


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/services/registry", "service-registry"),
        ("/services/registry/api/v1/register", "service-registry"),
        ("/services/agent-registry/ws/heartbeats", "agent-registry"),
        ("/services/agent/api/v1/process", "agent"),
        ("/services/tools/calculate", "tools"),
        ("/api/agents", "agents"),
        ("/api/agents/", "agents"),
        ("/api/agents/1", "agents"),
        ("/api/agents/1/versions", "agents"),
        ("/api/agents/1/capabilities/2", "agents"),
        ("/api/agents/1/performance", "analytics"),
        ("/api/agents/performance", "analytics"),
        ("/api/agents/1/memories", "memory"),
        ("/api/agents/1/system-prompt", "wizard"),
        ("/api/agents/1/validate-deployment", "wizard"),
        ("/api/capabilities/1", "agents"),
        ("/api/memories/1/history", "memory"),
        ("/api/graph/entities", "memory"),
        ("/api/industries", "wizard"),
        ("/api/industries/metrics", "analytics"),
        ("/api/runtime/chat/1", "wizard"),
        ("/api/conversations/1", "analytics"),
        ("/api/usage", "billing"),
        ("/api/usage/stats", "analytics"),
        ("/api/usage/agent/1", "billing"),
        ("/api/usage/calculate", "billing"),
        ("/api/billing/periods/current", "billing"),
        ("/api/reports/usage", "billing"),
        ("/api/dashboard/summary", "dashboard"),
        ("/api/widgets/1/embed", "widgets"),
        ("/api/templates", "widgets"),
        ("/api/my-agents/dashboard", "my-agents"),
        ("/", None),
        ("/health", None),
        ("/metrics", None),
        ("/docs", None),
        ("/openapi.json", None),
        ("/services", None),
        ("/services/other/x", None),
        ("/api", None),
        ("/api/other", None),
        ("/API/agents", None),
    ],
)
def test_paths_of_the_documents_lead_where_they_say(path: str, service: str | None) -> None:
    assert service_of(path) == service


def test_strangers_may_ask_how_a_service_is_send_what_is_signed_and_visit_widgets() -> None:
    public = {path for path in TABLE.patterns if TABLE.match(path[1:].split("/")).public}
    assert public == {
        f"/services/{one}/{page}"
        for one in ("registry", "agent-registry", "agent", "tools")
        for page in ("health", "openapi.json")
    } | {"/api/payments/webhooks/{provider}", "/widget/v1/**"}


@pytest.mark.parametrize("pattern", ["", "/", "api", "/api/**/x", "/a//b", "/{Id}", "/a b", "/{}"])
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput, match="pattern"):
        RouteTable([GatewayService("it", "it", [pattern])])


def test_two_services_cannot_have_one_path() -> None:
    with pytest.raises(InvalidInput, match="twice"):
        RouteTable([GatewayService("one", "", ["/a/{x}"]), GatewayService("two", "", ["/a/{y}"])])
