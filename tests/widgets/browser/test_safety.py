# SPDX-License-Identifier: Apache-2.0
"""Neither what is said in a chat nor the page around it breaks out of where it belongs, or in."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.async_api import Page, expect

from support.browser import Stage, Visit
from support.chatting import ask, field, hear, log, open_chat
from support.widgetserver import KEY, said

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="module")]

HACKS: Final = [
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "<svg/onload=window.hacked=1>",
    "**<b onclick='window.hacked=1'>bold</b>**",
    "[press](javascript:window.hacked=1)",
    "[press](JaVa\tScript:window.hacked=1)",
    "[press](data:text/html,<script>window.hacked=1</script>)",
    "[press](vbscript:window.hacked=1)",
    "[press](//evil.example)",
    "[press](https://bank.example@evil.example/)",
    "[press](blob:https://evil.example/1)",
    '[press](https://evil.example"onmouseover="window.hacked=1)',
    "![seen](https://evil.example/pixel.png)",
    "`<img src=x onerror=window.hacked=1>`",
    "```html\n<iframe src=javascript:window.hacked=1></iframe>\n```",
    "[[nested](javascript:window.hacked=1)](javascript:window.hacked=1)",
    "- <style>*{display:none}</style>\n- </div></section>",
    "https://evil.example/<script>window.hacked=1</script>",
    "&lt;script&gt;window.hacked=1&lt;/script&gt;",
    "<a href='javascript:window.hacked=1'>press</a>",
]
ALLOWED: Final = {
    *("A", "BR", "CODE", "DIV", "EM", "LI", "OL", "P", "PRE", "SPAN", "STRONG", "UL"),
}
STRICT: Final = (
    "default-src 'none'; script-src {base}; connect-src {base}; style-src 'none';"
    " base-uri 'none'; form-action 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
HOSTILE: Final = """<style>
    * { all: unset !important; display: none !important; }
    @layer worst { :not(html, body, h1) { display: none !important; visibility: hidden !important; } }
    html, body, h1 { display: block !important; }
    html { font-size: 3px !important; direction: rtl !important; }
    body { transform: scale(.5) translate(200px, 200px) !important; overflow: hidden !important;
           filter: blur(3px) !important; }
    div, section, button, textarea { position: static !important; opacity: 0 !important; }
    *::before, *::after { content: "spoilt" !important; }
