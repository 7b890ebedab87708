"""A real browser on the page: by keyboard, without scripts, on a phone, in the dark."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page

from nurture.composing.link_keys import read_link_keys
from nurture.composing.link_tokens import make_token
from nurture.store.schema import address_change
from nurture.vocabulary import LinkPurpose
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


def test_choosing_and_a_new_address_by_keyboard_without_scripts(browser: Browser, desk: Desk) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"http://127.0.0.1:{desk.server.port}{choices(desk)}")
    for key in ("Tab", "Space", "Tab", "ArrowDown", "ArrowDown"):  # not this topic; how often: once a month
        page.keyboard.press(key)
    page.get_by_label("Do not note whether").focus()
    for key in ("Space", "Tab", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("status").get_by_text("Saved.").wait_for()
    assert desk.left() == [("topic", "person1@clinic-partner.example: partner-news", "unsubscribed")]
    assert page.get_by_label("At most once a month").is_checked()
    page.get_by_label("Send our mails to").focus()
    page.keyboard.type("person@home.example")
    page.keyboard.press("Enter")
    page.get_by_role("status").get_by_text("We ask at p•••@h•••.example.").wait_for()

    page.goto(f"http://127.0.0.1:{desk.server.port}{yes(desk)}")
    for key in ("Tab", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("heading", name="Your address is changed").wait_for()
    assert context.cookies() == []
    assert complaints == []
    context.close()


def choices(desk: Desk) -> str:
    """The path of the first reader's preferences."""
    return f"/p/{desk.token(purpose=LinkPurpose.PREFERENCES)}"


def yes(desk: Desk) -> str:
    """The path in the question about the last new address."""
    with desk.store.read() as connection:
        wish = connection.execute(sa.select(address_change).order_by(address_change.c.id.desc())).first()
    assert wish is not None
    return f"/a/{make_token(read_link_keys(desk.data).newest, LinkPurpose.ADDRESS, wish.id, wish.new_address)}"


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
    assert_fits(page, scheme)
    page.locator("button").first.click()
    page.locator("form.again").wait_for()
    assert_fits(page, scheme)
    page.locator("form.again button").click()
    page.goto(f"http://127.0.0.1:{desk.server.port}{choices(desk)}")
    assert_fits(page, scheme)
    page.locator("input[type=email]").fill("somebody.with.a.long.name@home.example")
    page.locator("button").last.click()
    page.get_by_role("status").wait_for()
    page.goto(f"http://127.0.0.1:{desk.server.port}{yes(desk)}")
    assert_fits(page, scheme)
    context.close()


def assert_fits(page: Page, scheme: str) -> None:
    """Nothing is wider than the screen, what is pressed is large enough, and the style is let through by the policy."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sizes = page.evaluate("[...document.querySelectorAll('button')].map(b => b.getBoundingClientRect().height)")
    assert sizes
    assert min(sizes) >= 44  # WCAG 2.5.5
    assert (page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 24, 27)") is (scheme == "dark")
