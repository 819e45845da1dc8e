# SPDX-License-Identifier: Apache-2.0
"""How a widget may look: what can be kept, and what somebody should think about. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from rollcall.kernel.errors import InvalidInput
from rollcall.widgets.models import ANY_ORIGIN, OPAQUE_ORIGIN, Content, Shades, Theme, Warned

TEXT_CONTRAST: Final = 4.5
"""What text needs against what is behind it (WCAG 2.2, success criterion 1.4.3)."""
PART_CONTRAST: Final = 3.0
"""What parts of an interface need (WCAG 2.2, success criterion 1.4.11)."""
MOST_ORIGINS: Final = 50
LONGEST: Final = {"name": 100, "welcome_message": 1000, "placeholder": 200, "avatar_url": 2000}
"""Characters of the texts."""
_LAYOUT: Final = "\n\t\u200c\u200d\u200e\u200f"
"""What cannot be seen and may stand in a text: it parts lines, and joins or turns what is near."""
_COLOUR: Final = re.compile(r"#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")
_FONT: Final = re.compile(r"[A-Za-z][A-Za-z0-9 -]{0,48}(?:, ?[A-Za-z][A-Za-z0-9 -]{0,48}){0,9}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}")
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::([1-9][0-9]{0,4}))?")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_COLOURS: Final = ("primary_color", "secondary_color", "background_color", "text_color")
_MOST: Final = {
    "theme.border_radius": 100,
    "position.x": 1000,
    "position.y": 1000,
    "settings.auto_open_delay_ms": 600_000,
    "settings.max_messages": 500,
}
"""The largest numbers."""


def check_content(content: Content) -> None:
    """Refuse what cannot be kept or shown.

    Raises:
        InvalidInput: Names the field, dotted.
    """
    for field in ("name", "welcome_message", "placeholder"):
        _check_text(field, getattr(content, field))
    if "\n" in content.name or "\t" in content.name:
        raise InvalidInput("name", "must be one line")
    _check_theme(content.theme)
    for field, most in _MOST.items():
        part, _, name = field.partition(".")
        least = 1 if name == "max_messages" else 0
        if not least <= getattr(getattr(content, part), name) <= most:
            raise InvalidInput(field, f"must be from {least} to {most}")
    if content.language is not None and not _LANGUAGE.fullmatch(content.language):
        raise InvalidInput("language", "must be a language tag such as en, de or pt-BR")
    if content.avatar_url is not None:
        _check_picture(content.avatar_url)
    _check_origins(content.allowed_origins)


def _check_text(field: str, text: str) -> None:
    most = LONGEST[field]
    if len(text) > most:
        raise InvalidInput(field, f"must have at most {most} characters, not {len(text)}")
    if not text.strip() and field == "name":
        raise InvalidInput(field, "must not be empty")
    odd = next((one for one in text if not one.isprintable() and one not in _LAYOUT), None)
    if odd is not None:
        raise InvalidInput(field, f"must hold no control characters such as {odd!a}")


def _check_theme(theme: Theme) -> None:
    for where, shades in (("theme", theme), ("theme.dark", theme.dark)):
        if shades is not None:
            for name in _COLOURS:
                if not _COLOUR.fullmatch(getattr(shades, name)):
                    raise InvalidInput(f"{where}.{name}", "must be a colour, #rgb or #rrggbb")
    if not _FONT.fullmatch(theme.font_family):
        raise InvalidInput(
            "theme.font_family",
            "must be names of fonts with commas, of letters, digits, blanks and hyphens",
        )


def _check_picture(url: str) -> None:
    problem = "must be the URL of a picture, https://... or http://..."
    if len(url) > LONGEST["avatar_url"] or not re.fullmatch(r"[\x21-\x7e]+", url):
        raise InvalidInput("avatar_url", problem)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidInput("avatar_url", problem) from None
    if parts.scheme not in _DEFAULT_PORTS or not host or parts.username is not None:
        raise InvalidInput("avatar_url", problem)
    # It stands in a policy too, where these would begin something new.
    if not _ORIGIN.fullmatch(origin_of(url)):
        raise InvalidInput("avatar_url", problem)


def _check_origins(origins: tuple[str, ...]) -> None:
    if len(origins) > MOST_ORIGINS:
        raise InvalidInput("allowed_origins", f"must be at most {MOST_ORIGINS}")
    for place, one in enumerate(origins):
        field = f"allowed_origins.{place}"
        if one in origins[:place]:
            raise InvalidInput(field, "is there twice")
        if one in (ANY_ORIGIN, OPAQUE_ORIGIN):
            continue
        match = _ORIGIN.fullmatch(one)
        scheme = one.partition(":")[0]
        if match is None or (match[1] and int(match[1]) > 65535):
            raise InvalidInput(
                field,
                "must be an origin as browsers write it: scheme and host in lower case, no path,"
                " as in https://www.example.com",
            )
        if match[1] == _DEFAULT_PORTS[scheme]:
            raise InvalidInput(field, f"must be written without :{match[1]}, which goes unsaid")
    if ANY_ORIGIN in origins and set(origins) - {ANY_ORIGIN, OPAQUE_ORIGIN}:
        raise InvalidInput("allowed_origins", "must be '*', or name each origin")


def origin_of(url: str) -> str:
    """The origin of a URL, as browsers write it (RFC 6454, section 6.2)."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = parts.port
    unsaid = port is None or str(port) == _DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{host}" if unsaid else f"{parts.scheme}://{host}:{port}"


def warnings(content: Content) -> list[Warned]:
    """What is allowed, and may not be what somebody wants."""
    found = [*_faint("theme", content.theme)]
    if content.theme.dark is not None:
        found += _faint("theme.dark", content.theme.dark)
    origins = content.allowed_origins
    if ANY_ORIGIN in origins:
        problem = "any page may embed the widget, and its visitors cost what the agent costs"
        found.append(Warned(field="allowed_origins", problem=problem))
    elif not origins:
        problem = "no page may embed the widget yet: only the preview shows it"
        found.append(Warned(field="allowed_origins", problem=problem))
    return found


def _faint(where: str, shades: Theme | Shades) -> Iterator[Warned]:
    behind = shades.background_color
    for name, wanted in (
        ("text_color", TEXT_CONTRAST),
        ("secondary_color", PART_CONTRAST),
        ("primary_color", PART_CONTRAST),
    ):
        ratio = contrast(getattr(shades, name), behind)
        if ratio < wanted:
            problem = f"is hard to tell from the background {behind}"
            # Down, so that one that is just too faint does not look as if it would do.
            shown = int(ratio * 100) / 100
            yield Warned(field=f"{where}.{name}", problem=problem, ratio=shown, wanted=wanted)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """The relative luminance of `#rgb` or `#rrggbb`, from 0 to 1 (WCAG 2.2)."""
    digits = colour[1:]
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