</style>"""


async def _made_of(page: Page) -> set[str]:
    """The names of the elements that the messages consist of."""
    return set(
        await page.locator(".message").evaluate_all(
            "(all) => all.flatMap((one) => [...one.querySelectorAll('*')].map((e) => e.nodeName))"
        )
    )


async def test_whatever_is_said_is_shown_and_never_run(visit: Visit) -> None:
    visit.service.config["welcome_message"] = "\n\n".join(["Hello! How can I help?", *HACKS])
    visit.service.config["name"] = "Ada"
    page = await visit.page(policy=STRICT.format(base=visit.base))
    await open_chat(page)
    for hack in HACKS:
        visit.service.answers.append(said(*hack))
        await ask(page, hack)
        await expect(page.locator(".mine").last).to_contain_text(hack.split("\n")[0].strip())
        await expect(log(page)).to_have_attribute("aria-busy", "false")
    assert await _made_of(page) <= ALLOWED
    links = await page.locator(".message a").evaluate_all(
        "(all) => all.map((one) => [one.protocol, one.hostname, one.rel, one.target])"
    )
    assert links
    assert {tuple(one) for one in links} == {
        ("https:", "evil.example", "noopener noreferrer nofollow", "_blank")
    }
    handlers = await page.locator(".message *").evaluate_all(
        "(all) => all.flatMap((e) => e.getAttributeNames()).filter((name) => /^on|^style/.test(name))"
    )
    assert handlers == []
    for link in await page.locator(".message a").all():
        await link.dispatch_event("mouseover")
    assert await page.evaluate("window.hacked") is None


async def test_names_and_texts_of_the_widget_are_no_html_either(visit: Visit) -> None:
    hack = "<img src=x onerror='window.hacked=1'>"
    visit.service.config.update(name=hack, placeholder=hack, language=hack)
    visit.service.config["theme"]["font_family"] = "x;} * {display:none"
    visit.service.config["theme"]["primary_color"] = "url(https://evil.example/)"
    page = await visit.page()
    await page.get_by_role("button", name=f"Chat with {hack}").click()
    await expect(page.get_by_role("heading", name=hack)).to_be_visible()
    await expect(page.get_by_placeholder(hack)).to_be_visible()
    assert await page.evaluate("window.hacked") is None


async def test_markdown_becomes_what_it_means(visit: Visit) -> None:
    visit.service.answers.append(
        said(
            "# Your order\n\nIt is **really *soon* there**, see [the map](https://example.com/a_(b)"
            ' "title") or `code *as is*`.\nOn a line\n\n3. three\n   - nested\n   - again\n\n4. four\n\n',
            "```py\nprint('**no**')\n```\n\n2 * 3 * 4, snake_case_name, 1\\*, https://example.com/x_y.",
        )
    )
    page = await visit.page()
    await open_chat(page)
    await ask(page, "Tell me")
    await expect(log(page)).to_have_attribute("aria-busy", "false")
    await expect(page.locator(".theirs").last.locator("pre")).to_be_visible()
    html = await page.locator(".theirs").last.evaluate(
        "(one) => { one = one.cloneNode(true); one.firstChild.remove(); return one.innerHTML"
        '.replaceAll(\' rel="noopener noreferrer nofollow" target="_blank" dir="auto"\', "")'
        '.replaceAll(\' dir="auto"\', "").replaceAll(\' dir="ltr"\', ""); }'
    )
    assert html == (
        "<p><strong>Your order</strong></p>"
        "<p>It is <strong>really <em>soon</em> there</strong>, see"
        ' <a href="https://example.com/a_(b)">the map</a> or <code>code *as is*</code>.<br>'
        "On a line</p>"
        '<ol start="3"><li>three<ul><li>nested</li><li>again</li></ul></li><li>four</li></ol>'
        "<pre tabindex=\"0\"><code>print('**no**')</code></pre>"
        '<p>2 * 3 * 4, snake_case_name, 1*, <a href="https://example.com/x_y">'
        "https://example.com/x_y</a>.</p>"
    )


@pytest.mark.parametrize(
    "piece",
    ["*", "**", "_a", "`", "`` ` ", "[", "![a](", "https://a.example/......", "- a\n  ", "(", "\\"],
)
async def test_no_text_takes_long_to_show(visit: Visit, piece: str) -> None:
    visit.service.answers.append(said((piece * 20_000)[:20_000] + "\n\nend"))
    page = await visit.page()
    await open_chat(page)
    await ask(page, "Go")
    await expect(log(page)).to_contain_text("end", timeout=5_000)


async def test_what_grows_keeps_what_is_shown(visit: Visit) -> None:
    visit.service.answers.append(said("One **two**.\n\n", "Three", " four.\n\n- five"))
    page = await visit.page()
    await open_chat(page)
    await page.evaluate("""() => {
        window.paragraphs = new Set();
        const host = [...document.body.children].find((one) => one.shadowRoot);
        new MutationObserver((changes) => {
            for (const { addedNodes } of changes)
                for (const node of addedNodes)
                    if (node.textContent === "One two.") window.paragraphs.add(node);
        }).observe(host.shadowRoot, { childList: true, subtree: true });
    }""")
    await ask(page, "Go")
    await expect(page.locator(".theirs").last.locator("li")).to_have_text("five")
    assert await page.evaluate("window.paragraphs.size") == 1


async def test_it_works_under_a_strict_policy(visit: Visit) -> None:
    page = await visit.page(policy=STRICT.format(base=visit.base))
    await open_chat(page)
    await ask(page, "Still there?")
    await hear(page, "Still there?")
    box = await page.locator(".panel").bounding_box()
    assert box is not None
    assert box["width"] == 384


async def test_a_script_that_was_changed_on_the_way_is_not_run(visit: Visit) -> None:
    tag = visit.service.tag(visit.base).replace("sha384-", "sha384-A")
    page = await visit.page(tag)
    await page.wait_for_load_state("networkidle")
    assert await page.evaluate("typeof window.RollcallWidget") == "undefined"


async def test_hostile_styles_of_the_page_do_not_reach_it(stage: Stage) -> None:
    looks = """(one) => {
        const { font, color, direction, textAlign } = getComputedStyle(one);
        return [JSON.stringify(one.getBoundingClientRect()), font, color, direction, textAlign];
    }"""
    async with stage.visit(reduced_motion="reduce") as visit:
        pages = [await visit.page(path="/plain"), await visit.page(head=HOSTILE)]
        for page in pages:
            await open_chat(page)
            await page.mouse.move(0, 0)
        for part in (".launcher", ".panel", "textarea", ".send", "h2", ".message"):
            plain, spoilt = [await page.locator(part).first.evaluate(looks) for page in pages]
            assert plain == spoilt, part
        await ask(pages[1], "Do you hear me?")
        await hear(pages[1], "Do you hear me?")


async def test_it_works_where_the_browser_keeps_nothing(visit: Visit) -> None:
    await visit.context.add_init_script("""
        for (const name of ["sessionStorage", "localStorage"])
            Object.defineProperty(window, name, {
                get() { throw new DOMException("denied", "SecurityError"); } });
    """)
    page = await visit.page()
    await open_chat(page)
    for text in ("One", "Two"):
        await ask(page, text)
        await hear(page, text)
    assert visit.service.count("visitors") == 1


async def test_only_one_name_is_seen_from_outside(visit: Visit) -> None:
    page = await visit.page("<h1>The site</h1>")
    before = set(await page.evaluate("Object.getOwnPropertyNames(window)"))
    await page.evaluate(
        """([source, key]) => {
            const script = document.createElement("script");
            script.src = source; script.dataset.widget = key; document.head.append(script);
        }""",
        [f"{visit.base}/widget/v1/widget.js", KEY],
    )
    await open_chat(page)
    after = set(await page.evaluate("Object.getOwnPropertyNames(window)"))
    assert after - before == {"RollcallWidget"}


async def test_shortcuts_of_the_page_are_not_for_what_is_written_in_it(visit: Visit) -> None:
    page = await visit.page()
    await page.evaluate(
        "window.keys = []; for (const type of ['keydown', 'keyup', 'keypress'])"
        " document.addEventListener(type, (event) => window.keys.push(event.key))"
    )
    await open_chat(page)
    await field(page).press_sequentially("help?")
    assert await page.evaluate("window.keys") == []
    await page.keyboard.press("Escape")
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("k")
    assert await page.evaluate("window.keys.includes('k')")


async def test_two_widgets_of_a_page_stand_side_by_side(visit: Visit) -> None:
    other = "wpk_ZZZZZZZZZZZZZZZZZZZZZZZZ"
    tags = visit.service.tag(visit.base) + visit.service.tag(visit.base, other)
    page = await visit.page(tags + visit.service.tag(visit.base))
    launchers = page.get_by_role("button", name="Chat with Ada")
    await expect(launchers).to_have_count(2)
    boxes = [await one.bounding_box() for one in await launchers.all()]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert abs(boxes[0]["x"] - boxes[1]["x"]) >= boxes[0]["width"]
    await launchers.nth(0).click()
    await launchers.nth(1).click()
    panels = page.locator(".panel")
    await expect(panels.nth(0)).to_be_hidden()
    await expect(panels.nth(1)).to_be_visible()
    await page.evaluate("RollcallWidget.open(arguments => arguments)", None)


async def test_a_page_that_exchanges_its_body_keeps_the_chat(visit: Visit) -> None:
    page = await visit.page()
    await open_chat(page)
    await ask(page, "Before")
    await hear(page, "Before")
    await page.evaluate("""() => {
        const source = document.querySelector("script[data-widget]");
        const body = document.createElement("body");
        const script = document.createElement("script");
        script.src = source.src;
        script.dataset.widget = source.dataset.widget;
        document.body.replaceWith(body);
        body.append(script);
    }""")
    await expect(page.locator(".mine")).to_be_visible()
    await ask(page, "After")
    await hear(page, "After")
    assert visit.service.count("visitors") == 1


async def test_in_a_frame_it_fills_the_frame(visit: Visit) -> None:
    page = await visit.page(
        f'<iframe src="{visit.base}/widget/v1/{KEY}/frame" title="Chat with us" width="400"'
        ' height="500"></iframe>',
        policy=f"default-src 'none'; frame-src {visit.base}",
    )
    frame = page.frame_locator("iframe")
    await expect(frame.get_by_text("Hello! How can I help?")).to_be_visible()
    await expect(frame.get_by_role("button", name="Close chat")).to_be_hidden()
    await frame.get_by_role("textbox").fill("From a frame")
    await frame.get_by_role("textbox").press("Escape")
    await frame.get_by_role("textbox").press("Enter")
    await expect(frame.locator(".theirs").last).to_contain_text("From a frame")
    box = await frame.locator(".panel").bounding_box()
    outer = await page.locator("iframe").bounding_box()
    assert box is not None
    assert outer is not None
    assert (box["width"], box["height"]) == (400, 500)
