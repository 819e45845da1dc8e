# SPDX-License-Identifier: Apache-2.0
"""The letters that invoices on paper are written in.

Latin, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Thai and Georgian by the font FiraGO; Chinese,
Japanese and Korean by Noto Sans CJK, where the extra `cjk` is installed.
"""

from __future__ import annotations

import atexit
import importlib
import shutil
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from fpdf import FPDF

TEXT: Final = "text"
"""The family that everything is written in."""

_CJK: Final = "cjk"
_SHAPED: Final = range(0x0590, 0x1100)
"""Where the scripts are whose letters change with their neighbours, or that run to the left."""
# It has no types.
_packed: Any = importlib.import_module("pymupdf_fonts")


def load(pdf: FPDF) -> None:
    """Have a document know the family `TEXT`, plain and bold."""
    plain, bold = _files()
    pdf.add_font(TEXT, "", plain)
    pdf.add_font(TEXT, "B", bold)


def fit(pdf: FPDF, used: set[int]) -> set[int]:
    """Have a document write the letters that are used, as far as that can be; those that can be
    written.
    """
    letters = set(_letters(pdf, TEXT))
    path = _cjk()
    # It takes a while to read.
    if path is not None and not used <= letters:
        for style in ("", "B"):
            pdf.add_font(_CJK, style, path)
        pdf.set_fallback_fonts([_CJK], exact_match=False)
        letters |= _letters(pdf, _CJK)
    if find_spec("uharfbuzz") is not None and any(one in _SHAPED for one in used):
        pdf.set_text_shaping(True)
    return letters


@cache
def _files() -> tuple[Path, Path]:
    """The fonts as files, which is how they can be read; they come packed in Python."""
    folder = Path(tempfile.mkdtemp(prefix="rollcall-fonts-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    found: list[Path] = []
    for name in ("figo", "figbo"):
        path = folder / f"{name}.ttf"
        path.write_bytes(_packed.myfont(name))
        found.append(path)
    return found[0], found[1]


@cache
def _cjk() -> Path | None:
    spec = find_spec("noto_cjk_sans_otc")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "NotoSansCJK-Regular.ttc"


def _letters(pdf: FPDF, family: str) -> set[int]:
    fonts: Any = pdf.fonts
    return set(fonts[family].cmap)
