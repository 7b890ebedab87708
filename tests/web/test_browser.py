"""A real browser on the page: by keyboard, without scripts, on a phone, in the dark."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.web.conftest import Desk

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


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
