# SPDX-License-Identifier: Apache-2.0
"""CSS selectors: what to take out of a page, by name.

A selector comes from one stranger and the page from another. Translated to XPath, `p ~ p` on a page
of 5,000 paragraphs takes half a minute; so selectors are matched here, element by element, and
whoever asks for more steps than `MOST_STEPS` is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import cssselect
from cssselect import parser

from rollcall.kernel.errors import InvalidInput

MOST_SELECTORS: Final = 20
LONGEST_SELECTOR: Final = 300
LONGEST_NAME: Final = 100
MOST_STEPS: Final = 2_000_000
"""Elements looked at for all selectors of a page together; a second or two."""


class TooManySteps(Exception):
    """A selector and a page that take too long together."""


@dataclass(slots=True)
class Tree:
    """What matching remembers of a page.

    Args:
        steps: How many more elements may be looked at.
        places: For each parent seen, its children's places: from the front, from the back, and
            both among those of the same name; each from 1.
    """

    steps: int = MOST_STEPS
    places: dict[Any, dict[Any, tuple[int, int, int, int]]] = field(
        default_factory=dict[Any, dict[Any, tuple[int, int, int, int]]]
    )

    def step(self) -> None:
        """Look at one more element.

        Raises:
            TooManySteps: It was one too many.
        """
        self.steps -= 1
        if self.steps < 0:
            raise TooManySteps

    def place(self, element: Any) -> tuple[int, int, int, int]:
        """Where an element stands among its siblings."""
        parent = element.getparent()
        if parent is None:
            return (1, 1, 1, 1)
        if parent not in self.places:
            self.places[parent] = self._places(list(parent.iterchildren("*")))
        return self.places[parent][element]

    def _places(self, children: list[Any]) -> dict[Any, tuple[int, int, int, int]]:
        totals: dict[str, int] = {}
        for child in children:
            self.step()
            totals[child.tag] = totals.get(child.tag, 0) + 1
        found: dict[Any, tuple[int, int, int, int]] = {}
        seen: dict[str, int] = {}
        for at, child in enumerate(children, 1):
            nth = seen[child.tag] = seen.get(child.tag, 0) + 1
            found[child] = (at, len(children) - at + 1, nth, totals[child.tag] - nth + 1)
        return found


Test = Callable[[Any, Tree], bool]


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """A selector, ready for use.

    Args:
        tests: An element that passes one of them is meant.
        attribute: The attribute to take of each; None: its text.
    """

    tests: tuple[Test, ...]
    attribute: str | None

    def find(self, root: Any, tree: Tree) -> Iterator[Any]:
        """The elements under `root` that are meant, in the order of the page.

        Raises:
            TooManySteps: Looking for them takes too long.
        """
        for element in root.iter("*"):
            tree.step()
            if any(test(element, tree) for test in self.tests):
                yield element


def compile_selectors(selectors: Mapping[str, str]) -> dict[str, FieldSelector]:
    """Selectors, ready for use: CSS level 3, `:is`, `:where`; and `a::attr(href)` for attributes.

    Raises:
        InvalidInput: One of them cannot be used; names `selectors.<name>`.
    """
    if len(selectors) > MOST_SELECTORS:
        raise InvalidInput(
            "selectors", f"must be at most {MOST_SELECTORS} at once, not {len(selectors)}"
        )
    return {name: _compiled(name, text) for name, text in selectors.items()}


def _compiled(name: str, text: str) -> FieldSelector:
    if not 0 < len(name) <= LONGEST_NAME:
        raise InvalidInput("selectors", f"each needs a name of 1 to {LONGEST_NAME} characters")
    where = f"selectors.{name}"
    if not 0 < len(text) <= LONGEST_SELECTOR:
        raise InvalidInput(where, f"must have 1 to {LONGEST_SELECTOR} characters")
    try:
        found = cssselect.parse(text)
        tests = tuple(_test(one.parsed_tree) for one in found)
    except (cssselect.SelectorError, RecursionError, ValueError) as error:
        raise InvalidInput(where, f"is no CSS selector that can be used: {error}") from None
    attributes = {_attribute(one.pseudo_element, where) for one in found}
    if len(attributes) > 1:
        raise InvalidInput(where, "must take the same attribute, or none, of all its parts")
    return FieldSelector(tests, attributes.pop())


def _attribute(pseudo: Any, where: str) -> str | None:
    if pseudo is None or pseudo == "text":
        return None
    if (
        isinstance(pseudo, parser.FunctionalPseudoElement)
        and pseudo.name == "attr"
        and pseudo.argument_types() == ["IDENT"]
    ):
        return str(pseudo.arguments[0].value).lower()
    raise InvalidInput(where, "knows only the pseudo-elements ::attr(name) and ::text")


def _test(node: Any) -> Test:
    """What tells whether an element is meant by a part of a selector."""
    match node:
        case parser.Element(element=name):
            return _named(name)
        case parser.CombinedSelector(selector=left, combinator=how, subselector=right):
            return _combined(_test(left), how, _test(right))
        case _:
            return _both(_test(node.selector), _own_test(node))


def _own_test(node: Any) -> Test:
    match node:
        case parser.Hash(id=wanted):
            return lambda element, _: element.get("id") == wanted
        case parser.Class(class_name=wanted):
            return lambda element, _: wanted in (element.get("class") or "").split()
        case parser.Attrib():
            return _attribute_test(node)
        case parser.Negation(subselector=inner):
            unwanted = _test(inner)
            return lambda element, tree: not unwanted(element, tree)
        case (
            parser.Matching(selector_list=inner) | parser.SpecificityAdjustment(selector_list=inner)
        ):
            wanted = [_test(one) for one in inner]
            return lambda element, tree: any(one(element, tree) for one in wanted)
        case parser.Pseudo(ident=name) if name in _PSEUDO:
            return _PSEUDO[name]
        case parser.Function(name=name, arguments=arguments) if name in _NTH:
            return _nth(_NTH[name], *parser.parse_series(arguments))
        case _:
            said = getattr(node, "ident", None) or getattr(node, "name", None) or "has"
            raise cssselect.ExpressionError(f":{said} is not known here")


def _named(name: str | None) -> Test:
    if name is None:
        return lambda _element, _tree: True
    wanted = name.lower()
    return lambda element, _tree: element.tag == wanted


def _both(first: Test, second: Test) -> Test:
    return lambda element, tree: first(element, tree) and second(element, tree)


def _combined(left: Test, how: str, right: Test) -> Test:
    def reached(element: Any, tree: Tree) -> Iterator[Any]:
        match how:
            case " ":
                yield from element.iterancestors("*")
            case ">":
                yield element.getparent()
            case "+":
                yield next(element.itersiblings("*", preceding=True), None)
            case _:
                yield from element.itersiblings("*", preceding=True)

    def test(element: Any, tree: Tree) -> bool:
        if not right(element, tree):
            return False
        for one in reached(element, tree):
            tree.step()
            if one is not None and left(one, tree):
                return True
        return False

    return test


def _attribute_test(node: parser.Attrib) -> Test:
    name = node.attrib.lower()
    if node.value is None:
        return lambda element, _: element.get(name) is not None
    value = str(node.value.value)
    fold = str.lower if node.flag == "i" else str
    compare = _COMPARE[node.operator]
    wanted = fold(value)

    def test(element: Any, _tree: Tree) -> bool:
        given = element.get(name)
        if given is None:
            return node.operator == "!="
        return compare(fold(given), wanted)

    return test


def _nth(place: int, step: int, start: int) -> Test:
    def test(element: Any, tree: Tree) -> bool:
        past = tree.place(element)[place] - start
        return past == 0 if step == 0 else past % step == 0 and past // step >= 0

    return test


_COMPARE: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "=": lambda given, wanted: given == wanted,
    "!=": lambda given, wanted: given != wanted,
    "^=": lambda given, wanted: bool(wanted) and given.startswith(wanted),
    "$=": lambda given, wanted: bool(wanted) and given.endswith(wanted),
    "*=": lambda given, wanted: bool(wanted) and wanted in given,
    "~=": lambda given, wanted: wanted in given.split(),
    "|=": lambda given, wanted: given == wanted or given.startswith(f"{wanted}-"),
}
_NTH: Final = {
    "nth-child": 0,
    "nth-last-child": 1,
    "nth-of-type": 2,
    "nth-last-of-type": 3,
}
_PSEUDO: Final[Mapping[str, Test]] = {
    "first-child": _nth(0, 0, 1),
    "last-child": _nth(1, 0, 1),
    "first-of-type": _nth(2, 0, 1),
    "last-of-type": _nth(3, 0, 1),
    "only-child": _both(_nth(0, 0, 1), _nth(1, 0, 1)),
    "only-of-type": _both(_nth(2, 0, 1), _nth(3, 0, 1)),
    "root": lambda element, _: element.getparent() is None,
    "empty": lambda element, _: len(element) == 0 and not element.text,
    "link": lambda element, _: element.tag in {"a", "area"} and element.get("href") is not None,
}
