# SPDX-License-Identifier: Apache-2.0
import pytest
from bench.widget.measure import AIM, Found, measured, page

from rollcall.widgets.browser import script


def test_the_widget_is_as_small_as_it_is_to_be() -> None:
    found = measured()
    assert found.plain == len(script())
    assert found.compressed < AIM


@pytest.mark.parametrize(("compressed", "word"), [(AIM - 1, "met"), (AIM, "MISSED")])
def test_it_may_not_reach_the_aim(compressed: int, word: str) -> None:
    text = page(Found(40_000, compressed))
    assert f"- {word}: the widget takes less than 15,000 bytes" in text
    assert "40,000 bytes" in text
