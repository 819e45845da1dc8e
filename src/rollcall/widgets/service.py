# SPDX-License-Identifier: Apache-2.0
"""What somebody may do with widgets of theirs (document 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from msgspec.structs import replace

from rollcall.kernel.clock import Clock, utc
from rollcall.kernel.cursors import Place
from rollcall.kernel.errors import InvalidInput
from rollcall.kernel.ids import IdSource
from rollcall.kernel.record_errors import Contention, RevisionMismatch
from rollcall.widgets import told
from rollcall.widgets.appearance import check_content
from rollcall.widgets.changes import begun, changed, fingerprint, merged, names_of
from rollcall.widgets.errors import WidgetKeyReused, WidgetNotFound
from rollcall.widgets.models import By, Day, Figures, Signal, Statistics, Widget
from rollcall.widgets.ports import Agents, WidgetStore, WidgetWork
from rollcall.widgets.templates import template

MOST_DAYS: Final = 366
_ID: Final = 20
_KEY: Final = 24
_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TRIES: Final = 3

Accepted = frozenset[int] | None
"""The revisions that a write may find; None: any."""


class WidgetService:
    """Widgets.

    Args:
        store: Where they are.
        agents: Who answers on them.
        clock: Time.
        ids: Randomness.
    """

    def __init__(self, store: WidgetStore, agents: Agents, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._agents = agents
        self._clock = clock
        self._ids = ids

    async def create(
        self, fields: Mapping[str, Any], by: By, key: str | None = None
    ) -> tuple[Widget, bool]:
        """Make a widget.

        Args:
            fields: Of `Content`, as JSON; what is not said has its default.
            by: Who does it.
            key: The idempotency key.

        Returns:
            The widget, and whether it is new: with a key that was used for the same request it is
            the one that that made, as it is now.

        Raises:
            InvalidInput: It cannot be kept, or there is no such agent.
            WidgetKeyReused: The key stands for another request.
        """
        print_ = fingerprint(fields)
        content = begun(fields)
        check_content(content)
        now = utc(self._clock.now())
        widget = Widget(
            namespace=by.namespace,
            id=f"wdg_{self._ids.hex(_ID)}",
            public_key=self._public_key(),
            content=content,
            paused=False,
            owner=by.author,
            revision=1,
            created_at=now,
            updated_at=now,
        )
        for _ in range(_TRIES):
            known = await self._known(by, key, print_)
            if known is not None:
                return known, False
            await self._check_agent(by.namespace, content.agent_id)
            async with self._store.begin() as work:
                if await work.add(widget, key, print_):
                    work.publish(told.created(widget, by))
                    return widget, True
        raise Contention(by.namespace, widget.id, _TRIES)

    async def from_template(
        self, name: str, fields: Mapping[str, Any], by: By, key: str | None = None
    ) -> tuple[Widget, bool]:
        """Make a widget with the look of a template, as `create` does.

        Args:
            name: Of the template.
            fields: What is to be otherwise.
            by: Who does it.
            key: The idempotency key.
        """
        one = template(name)
        theme = one.theme
        look = {"primary_color": theme.primary_color, "border_radius": theme.border_radius}
        return await self.create(merged({"name": one.name, "theme": look}, fields), by, key)

    async def get(self, namespace: str, widget_id: str) -> Widget:
        """A widget.

        Raises:
            WidgetNotFound: There is none.
        """
        found = await self._store.get(namespace, widget_id)
        if found is None:
            raise WidgetNotFound(widget_id)
        return found

    async def find(
        self, namespace: str, *, agent_id: str | None, limit: int, after: Place | None
    ) -> tuple[Sequence[Widget], Place | None]:
        """A page of widgets, the newest first, and where it ended if there are more."""
        page = await self._store.find(namespace, agent_id=agent_id, limit=limit + 1, after=after)
        if len(page) <= limit:
            return page, None
        last = page[limit - 1]
        return page[:limit], Place(last.created_at.timestamp(), last.id)

    async def update(
        self, widget_id: str, fields: Mapping[str, Any], by: By, accepted: Accepted = None
    ) -> Widget:
        """Have a widget be otherwise; a merge patch (RFC 7396). What changes nothing makes no
        revision.

        Raises:
            WidgetNotFound: There is none.
            InvalidInput: It cannot be so, or there is no such agent.
            RevisionMismatch: It is at none of the revisions that are accepted.
        """
        if "agent_id" in fields:
            await self._check_agent(by.namespace, fields["agent_id"])
        async with self._store.begin() as work:
            old = await _locked(work, by.namespace, widget_id, accepted)
            content = changed(old.content, fields)
            check_content(content)
            return await self._put(work, old, replace(old, content=content), by)

    async def pause(
        self, widget_id: str, by: By, accepted: Accepted = None, *, paused: bool = True
    ) -> Widget:
        """Stop a widget, or have it answer again: from the next request on, in every process.

        Raises:
            WidgetNotFound, RevisionMismatch: As for `update`.
        """
        async with self._store.begin() as work:
            old = await _locked(work, by.namespace, widget_id, accepted)
            return await self._put(work, old, replace(old, paused=paused), by)

    async def rotate_key(self, widget_id: str, by: By, accepted: Accepted = None) -> Widget:
        """Give a widget another public key. Pages with the old one, and their visitors' tokens,
        are nobody's from now on.

        Raises:
            WidgetNotFound, RevisionMismatch: As for `update`.
        """
        async with self._store.begin() as work:
            old = await _locked(work, by.namespace, widget_id, accepted)
            return await self._put(work, old, replace(old, public_key=self._public_key()), by)

    async def delete(self, widget_id: str, by: By, accepted: Accepted = None) -> None:
        """Delete a widget with all that was counted of it.

        Raises:
            WidgetNotFound, RevisionMismatch: As for `update`.
        """
        async with self._store.begin() as work:
            old = await _locked(work, by.namespace, widget_id, accepted)
            await work.drop(by.namespace, widget_id)
            work.publish(told.deleted(old, utc(self._clock.now()), by))

    async def track(self, namespace: str, widget_id: str, signal: Signal) -> Widget:
        """Count something that somebody else has seen.

        Raises:
            WidgetNotFound: There is no such widget.
        """
        async with self._store.begin() as work:
            widget = await _locked(work, namespace, widget_id, None)
            await work.count(widget, signal, utc(self._clock.now()).date())
        return widget

    async def statistics(self, namespace: str, widget_id: str, days: int) -> Statistics:
        """What was counted of a widget in the last days (UTC), today among them.

        Raises:
            WidgetNotFound: There is none.
            InvalidInput: `days` is not from 1 to `MOST_DAYS`.
        """
        if not 1 <= days <= MOST_DAYS:
            raise InvalidInput("period_days", f"must be from 1 to {MOST_DAYS}")
        widget = await self.get(namespace, widget_id)
        today = utc(self._clock.now()).date()
        first = today - timedelta(days=days - 1)
        counted = await self._store.days(namespace, widget_id, first)
        born = widget.created_at.date()
        found = [
            Day(day=day, figures=counted.get(day, Figures()) if day >= born else None)
            for day in (first + timedelta(days=place) for place in range(days))
        ]
        known = [one.figures for one in found if one.figures is not None]
        sums = {
            name: sum(getattr(one, name) for one in known) for name in Figures.__struct_fields__
        }
        return Statistics(days=found, total=Figures(**sums))

    async def _known(self, by: By, key: str | None, print_: str) -> Widget | None:
        if key is None:
            return None
        async with self._store.begin() as work:
            kept = await work.by_key(by.namespace, by.author, key)
        if kept is not None and kept.fingerprint != print_:
            raise WidgetKeyReused(key, kept.widget.id)
        return None if kept is None else kept.widget

    async def _check_agent(self, namespace: str, agent_id: str) -> None:
        if await self._agents.answers(namespace, agent_id) is None:
            problem = "there is no agent of this id that visitors may ask"
            raise InvalidInput("agent_id", problem)

    async def _put(self, work: WidgetWork, old: Widget, new: Widget, by: By) -> Widget:
        names = names_of(old.content, new.content)
        names += [one for one in ("paused", "public_key") if getattr(old, one) != getattr(new, one)]
        if not names:
            return old
        new = replace(new, revision=old.revision + 1, updated_at=utc(self._clock.now()))
        await work.put(new)
        work.publish(told.updated(new, names, by))
        return new

    def _public_key(self) -> str:
        """`wpk_` and 24 letters and digits: 142 bits."""
        number = int(self._ids.hex(40), 16)
        letters: list[str] = []
        for _ in range(_KEY):
            number, place = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[place])
        return "wpk_" + "".join(letters)


async def _locked(work: WidgetWork, namespace: str, widget_id: str, accepted: Accepted) -> Widget:
    found = await work.widget(namespace, widget_id)
    if found is None:
        raise WidgetNotFound(widget_id)
    if accepted is not None and found.revision not in accepted:
        raise RevisionMismatch(namespace, widget_id, max(accepted, default=0), found.revision)
    return found
