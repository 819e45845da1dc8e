# SPDX-License-Identifier: Apache-2.0
"""Everybody can use it: with the keyboard, a screen reader, a phone, in the dark, right to left."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Page, expect

from support.browser import Stage, Visit
from support.chatting import ask, field, hear, log, open_chat
from support.widgetserver import said

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="module")]

PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 360, "height": 640},
    "has_touch": True,
    "is_mobile": True,
}
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "narrow": PHONE,
    "narrow-dark": {**PHONE, "color_scheme": "dark"},
    "low": {"viewport": {"width": 800, "height": 380}},
    "forced-colors": {"forced_colors": "active"},
}
ANSWER: Final = (
    "It is **on its way**:\n\n- see https://example.com/track\n- or `order --track`\n\n"
    "```sh\norder --track 4711 --with --more --options --than --fit --on --a --line\n```"
)
_CONTRAST = """(element) => {
    const numbers = (color) => /rgba?\\((\\d+), (\\d+), (\\d+)(?:, ([\\d.]+))?/.exec(color)
        .slice(1).map((one) => one === undefined ? 1 : Number(one));
    const light = (color) => {
        const [r, g, b] = color.map((v) => v / 255)
            .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let ground = element;
    while (numbers(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentNode;
    const one = light(numbers(getComputedStyle(element).color));
    const other = light(numbers(getComputedStyle(ground).backgroundColor));
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}"""


async def focused(page: Page) -> str:
    """The class of what has the focus in the widget."""
    return await page.evaluate("""() => {
        const host = document.activeElement;
        const inner = host && host.shadowRoot && host.shadowRoot.activeElement;
        return inner ? inner.className || inner.localName : host.id || host.localName;
    }""")


async def test_hands_need_not_leave_the_keyboard(visit: Visit) -> None:
    page = await visit.page()
    await expect(page.get_by_role("button", name="Chat with Ada")).to_be_visible()
    await page.keyboard.press("Tab")
    assert await focused(page) == "launcher"
    await page.keyboard.press("Enter")
    assert await focused(page) == "textarea"
    await page.keyboard.type("One line")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("and another")
    assert visit.service.count("messages") == 0
    await page.keyboard.press("Enter")
    await expect(page.locator(".theirs").last).to_contain_text(
        "One line\nand another", use_inner_text=True
    )
    (turn,) = visit.service.turns.values()
    assert turn.message == "One line\nand another"
    order: list[str] = []
    for _ in range(3):
        await page.keyboard.press("Shift+Tab")
        order.append(await focused(page))
    assert order == ["log", "close", "launcher"]
    await page.keyboard.press("Tab")
    await page.keyboard.press("Escape")
    await expect(field(page)).to_be_hidden()
    assert await focused(page) == "launcher"


async def test_the_focus_goes_back_to_where_it_was(visit: Visit) -> None:
    page = await visit.page(visit.service.tag(visit.base) + '<button id="help">Help</button>')
    await expect(page.get_by_role("button", name="Chat with Ada")).to_be_visible()
    await page.evaluate("help.addEventListener('click', () => RollcallWidget.open())")
    await page.get_by_role("button", name="Help").click()
    assert await focused(page) == "textarea"
    await page.keyboard.press("Escape")
    assert await focused(page) == "help"


async def test_what_an_input_method_composes_is_not_sent(visit: Visit) -> None:
    page = await visit.page()
    await open_chat(page)
    await field(page).fill("にほんご")
    enter = {"key": "Enter", "bubbles": True, "composed": True, "cancelable": True}
    await field(page).dispatch_event("keydown", {**enter, "isComposing": True})
    await expect(field(page)).to_have_value("にほんご")
    await field(page).dispatch_event("keydown", enter)
    await hear(page, "にほんご")
    assert visit.service.count("messages") == 1


async def test_nothing_is_sent_while_there_is_nothing_to_send(visit: Visit) -> None:
    more = asyncio.Event()
    visit.service.answers.append([("wait", more), *said("One at a time.")])
    page = await visit.page()
    await open_chat(page)
    await ask(page, "   ")
    await ask(page, "First")
    await field(page).fill("Second")
    await expect(page.get_by_role("button", name="Send message")).to_be_disabled()
    await field(page).press("Enter")
    more.set()
    await hear(page, "One at a time.")
    assert visit.service.count("messages") == 1
    await expect(field(page)).to_have_value("Second")
    await page.get_by_role("button", name="Send message").click()
    await hear(page, "Second")


async def test_a_screen_reader_finds_its_way(visit: Visit) -> None:
    page = await visit.page()
    launcher = page.get_by_role("button", name="Chat with Ada")
    await expect(launcher).to_have_attribute("aria-expanded", "false")
    await open_chat(page)
    await expect(launcher).to_have_attribute("aria-expanded", "true")
    visit.service.answers.append(said("See **[the map](https://example.com/map)**"))
    await ask(page, "Where?")
    await expect(page.get_by_role("link", name="the map")).to_be_visible()
    await expect(page.locator("body")).to_match_aria_snapshot("""
        - heading "The site" [level=1]
        - button "Chat with Ada" [expanded]
        - dialog "Ada":
          - heading "Ada" [level=2]
          - button "Close chat"
          - log "Messages":
            - text: "Ada:"
            - paragraph: Hello! How can I help?
            - text: "You: Where? Ada:"
            - paragraph:
              - text: See
              - strong:
                - link "the map"
          - status
          - textbox "Write a message"
          - button "Send message" [disabled]
    """)
    await expect(log(page)).to_have_attribute("aria-live", "polite")


@pytest.mark.parametrize("look", LOOKS)
async def test_it_can_be_read_and_stays_on_the_screen(
    stage: Stage, look: str, tmp_path: Path
) -> None:
    async with stage.visit(reduced_motion="reduce", **LOOKS[look]) as visit:
        visit.service.answers.append(said(ANSWER))
        page = await visit.page()
        await open_chat(page)
        await ask(page, "Where is my order?")
        await expect(page.locator(".theirs").last.locator("pre")).to_be_visible()
        await page.screenshot(path=tmp_path / f"{look}.png")
        size = page.viewport_size
        box = await page.locator(".panel").bounding_box()
        assert size is not None
        assert box is not None
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= size["width"]
        assert box["y"] + box["height"] <= size["height"]
        if look.startswith("narrow"):
            assert (box["width"], box["height"]) == (size["width"], size["height"])
        assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        if look != "forced-colors":
            for part in ("h2", ".mine", ".theirs", ".message a", ".message code", "textarea"):
                assert await page.locator(part).last.evaluate(_CONTRAST) >= 4.5, part


@pytest.mark.parametrize(
    "theme",
    [
        {"primary_color": "#28a745", "border_radius": 20},
        {"primary_color": "#ffe066", "secondary_color": "#fafafa"},
        {"primary_color": "black", "background_color": "#101010", "text_color": "#222222"},
        {"primary_color": "hsl(200 50% 50%)", "dark": {"background_color": "#401010"}},
        {"primary_color": "nonsense", "background_color": "", "text_color": None},
    ],
    ids=["green", "pale", "black", "own-dark", "nonsense"],
)
async def test_every_theme_can_be_read(visit: Visit, theme: dict[str, Any]) -> None:
    visit.service.config["theme"].update(theme)
    visit.service.config["welcome_message"] = "Hello! How can I help? https://example.com"
    page = await visit.page()
    await open_chat(page)
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        for part in ("h2", ".theirs", ".theirs a", "textarea", ".launcher"):
            assert await page.locator(part).last.evaluate(_CONTRAST) >= 4.5, (scheme, part)


async def test_a_dark_page_of_its_own_is_used(stage: Stage) -> None:
    async with stage.visit(color_scheme="dark") as visit:
        visit.service.config["theme"]["dark"] = {"background_color": "#0b2114"}
        page = await visit.page()
        await open_chat(page)
        await expect(page.locator(".panel")).to_have_css("background-color", "rgb(11, 33, 20)")


async def test_on_a_phone_the_focus_stays_in_the_chat_that_covers_the_page(stage: Stage) -> None:
    async with stage.visit(**PHONE) as visit:
        page = await visit.page(visit.service.tag(visit.base) + '<a href="#">A link</a>')
        await open_chat(page)
        await expect(page.get_by_role("button", name="Chat with Ada")).to_be_hidden()
        stops = [await focused(page)]
        for _ in range(4):
            await page.keyboard.press("Tab")
            stops.append(await focused(page))
        assert stops == ["textarea", "send", "close", "log", "textarea"]
        await page.get_by_role("button", name="Close chat").click()
        await expect(page.get_by_role("button", name="Chat with Ada")).to_be_visible()


async def test_where_one_reads_from_the_right_it_begins_there(visit: Visit) -> None:
    visit.service.config.update(language="ar", placeholder=None)
    page = await visit.page()
    await page.get_by_role("button", name="محادثة مع Ada").click()
    await page.get_by_placeholder("اكتب رسالة").fill("أين طلبي؟")
    await page.keyboard.press("Enter")
    mine = await page.locator(".mine").bounding_box()
    panel = await page.locator(".panel").bounding_box()
    close = await page.locator(".close").bounding_box()
    assert mine is not None
    assert panel is not None
    assert close is not None
    middle = panel["x"] + panel["width"] / 2
    assert mine["x"] < middle
    assert close["x"] < middle


@pytest.mark.parametrize(
    ("configured", "of_the_page", "opens"),
    [("de-AT", "en", "Chat mit Ada"), (None, "de", "Chat mit Ada"), ("fi", "de", "Chat with Ada")],
)
async def test_it_speaks_the_language_of_the_widget_or_of_the_page(
    visit: Visit, configured: str | None, of_the_page: str, opens: str
) -> None:
    visit.service.config["language"] = configured
    page = await visit.page(attributes=f'lang="{of_the_page}"')
    await expect(page.get_by_role("button", name=opens)).to_be_visible()


async def test_who_wants_less_motion_sees_none(visit: Visit) -> None:
    visit.service.answers.append([("wait", asyncio.Event())])
    page = await visit.page()
    await open_chat(page)
    await ask(page, "Hello")
    await expect(page.get_by_text("Ada is typing")).to_be_attached()
    moving = "(one) => one.getAnimations({ subtree: true }).length"
    assert await page.locator(".typing").evaluate(moving) == 3
    await page.emulate_media(reduced_motion="reduce")
    assert await page.locator(".panel").evaluate(moving) == 0


async def test_it_opens_by_itself_once_and_takes_no_focus(visit: Visit) -> None:
    visit.service.config["settings"].update(auto_open=True, auto_open_delay_ms=3000)
    page = await visit.page()
    await page.clock.install()
    await page.reload()
    await expect(page.get_by_role("button", name="Chat with Ada")).to_be_visible()
    assert await field(page).is_hidden()
    await page.clock.fast_forward(3001)
    await expect(field(page)).to_be_visible()
    assert await focused(page) == "body"
    await page.get_by_role("button", name="Close chat").click()
    await page.reload()
    await expect(page.get_by_role("button", name="Chat with Ada")).to_be_visible()
    await page.clock.fast_forward(10_000)
    assert await field(page).is_hidden()


@pytest.mark.parametrize(("sound", "played"), [(False, 0), (True, 1)])
async def test_it_makes_a_sound_where_that_is_wanted_alone(
    visit: Visit, sound: bool, played: int
) -> None:
    visit.service.config["settings"]["sound"] = sound
    await visit.context.add_init_script("""
        window.played = 0;
        const start = OscillatorNode.prototype.start;
        OscillatorNode.prototype.start = function (...when) {
            window.played += 1;
            return start.apply(this, when);
        };
    """)
    page = await visit.page()
    await open_chat(page)
    await ask(page, "Hello")
    await hear(page, "Hello")
    assert await page.evaluate("window.played") == played


async def test_it_stands_in_the_corner_that_was_chosen(visit: Visit) -> None:
    visit.service.config["position"] = {"corner": "top-left", "x": 30, "y": 40}
    page = await visit.page()
    launcher = await page.locator(".launcher").bounding_box()
    await open_chat(page)
    panel = await page.locator(".panel").bounding_box()
    assert launcher is not None
    assert panel is not None
    assert (launcher["x"], launcher["y"]) == (30, 40)
    assert panel["x"] == 30
    assert panel["y"] > launcher["y"] + launcher["height"]


async def test_a_message_has_an_end(visit: Visit) -> None:
    visit.service.config["limits"]["message_chars"] = 200
    page = await visit.page()
    await open_chat(page)
    await field(page).press_sequentially("a" * 3)
    assert await page.locator("#left").inner_text() == ""
    await field(page).fill("a" * 190)
    await expect(page.locator("#left")).to_have_text("Characters left: 10")


async def test_opening_and_closing_leaves_nothing_behind(visit: Visit) -> None:
    page = await visit.page()
    await open_chat(page)
    tools = await visit.context.new_cdp_session(page)

    async def left() -> tuple[int, int]:
        await tools.send("HeapProfiler.collectGarbage")
        found = await tools.send("Memory.getDOMCounters")
        return found["nodes"], found["jsEventListeners"]

    turn = "for (let i = 0; i < 100; i += 1) { RollcallWidget.close(); RollcallWidget.open(); }"
    await page.evaluate(turn)
    nodes, listeners = await left()
    await page.evaluate(turn * 2)
    now = await left()
    assert now[0] <= nodes
    assert now[1] <= listeners


async def test_control_characters_of_what_is_pasted_are_left_out(visit: Visit) -> None:
    page = await visit.page()
    await open_chat(page)
    await ask(page, "\x1b[1mbold\x00\x7f\ttab")
    await expect(page.locator(".mine")).to_contain_text("[1mbold\ttab", use_inner_text=True)
    # The answer says the same again.
    await expect(page.locator(".theirs").last).to_contain_text("[1mbold\ttab", use_inner_text=True)
    (turn,) = visit.service.turns.values()
    assert turn.message == "[1mbold\ttab"


async def test_a_picture_that_does_not_come_leaves_the_first_letter(visit: Visit) -> None:
    dot = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    for url, letter, pictures in ((f"{visit.base}/nothing.png", "A", 0), (dot, "", 1)):
        visit.service.config["settings"]["avatar_url"] = url
        page = await visit.page()
        await open_chat(page)
        await expect(page.locator(".face img")).to_have_count(pictures)
        await expect(page.locator(".face")).to_have_text(letter)
