# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from bench import servers
from bench.service.wrk import NotMeasured


def test_a_server_that_is_not_installed_is_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for required in ("", "1"):
        monkeypatch.setenv("ROLLCALL_REQUIRE_SERVERS", required)
        with pytest.raises(NotMeasured, match="not installed"), servers.kafka():
            pass
