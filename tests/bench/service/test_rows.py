# SPDX-License-Identifier: Apache-2.0
from bench.service.rows import AIMS, Aim, table, verdicts
from bench.service.wrk import Figures

AIM = Aim("heartbeats", 0.4, "nginx")


def test_the_table_has_a_row_for_each_figure_and_for_each_that_there_is_not() -> None:
    lines = table(
        {"heartbeats": Figures(12_345.6, 0.00098, 0.0123), "nginx": "it is not installed"}
    ).splitlines()
    assert lines[2] == "| heartbeats | 12,346 | 980 µs | 12.30 ms |"
    assert lines[3] == "| nginx | not measured: it is not installed | | |"


def test_an_aim_is_met_or_missed_by_its_ratio() -> None:
    (met,) = verdicts({"heartbeats": Figures(50), "nginx": Figures(100)}, [AIM])
    assert met == "heartbeats: at least 0.4 times nginx: 0.50, met"
    (missed,) = verdicts({"heartbeats": Figures(39), "nginx": Figures(100)}, [AIM])
    assert missed.endswith("0.39, MISSED")


def test_an_aim_may_be_a_figure_itself() -> None:
    aim = Aim("batches", 5_000_000)
    assert verdicts({"batches": Figures(5_000_001)}, [aim]) == [
        "batches: at least 5,000,000: 5,000,001, met"
    ]


def test_without_a_peer_there_is_no_verdict() -> None:
    (one,) = verdicts({"heartbeats": Figures(50), "nginx": "it is not installed"}, [AIM])
    assert one.endswith("not measured (nginx: it is not installed)")
    (two,) = verdicts({}, [AIM])
    assert "not measured" in two


def test_what_is_aimed_at() -> None:
    assert {(aim.ours, aim.factor) for aim in AIMS} == {
        ("heartbeats, single", 0.4),
        ("heartbeats, single", 7),
        ("heartbeats, 1,000 a request", 5_000_000),
        ("search, five found", 5),
        ("registrations, 64 clients", 1),
    }
