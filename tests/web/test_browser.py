"""A real browser on the page: by keyboard, without scripts, on a phone, in the dark."""

import pytest
from playwright.sync_api import Browser

from tests.web.conftest import Desk

pytestmark = pytest.mark.chromium


def test_leaving_and_coming_back_by_keyboard_without_scripts(browser: Browser, desk: Desk) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"http://127.0.0.1:{desk.server.port}/u/{desk.token()}")
    for heading, presses in (
        ("No more mails of this kind", ["Tab", "Tab", "Enter"]),
        ("You will get no more mails", ["Tab", "Enter"]),
        ("You will get our mails again", ["Tab", "Space"]),
    ):
        for key in presses:
            page.keyboard.press(key)
        page.get_by_role("heading", name=heading).wait_for()
    assert desk.left() == []
    assert context.cookies() == []
    assert complaints == []  # the policy refuses nothing that the page wants
    context.close()


@pytest.mark.parametrize(
    ("width", "scheme", "locale"), [(320, "light", "en-US"), (390, "dark", "es-MX"), (1280, "dark", "en")]
)
def test_every_width_fits(browser: Browser, desk: Desk, width: int, scheme: str, locale: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 700},
        color_scheme=scheme,
        locale=locale,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{desk.server.port}/u/{desk.token()}")
    for click in (True, False):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        sizes = page.evaluate("[...document.querySelectorAll('button')].map(b => b.getBoundingClientRect().height)")
        assert sizes
        assert min(sizes) >= 44  # WCAG 2.5.5
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 24, 27)"
        assert dark is (scheme == "dark")  # the style is let through by the policy
        if click:
            page.locator("button").first.click()
            page.locator("form.again").wait_for()
    context.close()
