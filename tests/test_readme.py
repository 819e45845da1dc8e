"""Every Python block of the README and of docs/*.md runs as it stands.

A block is a module of its own, run in an empty folder as `__main__`; it may use `await` outside of
functions. One that cannot run says why in a comment directly above it: `<!-- not run: reason -->`.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent
NOT_RUN = re.compile(r"<!--\s*not run:\s*\S.*-->\s*", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """Python code in a page, and the line of the page on which the code begins."""

    page: str
    line: int
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str, text: str) -> Iterator[Block]:
    """The Python blocks of `text` that are to be run."""
    above = ""
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "fence" and token.info.split()[:1] == ["python"]:
            assert token.map is not None
            if not NOT_RUN.fullmatch(above):
                # The map counts from zero and begins with the fence.
                yield Block(page, token.map[0] + 2, token.content)
        above = token.content if token.type == "html_block" else ""


def run(block: Block) -> None:
    # Empty lines before the code make tracebacks name the line of the page.
    source = "\n" * (block.line - 1) + block.code
    code = compile(source, block.page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    # A real module, since annotations are looked up in `sys.modules`.
    module = ModuleType("__main__")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", module)
        result = eval(code, module.__dict__)  # noqa: S307
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(result)


def pages() -> Iterator[Path]:
    readme = ROOT / "README.md"
    if readme.exists():
        yield readme
    yield from sorted((ROOT / "docs").glob("*.md"))


BLOCKS = [
    block
    for path in pages()
    for block in blocks(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_the_block_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(block)


PAGE = """\
# A page

```python
first = 1
```

- in a list:

  ```python
  second = 2
  ```

```console
not = Python
```

<!-- not run: it needs a server -->
```python
third = 3
```

<!-- not run: -->

```python
fourth = 4
```

````markdown
```python
quoted = 5
```
````
"""


def test_python_blocks_are_found_with_the_line_on_which_they_begin() -> None:
    found = list(blocks("page.md", PAGE))

    assert found == [
        Block("page.md", 4, "first = 1\n"),
        Block("page.md", 10, "second = 2\n"),
        Block("page.md", 25, "fourth = 4\n"),
    ]
    assert str(found[0]) == "page.md:4"


def test_only_a_reason_keeps_a_block_from_running() -> None:
    code = "```python\nx = 1\n```\n"

    assert not list(blocks("p", f"<!-- not run: needs the network -->\n\n{code}"))
    assert len(list(blocks("p", f"<!-- not run -->\n\n{code}"))) == 1
    assert len(list(blocks("p", f"<!-- not run: far away -->\n\nText.\n\n{code}"))) == 1


def test_an_error_in_a_block_names_the_line_of_the_page() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run(Block("page.md", 40, "x = 1\nx / 0\n"))

    last = traceback.extract_tb(caught.tb)[-1]
    assert (last.filename, last.lineno) == ("page.md", 41)


def test_a_block_may_await_outside_of_functions_and_its_failure_counts() -> None:
    run(Block("page.md", 1, "import asyncio\nawait asyncio.sleep(0)\nassert True\n"))

    with pytest.raises(AssertionError):
        run(Block("page.md", 1, "import asyncio\nawait asyncio.sleep(0)\nassert False\n"))


def test_a_block_runs_as_the_main_module_and_leaves_it_as_it_was() -> None:
    before = sys.modules["__main__"]

    run(
        Block(
            "page.md",
            1,
            "import sys\nassert __name__ == '__main__'\nassert 'blocks' not in globals()\n"
            "here = 1\nassert sys.modules['__main__'].here == 1\n",
        )
    )

    assert sys.modules["__main__"] is before
