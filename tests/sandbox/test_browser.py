"""A real browser opens the inbox: hostile mail does nothing, every width fits."""

import socket
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from nurture.sandbox.inbox import InboxServer

pytestmark = pytest.mark.chromium

PLAIN = (
    "From: A <a@x.example>\nTo: Dr. Lee <lee@practice.example>\nSubject: {subject}\n"
    "Date: Tue, 01 Dec 2026 09:30:00 -0800\n"
)
HOSTILE = """<html><head>
<base href="http://{outside}/">
<meta http-equiv="refresh" content="0;url=http://{outside}/refresh">
<meta http-equiv="x-dns-prefetch-control" content="on">
<link rel="preconnect" href="http://{outside}/"><link rel="stylesheet" href="http://{outside}/a.css">
<link rel="prefetch" href="http://{outside}/prefetch"><link rel="icon" href="http://{outside}/icon">
<style>@import url(http://{outside}/b.css); body {{ background: url(http://{outside}/c.png) }}
@font-face {{ font-family: x; src: url(http://{outside}/f.woff) }} p {{ font-family: x }}</style>
<script>alert(1); top.location = "http://{outside}/top"; fetch("http://{outside}/fetch")</script>
</head><body onload="alert(2)"><p>Seen words</p>
<img src="http://{outside}/d.png" onerror="alert(3)"><img src=x onerror="alert(4)">
<svg onload="alert(5)"><image href="http://{outside}/e.png"/></svg>
<iframe src="http://{outside}/frame"></iframe><iframe srcdoc="<script>alert(6)</script>"></iframe>
<object data="http://{outside}/object"></object><embed src="http://{outside}/embed">
<video src="http://{outside}/video" poster="http://{outside}/poster"></video>
<audio src="http://{outside}/audio" autoplay></audio>
<form action="http://{outside}/form"><input autofocus onfocus="alert(7)"><button id="send">Send</button></form>
<a id="leave" href="http://{outside}/link" ping="http://{outside}/ping">Leave</a>
<a id="script" href="javascript:alert(8)">Script</a>
</body></html>"""


@pytest.fixture
def outside() -> Iterator[tuple[str, list[bytes]]]:
    """A stranger's server, which hears of every connection."""
    heard: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                try:
                    heard.append(connection.recv(200) or b"connected")
                except TimeoutError:
                    heard.append(b"connected")

    thread = threading.Thread(target=listen)
    thread.start()
    yield f"127.0.0.1:{listening.getsockname()[1]}", heard
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


def test_hostile_mail_runs_nothing_and_reaches_nobody(browser: Browser, inbox: InboxServer, put, outside) -> None:
    address, heard = outside
    name = put(PLAIN.format(subject="Hostile") + "Content-Type: text/html\n\n" + HOSTILE.format(outside=address))
    page = browser.new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(f"{inbox.url}message/{name}", wait_until="networkidle")
    frame = page.frame_locator("iframe")
    assert frame.locator("p").inner_text() == "Seen words"
    for pressed in ("#leave", "#script", "#send"):
        frame.locator(pressed).click(force=True, no_wait_after=True)
    page.wait_for_timeout(1000)  # a stray connection would come within milliseconds
    assert page.url == f"{inbox.url}message/{name}"
    assert dialogs == []
    assert heard == []
    page.goto(f"{inbox.url}message/{name}/html", wait_until="networkidle")  # opened without its frame
    assert page.locator("p").inner_text() == "Seen words"
    page.wait_for_timeout(1000)
    assert dialogs == []
    assert heard == []
    page.close()


def test_the_stranger_would_be_heard(browser: Browser, outside) -> None:
    """The test above can fail: without our page, the same mail reaches out."""
    address, heard = outside
    page = browser.new_page()
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.set_content(f'<img src="http://{address}/d.png">', wait_until="networkidle")
    page.close()
    assert heard


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_every_page_fits_every_width(browser: Browser, inbox: InboxServer, put, width: int) -> None:
    long = "x" * 300
    name = put(
        f"From: {long} <{long[:60]}@x.example>\nTo: {long[:200]} <lee@practice.example>\nSubject: {long}\n"
        f"X-{long[:60]}: {long}\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\n{long}\n--b\n"
        f'Content-Type: text/html\n\n<a href="https://{long}">{long}</a>\n--b--\n'
    )
    page = browser.new_page(viewport={"width": width, "height": 800})
    paths = ["", "?q=xxx", "?q=nothing+like+this", "message/none"]
    paths += [f"message/{name}?view={view}" for view in ("html", "html&width=phone", "text", "headers", "source")]
    for path in paths:
        page.goto(inbox.url + path)
        assert fits(page), path
    page.close()


def test_it_works_by_keyboard_and_without_javascript(browser: Browser, inbox: InboxServer, put) -> None:
    put(PLAIN.format(subject="Older one") + "\nfirst words")
    put(PLAIN.format(subject="Newer one") + "\nsecond words")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(inbox.url)
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the mail"
    page.get_by_role("searchbox").fill("first")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Older one").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/message/*")
    assert page.get_by_role("heading", level=1).inner_text() == "Older one"
    page.get_by_role("link", name="Newer", exact=True).press("Enter")
    page.wait_for_url("**/message/*")
    assert page.get_by_role("heading", level=1).inner_text() == "Newer one"
    page.get_by_role("link", name="Headers").press("Enter")
    assert page.get_by_role("rowheader", name="Delivered-To").is_visible()
    page.get_by_role("link", name="Inbox", exact=True).press("Enter")
    page.wait_for_url(inbox.url)
    assert page.get_by_text("unread").count() == 0
    context.close()
