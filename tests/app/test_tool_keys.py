# SPDX-License-Identifier: Apache-2.0
"""Keys for tool services in a setting."""

from __future__ import annotations

import pytest

from rollcall.app.settings import Settings
from rollcall.app.tool_keys import tool_keys
from rollcall.kernel.errors import InvalidInput


def test_each_address_has_its_key() -> None:
    assert tool_keys("tools.test:3006=k=1, [::1]:80=rck_2 ,,") == {
        "tools.test:3006": "k=1",
        "[::1]:80": "rck_2",
    }
    assert tool_keys("") == {}


@pytest.mark.parametrize(
    "text",
    ["hunter2", "host=hunter2", "host:1=", "http://h:1=hunter2", "::1:80=hunter2", "h:1=hunter2 x"],
)
def test_what_cannot_be_read_is_an_error_that_shows_no_key(text: str) -> None:
    with pytest.raises(InvalidInput, match="ROLLCALL_TOOL_KEYS") as refused:
        tool_keys(f"good:1=k,{text}")
    assert "number 2" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_two_keys_for_one_address_are_refused() -> None:
    with pytest.raises(InvalidInput, match="more than one"):
        tool_keys("h:1=a,h:1=b")


def test_the_setting_shows_none() -> None:
    settings = Settings.load({"ROLLCALL_TOOL_KEYS": "h:1=hunter2"})
    assert "hunter2" not in f"{settings!r} {settings}"
