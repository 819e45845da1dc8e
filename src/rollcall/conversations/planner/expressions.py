# SPDX-License-Identifier: Apache-2.0
"""Arithmetic in people's words, written in symbols: "12 % of 80" is "80 * 12 / 100"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from rollcall.conversations.planner.arithmetic import (
    OF,
    OPERATORS,
    POSTFIXES,
    PREFIXES,
    SAID,
    SHARES,
    SIGNS,
    SUMMED,
)
from rollcall.conversations.planner.numbers import numbers


def _alternatives(words: object) -> str:
    assert isinstance(words, dict | tuple)
    ordered = sorted(map(str, words), key=len, reverse=True)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return "|".join(
        rf"(?<![^\W\d]){re.escape(one)}(?![^\W\d])".replace(r"\ ", r"\s+")
        if one[0].isalpha()
        else re.escape(one)
        for one in ordered
    )


@dataclass(frozen=True)
class Expression:
    """Arithmetic that stands in a text.

    Args:
        start: Where it begins, counted in characters.
        end: Where it ends.
        symbols: It, in the symbols and function names that are usual in programs.
        parts: Left side, operator and right side, where it is no more than two numbers.
        certain: Whether it can be nothing else; "800 x 600" can be a size.
    """

    start: int
    end: int
    symbols: str
    parts: tuple[str, str, str] | None = None
    certain: bool = True


def expression(text: str) -> Expression | None:
    """The longest arithmetic expression of a text; None: it has none."""
    plain = _in_digits(text)
    for pattern, symbols in SAID:
        said = re.search(pattern, plain, re.IGNORECASE)
        if said is not None and not _GOES_ON.match(plain[said.end() :]):
            made = symbols.format(*map(_tidy, said.groups()))
            parts = made.split(" ")
            three = (parts[0], parts[1], parts[2]) if len(parts) == 3 else None
            return Expression(said.start(), said.end(), made, three)
    summed = re.search(SUMMED, plain, re.IGNORECASE)
    if summed is not None and not _GOES_ON.match(plain[summed.end() :]):
        terms = " + ".join(one.plain for one in numbers(summed["numbers"]))
        return Expression(summed.start(), summed.end(), terms)
    tokens = _tokens(plain)
    best: _Parsed | None = None
    at = 0
    while at < len(tokens):
        parsed = _Parser(tokens, at).parsed()
        if parsed is None:
            at += 1
            continue
        if best is None or parsed.end - parsed.start > best.end - best.start:
            best = parsed
        at = parsed.next
    if best is None:
        return None
    source = plain[best.start : best.end]
    symbolic = best.symbolic and "," not in source
    # A number that is spelled out is longer than its digits.
    end = max([best.end, *(one.end for one in numbers(text) if one.start < best.end <= one.end)])
    return Expression(best.start, end, source if symbolic else best.text, best.parts, best.certain)


_GOES_ON: Final = re.compile(
    rf"\s*(?:{_alternatives(OPERATORS)}|and\s+\d|,\s*\d|%|percent)", re.IGNORECASE
)
"""What shows that a sentence about two numbers is not the whole of it."""


def _in_digits(text: str) -> str:
    """The text with number words as digits, every character at its old place."""
    plain = text
    for number in numbers(text):
        word = text[number.start : number.end]
        if not any(char.isdigit() for char in word) and len(number.plain) <= len(word):
            plain = plain[: number.start] + number.plain.ljust(len(word)) + plain[number.end :]
    return _BETWEEN_DIGITS.sub("\u2715", plain)


def _tidy(digits: str) -> str:
    found = numbers(digits)
    return found[0].plain if found else digits


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int
    word: bool


_TOKEN: Final = re.compile(
    rf"""
    (?P<number>(?<![^\W\d])\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?(?![\d,])|(?<![^\W\d])\d+,\d{{1,2}}(?![\d,])
       |(?<![^\W\d])(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<call>(?<!\w)[A-Za-z][A-Za-z0-9_]*(?=\())
  | (?P<prefix>{_alternatives(PREFIXES)})
  | (?P<post>{_alternatives(POSTFIXES)})
  | (?P<share>{_alternatives(SHARES)})
  | (?P<sign>{_alternatives(SIGNS)})
  | (?P<operator>{_alternatives(OPERATORS)})
  | (?P<of>{_alternatives(OF)})
  | (?P<constant>(?<![^\W\d])(?:pi|π|tau)(?![^\W\d]))
  | (?P<open>\() | (?P<close>\)) | (?P<comma>,)
  | (?P<other>[^\W\d]+|\S)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _tokens(text: str) -> list[_Token]:
    return [
        _Token(
            str(found.lastgroup),
            " ".join(found[0].lower().split()),
            found.start(),
            found.end(),
            found[0][0].isalpha(),
        )
        for found in _TOKEN.finditer(text)
    ]


@dataclass(frozen=True)
class _Parsed:
    start: int
    end: int
    next: int
    text: str
    parts: tuple[str, str, str] | None
    certain: bool
    symbolic: bool


class _Stop(Exception):
    """What follows is no expression."""


_BETWEEN_DIGITS: Final = re.compile(r"(?<=\d)[xX](?=\d)")
_DEEPEST: Final = 40
_PLUS: Final = frozenset({"+", "plus"})
_SIGNED: Final = _PLUS | {"-", "\u2212", "minus"}
_DEGREES: Final = frozenset({"\u00b0", "degree", "degrees", "deg", "grad"})
_TURNED: Final = frozenset({"sin", "cos", "tan"})
_TYPED: Final = frozenset("\u00b0\u2715√²³\u00d7·÷\u2212\u2013^!")


class _Parser:
    """Reads as much of an expression as there is from one token on, by recursive descent."""

    def __init__(self, tokens: list[_Token], at: int) -> None:
        self._tokens = tokens
        self._first = at
        self._at = at
        self._depth = 0
        self._steps = 0
        self._weak = 0
        self._angles = 0
        self._bare_percent = ""

    def parsed(self) -> _Parsed | None:
        try:
            text = self._sum()
        except _Stop:
            return None
        used = self._tokens[self._first : self._at]
        if not self._steps or not any(token.kind in {"number", "constant"} for token in used):
            return None
        symbolic = all(
            not token.word or token.kind in {"call", "constant"} for token in used
        ) and not any(token.kind in {"sign", "share"} or token.text in _TYPED for token in used)
        return _Parsed(
            used[0].start,
            used[-1].end,
            self._at,
            text,
            self._parts(used),
            self._weak < self._steps,
            symbolic,
        )

    @staticmethod
    def _parts(used: list[_Token]) -> tuple[str, str, str] | None:
        kinds = [token.kind for token in used]
        if kinds != ["number", "operator", "number"]:
            return None
        return _tidy(used[0].text), OPERATORS[used[1].text], _tidy(used[2].text)

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _sum(self) -> str:
        left = self._product()
        while operator := self._operator("+", "-"):
            mark = self._at
            self._at += 1
            try:
                right = self._product()
            except _Stop:
                self._at = mark
                break
            self._count(operator)
            percent, self._bare_percent = self._bare_percent, ""
            sign = OPERATORS[operator.text]
            if percent:
                whole = f"({left})" if " " in left else left
                left = f"{whole} * (1 {sign} {percent} / 100)"
            else:
                left = f"{left} {sign} {right}"
        return left

    def _product(self) -> str:
        left = self._power()
        while operator := self._operator("*", "/", "%"):
            mark = self._at
            self._at += 1
            self._bare_percent = ""
            try:
                right = self._power()
            except _Stop:
                self._at = mark
                break
            self._count(operator)
            left = f"{left} {OPERATORS[operator.text]} {right}"
        return left

    def _power(self) -> str:
        powers = [self._unary()]
        while operator := self._operator("**"):
            mark = self._at
            self._at += 1
            try:
                powers.append(self._unary())
            except _Stop:
                self._at = mark
                break
            self._count(operator)
        return " ** ".join(powers)

    def _unary(self) -> str:
        sign = ""
        while (token := self._peek()) is not None and token.text in _SIGNED:
            self._at += 1
            if token.text not in _PLUS:
                sign = "" if sign else "-"
        return sign + self._postfix(self._atom())

    def _postfix(self, text: str) -> str:
        while (token := self._peek()) is not None:
            if self._angles and token.text in _DEGREES:
                self._at += 1
                text = f"{text} * pi / 180"
                continue
            if token.kind != "post" or (token.text == "!" and not self._is_factorial(token)):
                break
            self._at += 1
            self._steps += 1
            ending = POSTFIXES[token.text]
            text = f"factorial({text})" if ending == "!" else text + ending
        return text

    def _is_factorial(self, mark: _Token) -> bool:
        """Whether an exclamation mark is one, and does not just end the sentence."""
        ends = self._at == len(self._tokens) - 1 and self._first != self._at - 1
        return not ends and self._tokens[self._at - 1].end == mark.start

    def _atom(self) -> str:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _Stop
        try:
            return self._inner()
        finally:
            self._depth -= 1

    def _inner(self) -> str:
        token = self._peek()
        if token is None:
            raise _Stop
        self._at += 1
        if token.kind == "number":
            return self._percent(_tidy(token.text))
        if token.kind == "constant":
            return "pi" if token.text == "π" else token.text
        if token.kind == "open":
            return f"({self._closed()})"
        if token.kind == "call":
            self._expect("open")
            self._steps += 1
            return f"{token.text}({self._inside(token.text, several=True)})"
        if token.kind == "prefix":
            self._steps += 1
            self._angles += PREFIXES[token.text] in _TURNED
            inside = self._postfix(self._atom())
            self._angles -= PREFIXES[token.text] in _TURNED
            bare = inside[1:-1] if inside[0] == "(" and inside[-1] == ")" else inside
            return f"{PREFIXES[token.text]}({bare})"
        if token.kind == "share":
            self._steps += 1
            return f"{SHARES[token.text]} * {self._atom()}"
        raise _Stop

    def _percent(self, number: str) -> str:
        sign = self._peek()
        if sign is None or sign.kind != "sign":
            return number
        following = self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else None
        # "17 % 5" is the remainder; "17 % of 5" and "17 %" are shares.
        if sign.text == "%" and following is not None and following.kind == "number":
            self._at += 2
            self._steps += 1
            return f"{number} % {_tidy(following.text)}"
        self._at += 1
        if following is not None and following.kind == "of":
            mark = self._at
            self._at += 1
            try:
                whole = self._power()
            except _Stop:
                self._at = mark
            else:
                self._steps += 1
                return f"{whole} * {number} / 100"
        self._bare_percent = number
        return f"({number} / 100)"

    def _inside(self, name: str, *, several: bool) -> str:
        self._angles += name in _TURNED
        inside = self._closed(several=several)
        self._angles -= name in _TURNED
        return inside

    def _closed(self, *, several: bool = False) -> str:
        inside = [self._sum()]
        while several and (token := self._peek()) is not None and token.kind == "comma":
            self._at += 1
            inside.append(self._sum())
        self._expect("close")
        return ", ".join(inside)

    def _expect(self, kind: str) -> None:
        token = self._peek()
        if token is None or token.kind != kind:
            raise _Stop
        self._at += 1

    def _operator(self, *signs: str) -> _Token | None:
        token = self._peek()
        if token is None or token.kind != "operator" or OPERATORS[token.text] not in signs:
            return None
        return token

    def _count(self, operator: _Token) -> None:
        self._steps += 1
        self._weak += operator.text in {"x", "\u2715"}
