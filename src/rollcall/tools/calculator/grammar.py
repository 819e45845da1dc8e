# SPDX-License-Identifier: Apache-2.0
"""Tokens into a tree, by the precedence of operators.

From weak to strong: `or`, `and`, `not`, comparisons, `+ -`, `* / // % mod`, `of` behind a
percentage or a share, signs, `**`, and what stands behind a number: `! % ² °`.

`%` is modulo where an operand follows it (`7 % 3`), and percent everywhere else (`50%`,
`12% of 80`, `80 + 12%`). A sign behind it counts as plus or minus: modulo by a negative number
is written `7 mod -3`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from rollcall.tools.calculator.errors import CannotCalculate, shown
from rollcall.tools.calculator.limits import MAX_DEPTH
from rollcall.tools.calculator.nodes import CALL, COMPARE, NAME, NUMBER, Node
from rollcall.tools.calculator.tokens import END, Kind, Token, number_of

COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")
_LEVELS: Final = {
    "or": 1, "and": 2,
    **dict.fromkeys(COMPARISONS, 4), "share of": 4, "rounded": 4,
    "+": 5, "-": 5,
    "*": 6, "/": 6, "//": 6, "mod": 6,
    "**": 10, "scaled": 12,
}  # fmt: skip
_NOT: Final = 3
_LIST_ITEM: Final = 5
_TERM: Final = 6
_OF: Final = 7
_SIGN: Final = 9
_POWER: Final = 10
_SUFFIX: Final = 11
_SUFFIXES: Final = {
    "!": "factorial",
    "percent": "percent",
    "squared": "squared",
    "cubed": "cubed",
    "degrees": "degrees",
}
_SEPARATORS: Final = {
    "add": ("+", ("and", "to", "with")),
    "subtract": ("-", ("from",)),
    "increase": ("+", ("by",)),
    "decrease": ("-", ("by",)),
    "reduce": ("-", ("by",)),
    "multiply": ("*", ("by", "with", "and")),
    "divide": ("/", ("by",)),
    "difference": ("-", ("and",)),
    "quotient": ("/", ("and",)),
    "remainder": ("mod", ("and",)),
}
"""Operations that are said in front of both numbers, and what stands between them."""

_STARTS: Final = frozenset({Kind.NUMBER, Kind.NAME, Kind.FRACTION})


@dataclass(frozen=True, slots=True)
class Arity:
    """How many arguments a function takes.

    Args:
        least: At least so many.
        most: At most so many; None: any number.
    """

    least: int
    most: int | None

    def problem(self, name: str, given: int) -> str | None:
        """What is wrong with a call, if anything is."""
        if given < self.least or (self.most is not None and given > self.most):
            return f"{name} takes {self}, not {given}"
        return None

    def __str__(self) -> str:
        if self.most == self.least:
            return "1 argument" if self.least == 1 else f"{self.least} arguments"
        if self.most is None:
            return f"{self.least} or more arguments"
        return f"{self.least} to {self.most} arguments"


def parse(
    tokens: Sequence[Token], functions: Mapping[str, Arity], constants: Collection[str]
) -> Node:
    """The tree of an expression; O(tokens).

    Raises:
        CannotCalculate: It makes no sense, with what to do about it.
    """
    return _Parser(tokens, functions, constants).whole()


class _Parser:
    def __init__(
        self, tokens: Sequence[Token], functions: Mapping[str, Arity], constants: Collection[str]
    ) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._functions = functions
        self._constants = constants

    def whole(self) -> Node:
        node = self._expression(0)
        token = self._peek()
        if token is not END:
            raise _unexpected(token)
        return node

    def _expression(self, level: int) -> Node:
        """What binds at least as strongly as `level`."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise CannotCalculate(
                f"the expression is nested more than {MAX_DEPTH} deep: work it out in parts"
            )
        node = self._operand()
        while (longer := self._continued(node, level)) is not None:
            node = longer
        self._depth -= 1
        return node

    def _continued(self, left: Node, level: int) -> Node | None:
        """`left` with the operator behind it, if that binds strongly enough."""
        token = self._peek()
        sign = token.text
        if token.kind is Kind.FRACTION:
            return self._share(left)
        if token.kind in _STARTS or sign == "(":
            return self._juxtaposed(left, level)
        if sign == "%":
            sign = "mod" if self._operand_follows() else "percent"
        if sign in _SUFFIXES:
            return self._suffixed(left, sign)
        if sign in ("of", "off"):
            return self._part(left, sign, level)
        own = _LEVELS.get(sign)
        if own is None or own < level:
            return None
        if sign in COMPARISONS:
            return self._comparison(left)
        self._take()
        right = self._expression(_SIGN if sign == "**" else own + 1)
        if sign == "rounded":
            return Node(CALL, (left, right), text="round")
        if sign == "scaled":
            sign = "*"
        return _binary(sign, left, right)

    def _operand(self) -> Node:
        token = self._take()
        if token.kind is Kind.NUMBER:
            return Node(NUMBER, value=number_of(token.text))
        if token.kind is Kind.FRACTION:
            return _share(Node(NUMBER, value=number_of("1")), token)
        if token.kind is Kind.NAME:
            return self._named(token)
        if token.text == "(":
            node = self._expression(0)
            self._close(")")
            return Node(node.kind, node.children, node.value, node.text, node.is_percent, True)
        if token.text in ("+", "-"):
            operand = self._expression(_SIGN)
            return operand if token.text == "+" else _negative(operand)
        if token.text == "not":
            return Node("not", (self._expression(_NOT),))
        if token.text == "!" and self._accept("of"):
            return Node(CALL, (self._expression(_POWER),), text="factorial")
        if token.text == "percent" and self._accept("of"):
            return self._percentage()
        raise _unexpected(token)

    def _named(self, token: Token) -> Node:
        name = token.text
        if name in _SEPARATORS:
            return self._said_first(name)
        arity = self._functions.get(name)
        if arity is None:
            if name in self._constants:
                return Node(NAME, text=name)
            raise _unknown(name, [*self._functions, *self._constants])
        if name == "percent" and self._accept("of"):
            return self._percentage()
        if self._accept("("):
            arguments = self._arguments(")")
        elif name == "log" and self._accept("base"):
            base = self._expression(_SUFFIX)
            self._accept("of")
            arguments = [self._expression(_POWER), base]
        elif name == "round":
            arguments = [self._expression(_LIST_ITEM)]
            if self._accept("to"):
                arguments.append(self._expression(_SUFFIX))
        elif self._accept("of") or (arity.least == 1 and arity.most):
            arguments = self._spoken(arity)
        else:
            raise CannotCalculate(f"put the arguments of {name} in parentheses: {name}(…)")
        problem = arity.problem(name, len(arguments))
        if problem:
            raise CannotCalculate(problem)
        return Node(CALL, tuple(arguments), text=name)

    def _arguments(self, closing: str) -> list[Node]:
        """The arguments up to the closing sign. A list in brackets counts as its items."""
        found: list[Node] = []
        if self._accept(closing):
            return found
        while True:
            if self._accept("["):
                self._deeper()
                found += self._arguments("]")
                self._depth -= 1
            else:
                found.append(self._expression(0))
            if not self._accept(","):
                break
        self._close(closing)
        return found

    def _spoken(self, arity: Arity) -> list[Node]:
        """The arguments behind `of`: one number, or several with commas and `and`."""
        if arity.least == 1 and arity.most is not None:
            first = self._expression(_POWER)
            return [first, self._expression(_SUFFIX)] if self._base(arity) else [first]
        found = [self._expression(_LIST_ITEM)]
        while len(found) != arity.most and self._separated():
            found.append(self._expression(_LIST_ITEM))
        return found

    def _base(self, arity: Arity) -> bool:
        return arity.most == 2 and self._accept("base")

    def _separated(self) -> bool:
        comma = self._accept(",")
        return self._accept("and") or comma

    def _said_first(self, name: str) -> Node:
        """`add 5 and 10`, `subtract 5 from 10`, `the difference between 10 and 4`."""
        sign, separators = _SEPARATORS[name]
        if not self._accept("of"):
            self._accept("between")
        first = self._expression(_LIST_ITEM)
        token = self._take()
        if token.text not in separators:
            raise CannotCalculate(f"{name} needs two numbers, with {separators[0]!r} between them")
        second = self._expression(_LIST_ITEM)
        if token.text in ("from", "to"):
            first, second = second, first
        return _binary(sign, first, second)

    def _percentage(self) -> Node:
        """`what percent of 80 is 20`"""
        whole = self._expression(_LIST_ITEM)
        if not self._accept("=="):
            raise CannotCalculate("ask so: what percent of 80 is 20, or: 12 percent of 80")
        return Node("share of", (self._expression(_LIST_ITEM), whole))

    def _suffixed(self, left: Node, sign: str) -> Node:
        self._take()
        if sign == "!" and self._peek().text == "!":
            raise CannotCalculate("!! can mean two things: write (n!)! for the factorial of n!")
        return Node(_SUFFIXES[sign], (left,), is_percent=sign == "percent")

    def _part(self, left: Node, sign: str, level: int) -> Node | None:
        """`12% of 80`, `half of 80`, `1/2 of 80`, `20% off 80`."""
        own = _OF if left.is_percent else _TERM
        if own < level:
            return None
        if sign == "off" and not left.is_percent:
            raise CannotCalculate("only a percentage can be taken off: 20% off 80")
        if not (left.is_percent or left.is_share):
            raise CannotCalculate(
                "'of' needs a percentage or a share in front of it: 12% of 80, 1/2 of 80"
            )
        self._take()
        right = self._expression(_OF)
        return _binary("*", left, right) if sign == "of" else Node("less_percent", (right, left))

    def _share(self, left: Node) -> Node:
        """`two thirds`"""
        return _share(left, self._take())

    def _juxtaposed(self, left: Node, level: int) -> Node | None:
        """`2 pi`, `2(3 + 4)`: multiplied, where no other reading comes to mind."""
        token = self._peek()
        if token.kind is Kind.NUMBER:
            raise CannotCalculate(f"put an operator in front of {shown(token.text)}")
        if token.kind is Kind.NAME and not self._known(token.text):
            raise _unknown(token.text, [*self._functions, *self._constants])
        before = self._tokens[self._at - 2].text if self._at > 1 else ""
        if level == _SIGN and before != "**":
            return None
        if level > _TERM:
            raise CannotCalculate(
                f"put * or parentheses in front of {shown(token.text)}: it can be read in two ways"
            )
        return Node("*", (left, self._expression(_SIGN)))

    def _known(self, name: str) -> bool:
        return name in self._functions or name in self._constants

    def _comparison(self, first: Node) -> Node:
        """Comparisons in a row hold together: `1 < 2 < 3`."""
        nodes, signs = [first], list[str]()
        while self._peek().text in COMPARISONS:
            signs.append(self._take().text)
            nodes.append(self._expression(_LEVELS["=="] + 1))
        return Node(COMPARE, tuple(nodes), text=" ".join(signs))

    def _operand_follows(self) -> bool:
        token = self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else END
        return token.kind in _STARTS or token.text == "("

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise CannotCalculate("the lists are nested too deep: put the numbers in one list")

    def _peek(self) -> Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else END

    def _take(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _accept(self, sign: str) -> bool:
        token = self._peek()
        if token.kind is not Kind.SIGN or token.text != sign:
            return False
        self._at += 1
        return True

    def _close(self, sign: str) -> None:
        token = self._take()
        if token is END:
            raise CannotCalculate(f"a closing {sign} is missing")
        if token.kind is not Kind.SIGN or token.text != sign:
            raise _unexpected(token)


def _binary(sign: str, left: Node, right: Node) -> Node:
    if sign in ("+", "-") and right.is_percent:
        if left.is_percent:
            return Node(sign, (left, right), is_percent=True)
        return Node("more_percent" if sign == "+" else "less_percent", (left, right))
    is_share = sign == "/" and left.kind == NUMBER and right.kind == NUMBER
    return Node(sign, (left, right), is_share=is_share)


def _negative(operand: Node) -> Node:
    return Node("negative", (operand,), is_percent=operand.is_percent, is_share=operand.is_share)


def _share(count: Node, token: Token) -> Node:
    denominator = Node(NUMBER, value=number_of(token.text))
    return Node("/", (count, denominator), is_share=True)


def _unexpected(token: Token) -> CannotCalculate:
    if token is END:
        return CannotCalculate("the expression ends too early: a number is missing at its end")
    if token.text == ",":
        return CannotCalculate(
            "a comma separates the arguments of a function: write decimals with a point (349.90)"
            " and thousands as 1,234 or 1234"
        )
    if token.text == ")":
        return CannotCalculate("there is a closing ) too many, or a number missing in front of it")
    return CannotCalculate(f"{shown(token.text)} stands where it makes no sense")


def _unknown(name: str, known: Sequence[str]) -> CannotCalculate:
    near = get_close_matches(name[:40], known, n=3)
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else ("see the list of functions; quantities with units are for the conversion of units")
    )
    return CannotCalculate(f"{shown(name)} is no function or constant that is known here: {hint}")
