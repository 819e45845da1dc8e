"""The end-to-end suite, unchanged on `rollcall up` and on two processes of each service on
PostgreSQL and Kafka, one of each killed midway.

It is one test for each house, since a house is too dear to be built twice by two workers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from support.houses import House
from support.suite import building, definitions, killing, money, numbers, registries, talking, visiting
from support.suite.asking import Asking

STEPS: Sequence[Callable[[Asking], None]] = (
    registries.a_service_is_registered_discovered_and_removed,
    registries.an_agent_is_found_by_what_it_can_and_gone_when_it_leaves,
    definitions.a_definition_has_versions_and_goes_back_to_one,
    definitions.a_capability_is_given_and_taken,
    definitions.each_change_is_an_event_that_the_others_hear_once,
    talking.a_question_is_answered_with_a_tool_by_the_agent_of_the_settings,
    talking.a_defined_agent_answers_with_its_model_and_a_tool,
    talking.what_a_user_says_is_remembered_in_later_sessions,
    building.an_agent_of_the_wizard_has_its_metrics_and_its_cost_tracking_at_once,
    building.owners_see_their_agents_and_act_on_many_at_once,
    visiting.a_visitor_is_answered_and_it_is_recorded_charged_and_shown,
    visiting.within_a_second_a_visitors_conversation_is_on_the_dashboard,
    visiting.a_widget_that_is_paused_answers_nobody,
    numbers.a_new_agent_has_its_metrics_and_its_cost_tracking_at_once,
    numbers.a_conversation_is_recorded_charged_and_shown,
    numbers.within_a_second_everybody_knows_of_a_conversation,
    numbers.the_dashboard_tells_of_it_as_it_happens,
    numbers.a_hard_budget_stops_an_agent_before_it_begins,
    money.what_was_used_is_invoiced_paid_and_verified,
    talking.what_was_said_is_gone_with_its_session_and_the_numbers_stay,
    numbers.the_gateway_leads_to_all_and_the_dashboard_has_asked_all,
)


@pytest.mark.timeout(600)
def test_everything_works_before_and_after_one_of_each_is_killed(
    house: House, subtests: pytest.Subtests
) -> None:
    everything(Asking(house, "before"), subtests)
    with subtests.test("killed"):
        killing.one_of_each_is_killed_and_nothing_is_lost_or_counted_twice(Asking(house, "killed"))
    everything(Asking(house, "after"), subtests)


def everything(us: Asking, subtests: pytest.Subtests) -> None:
    for step in STEPS:
        with subtests.test(step.__name__, turn=us.turn):
            step(us)
