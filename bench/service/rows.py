# SPDX-License-Identifier: Apache-2.0
"""The table: what was measured, beside whom, and what the aims say to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.service.wrk import Figures

Measured = Mapping[str, Figures | str]
"""By name; text says why there is no figure."""


@dataclass(frozen=True)
class Aim:
    """How good a figure is to be.

    Args:
        ours: The figure's name.
        factor: How many times the peer's it is to be at least.
        peer: The peer's; None: the factor is the figure itself.
    """

    ours: str
    factor: float
    peer: str | None = None


AIMS: Final = (
    Aim("heartbeats, single", 0.4, "nginx 204"),
    Aim("heartbeats, single", 7, "etcd keepalive"),
    Aim("heartbeats, 1,000 a request", 5_000_000),
    Aim("search, five found", 5, "etcd range of five"),
    Aim("registrations, 64 clients", 1, "etcd put, 64 clients"),
)


def table(measured: Measured) -> str:
    """All figures, as Markdown."""
    lines = ["| | a second | p50 | p99 |", "| :-- | --: | --: | --: |"]
    for name, one in measured.items():
        if isinstance(one, str):
            lines.append(f"| {name} | not measured: {one} | | |")
        else:
            lines.append(f"| {name} | {one.rate:,.0f} | {_time(one.p50)} | {_time(one.p99)} |")
    return "\n".join(lines)


def verdicts(measured: Measured, aims: Sequence[Aim] = AIMS) -> list[str]:
    """What each aim says to the figures."""
    return [_verdict(measured, aim) for aim in aims]


def _verdict(measured: Measured, aim: Aim) -> str:
    least = f"{aim.factor:,.0f}" if aim.factor >= 1 else str(aim.factor)
    wanted = f"{aim.ours}: at least {least}"
    if aim.peer is not None:
        wanted += f" times {aim.peer}"
    ours = measured.get(aim.ours, "it was left out")
    theirs = measured.get(aim.peer, "it was left out") if aim.peer is not None else Figures(1)
    for name, one in ((aim.ours, ours), (aim.peer, theirs)):
        if isinstance(one, str):
            return f"{wanted}: not measured ({name}: {one})"
    assert not isinstance(ours, str)
    assert not isinstance(theirs, str)
    ratio = ours.rate / theirs.rate
    said = f"{ratio:,.2f}" if aim.peer is not None else f"{ratio:,.0f}"
    return f"{wanted}: {said}, {'met' if ratio >= aim.factor else 'MISSED'}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1e6:,.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:,.2f} ms"
