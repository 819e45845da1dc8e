# SPDX-License-Identifier: Apache-2.0
"""What stands in a user's words: addresses, quotations, dates, numbers, arithmetic, names."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final

from rollcall.conversations.planner.expressions import Expression, expression
from rollcall.conversations.planner.numbers import Number, numbers
from rollcall.conversations.planner.quantities import Change, change
from rollcall.conversations.planner.words import STOP, WORD

LONGEST: Final = 2000
"""Characters of a request that are read; what follows is passed on with what stands last."""


@dataclass(frozen=True)
class Span:
    """A piece of the text that means something.

    Args:
        start: Where it begins, counted in characters.
        end: Where it ends.
        value: What it says.
    """

    start: int
    end: int
    value: str


_URL: Final = re.compile(
    r"\b(?:https?|ftp)://[^\s<>\"'“”«»]+|\bwww\.[^\s<>\"'“”«»]+", re.IGNORECASE
)
_EMAIL: Final = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_QUOTED: Final = re.compile(
    r"\"([^\"\n]+)\"|“([^”\n]+)”|„([^“”\n]+)[“”]|«([^»\n]+)»|`([^`\n]+)`|(?<!\w)['\u2018]([^'\u2018\u2019\n]+)['\u2019](?!\w)"
)
_IP: Final = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_VERSION: Final = re.compile(r"(?<![\w.])v?\d+(?:\.\d+){2,}(?![\w.]*\d)")
_FILE: Final = re.compile(
    r"(?<![\w/])[\w./~-]*\w\.(?!com\b|org\b|net\b)[A-Za-z][A-Za-z0-9]{1,4}\b(?!\.)"
)
_CODE: Final = re.compile(
    r"(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*\d)(?!\d+[A-Z]{1,3}\b)[A-Z0-9][A-Z0-9_-]{2,}\b|\b[A-Z]{2,6}\b|\b0\d{5,}\b|\b\d{12,}\b|#\d+\b"
)
_TIME: Final = re.compile(
    r"\b(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?\b|\b(1[0-2]|[1-9])\s?(am|pm)\b", re.IGNORECASE
)
_CAPITALS: Final = re.compile(r"[^\W\d_][\w'\u2019.-]*")
_MONTHS: Final[tuple[str, ...]] = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_MONTH: Final = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DATES: Final = (
    (re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b"), (1, 2, 3)),
    (re.compile(r"\b(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})\b"), (3, 2, 1)),
    (
        re.compile(
            rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?{_MONTH},?\s+(\d{{4}})\b", re.IGNORECASE
        ),
        (3, 2, 1),
    ),
    (
        re.compile(rf"\b{_MONTH}\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})\b", re.IGNORECASE),
        (3, 1, 2),
    ),
)
_DAYS: Final[tuple[str, ...]] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
_RELATIVE: Final = re.compile(
    rf"\b(?:(today|tomorrow|yesterday)|(?:on|next|this)\s+({'|'.join(_DAYS)}))\b", re.IGNORECASE
)


class Reading:
    """A text, and what stands in it. Each part is looked for when it is first asked for.

    Args:
        text: The user's words.
        today: What "tomorrow" is the day after.
    """

    def __init__(self, text: str, today: date) -> None:
        self.text = text[:LONGEST]
        self.rest = text[LONGEST:]
        self.today = today

    @cached_property
    def urls(self) -> list[Span]:
        """Addresses of pages, without the punctuation behind them."""
        found: list[Span] = []
        for match in _URL.finditer(self.text):
            url = match[0].rstrip(".,;:!?")
            while url.endswith(")") and url.count("(") < url.count(")"):
                url = url[:-1]
            full = url if "://" in url else f"https://{url}"
            found.append(Span(match.start(), match.start() + len(url), full))
        return found

    @cached_property
    def emails(self) -> list[Span]:
        """Addresses of mail."""
        return [Span(m.start(), m.end(), m[0]) for m in _EMAIL.finditer(self._without(self.urls))]

    @cached_property
    def quoted(self) -> list[Span]:
        """What stands between quotation marks, and where with them."""
        return [
            Span(m.start(), m.end(), next(group for group in m.groups() if group).strip())
            for m in _QUOTED.finditer(self.text)
        ]

    @cached_property
    def ips(self) -> list[Span]:
        """IPv4 addresses."""
        found: list[Span] = []
        for match in _IP.finditer(self._without(self.urls)):
            try:
                found.append(Span(match.start(), match.end(), str(ipaddress.IPv4Address(match[0]))))
            except ValueError:
                continue
        return found

    @cached_property
    def versions(self) -> list[Span]:
        """Versions: three numbers or more with points between them."""
        text = self._without([*self.urls, *self.ips, *self.dates])
        return [Span(m.start(), m.end(), m[0]) for m in _VERSION.finditer(text)]

    @cached_property
    def files(self) -> list[Span]:
        """File names: with an ending of letters."""
        text = self._without([*self.urls, *self.emails, *self.ips])
        return [Span(m.start(), m.end(), m[0]) for m in _FILE.finditer(text)]

    @cached_property
    def dates(self) -> list[Span]:
        """Days, as ISO 8601."""
        found: list[Span] = []
        for pattern, (year, month, day) in _DATES:
            for match in pattern.finditer(self.text):
                named = match[month][:3].lower()
                number = _MONTHS.index(named) + 1 if named in _MONTHS else int(match[month])
                try:
                    value = date(int(match[year]), number, int(match[day]))
                except ValueError:
                    continue
                found.append(Span(match.start(), match.end(), value.isoformat()))
        for match in _RELATIVE.finditer(self.text):
            if match[1]:
                days = {"today": 0, "tomorrow": 1, "yesterday": -1}[match[1].lower()]
            else:
                days = (_DAYS.index(match[2].lower()) - self.today.weekday() - 1) % 7 + 1
            value = self.today + timedelta(days=days)
            found.append(Span(match.start(), match.end(), value.isoformat()))
        return sorted(found, key=lambda span: span.start)

    @cached_property
    def times(self) -> list[Span]:
        """Times of day, HH:MM."""
        found: list[Span] = []
        for match in _TIME.finditer(self._without([*self.urls, *self.dates])):
            value = match[0]
            if match[2]:
                hour = int(match[1]) % 12 + (12 if match[2].lower() == "pm" else 0)
                value = f"{hour:02}:00"
            elif value.index(":") == 1:
                value = f"0{value}"
            found.append(Span(match.start(), match.end(), value))
        return found

    @cached_property
    def _plain(self) -> str:
        """The text in which only numbers are left that stand for themselves."""
        codes = [code for code in self.codes if any(char.isalpha() for char in code.value)]
        named = [code for code in codes if any(char.isdigit() for char in code.value)]
        return self._without(
            [
                *self.urls,
                *self.emails,
                *self.ips,
                *self.files,
                *self.dates,
                *self.times,
                *named,
                *self.versions,
            ]
        )

    @cached_property
    def numbers(self) -> list[Number]:
        """Numbers that belong to nothing else above, in order."""
        return numbers(self._plain)

    @cached_property
    def expression(self) -> Expression | None:
        """Arithmetic."""
        return expression(self._plain)

    @cached_property
    def change(self) -> Change | None:
        """An amount that is wanted in another unit."""
        return change(self._plain)

    @cached_property
    def codes(self) -> list[Span]:
        """Codes: capital letters, or letters and digits, or long numbers."""
        text = self._without([*self.urls, *self.emails, *self.ips, *self.files, *self.dates])
        if text.isupper():
            return []
        return [Span(m.start(), m.end(), m[0]) for m in _CODE.finditer(text)]

    @cached_property
    def names(self) -> list[Span]:
        """Proper names: words with a capital that no sentence begins with, neighbours together."""
        text = self._without([*self.urls, *self.emails, *self.quoted, *self.files])
        found: list[Span] = []
        begins = True
        last_end = -2
        for match in _CAPITALS.finditer(text):
            word = match[0].rstrip(".'\u2019-")
            first = begins or bool(re.search(r"[.!?:]\s*$", text[: match.start()]))
            begins = False
            numbered = any(char.isdigit() for char in word)
            if not word[0].isupper() or word.lower() in STOP or first or numbered:
                continue
            end = match.start() + len(word)
            if found and last_end + 1 == match.start() and text[last_end] == " ":
                start = found.pop().start
            else:
                start = match.start()
            found.append(Span(start, end, text[start:end]))
            last_end = end
        return found

    @cached_property
    def words(self) -> list[Span]:
        """All words, numerals among them; each value in lower case."""
        return [Span(m.start(), m.end(), m[0].lower()) for m in WORD.finditer(self.text)]

    @cached_property
    def listed(self) -> list[Number]:
        """Three numbers or more, or two, that stand as a list: only commas and "and" between."""
        best: list[Number] = []
        run: list[Number] = []
        for number in self.numbers:
            between = self.text[run[-1].end : number.start] if run else ""
            if run and not re.fullmatch(
                r"\s*(?:,|;|\band\b|\bund\b|&|\s)*\s*", between, re.IGNORECASE
            ):
                run = []
            run.append(number)
            if len(run) > len(best) and len(run) > 1:
                best = run[:]
        return best

    def _without(self, spans: list[Span]) -> str:
        """The text with other pieces blanked out, each character at its old place."""
        text = self.text
        for span in spans:
            text = text[: span.start] + "\0" * (span.end - span.start) + text[span.end :]
        return text
