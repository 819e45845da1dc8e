# SPDX-License-Identifier: Apache-2.0
from collections import Counter

import pytest
from bench.fleet import KINDS, Fleet, make_fleet

SIZE = 2_000


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return make_fleet(SIZE)


def phrases(fleet: Fleet) -> list[str]:
    return [agent._a2a_card["capability"] for agent in fleet.agents]


def test_the_same_arguments_make_the_same_fleet(fleet: Fleet) -> None:
    again = make_fleet(SIZE)
    assert phrases(again) == phrases(fleet)
    assert again.questions == fleet.questions


def test_every_agent_has_an_id_of_its_own(fleet: Fleet) -> None:
    assert len({agent.agent_id for agent in fleet.agents}) == SIZE


def test_agents_of_one_phrase_share_one_card(fleet: Fleet) -> None:
    assert len({id(agent._a2a_card) for agent in fleet.agents}) == fleet.phrases


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_scan_finds_as_many_agents_as_the_fleet_promises(fleet: Fleet, kind: str) -> None:
    held = Counter(phrases(fleet))
    for question in fleet.questions[kind][:100]:
        found = sum(count for phrase, count in held.items() if question in phrase)
        assert found == fleet.hits[kind], question


def test_one_percent_hits_are_one_percent(fleet: Fleet) -> None:
    assert fleet.hits["1 % hits"] == SIZE // 100


def test_a_fleet_too_small_for_one_percent_is_refused() -> None:
    with pytest.raises(ValueError, match="100 agents"):
        make_fleet(99)
