"""The inbox's pages: what they show, and to whom."""

import http.client
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from nurture.errors import SandboxError
from nurture.sandbox.inbox import InboxServer, serve_inbox
from nurture.sandbox.listing import Listing
from nurture.sandbox.maildir import entries

MAIL = (
    "From: Riverbend Clinic <hello@riverbend.example>\nTo: Dr. Lee <lee@practice.example>\nSubject: News {number}\n"
    "Date: Tue, 01 Dec 2026 09:30:00 -0800\nMessage-ID: <{number}@riverbend.example>\n"
)
PICTURE = MAIL + (
    "MIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n"
    '<p>Look <img src="cid:logo"></p>\n--b\nContent-Type: {kind}\nContent-ID: <logo>\n\n<svg onload=alert(1)>\n--b--\n'
)


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read().decode()

    @property
    def everything(self) -> tuple[int, str, list[tuple[str, str]]]:
        kept = [(name, value) for name, value in self.headers.items() if name.lower() != "date"]
        return self.status, self.body, kept


def ask(
    inbox: InboxServer, path: str = "", *, method: str = "GET", host: str | None = None, whole: bool = False
) -> Answer:
    parts = urlsplit(inbox.url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=10)
    connection.request(method, path if whole else parts.path + path, headers={"Host": host or parts.netloc})
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


def test_the_list_shows_the_newest_first_with_people_subject_and_time(inbox: InboxServer, put) -> None:
    put(MAIL.format(number=1) + "\nFirst words")
    put(MAIL.format(number=2) + "\nOther words", to="kim@gym.example")
    page = ask(inbox).body
    assert page.index("News 2") < page.index("News 1")
    for shown in ("Dr. Lee", "kim@gym.example", "First words", "09:30", "Tuesday, 1 December 2026", "2 unread"):
        assert shown in page


def test_a_message_is_unread_until_its_page_was_opened(inbox: InboxServer, maildir: Path, put) -> None:
    name = put(MAIL.format(number=1) + "\nWords")
    ask(inbox, f"message/{name}", method="HEAD")
    ask(inbox, f"message/{name}/html")
    assert entries(maildir)[0].unread
    assert ask(inbox, f"message/{name}").status == 200
    assert not entries(maildir)[0].unread
    assert "unread" not in ask(inbox).body
    assert ask(inbox, f"message/{name}").status == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [("kim", {"2"}), ("NEWS", {"1", "2"}), ("blue+words", {"1"}), ("words+gym.example", {"2"}), ("nobody", set())],
)
def test_the_search_wants_all_words_anywhere(inbox: InboxServer, put, query: str, found: set[str]) -> None:
    put(MAIL.format(number=1) + "\nBlue words")
    put(MAIL.format(number=2) + "\nRed words", to="kim@gym.example")
    assert set(re.findall(r'subject">News (\d)', ask(inbox, f"?q={query}").body)) == found


def test_a_search_is_not_html(inbox: InboxServer) -> None:
    page = ask(inbox, "?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").body
    assert "<script" not in page


def test_long_lists_have_pages(inbox: InboxServer, put) -> None:
    for number in range(120):
        put(MAIL.format(number=number) + "\nWords")
    first, last = ask(inbox), ask(inbox, "?page=3")
    assert (first.body.count('class="mail '), last.body.count('class="mail ')) == (50, 20)
    assert "Page 1 of 3" in first.body
    assert "News 119<" in first.body
    assert "News 0<" in last.body
    for odd in ("0", "-1", "99", "x", "9" * 400):
        assert ask(inbox, f"?page={odd}").status == 200


def test_every_way_to_see_a_message(inbox: InboxServer, put) -> None:
    name = put(PICTURE.format(number=1, kind="image/png"))
    page = ask(inbox, f"message/{name}").body
    assert '<iframe class="" sandbox=""' in page
    assert "Text</a>" not in page  # it has no text part
    frame = ask(inbox, f"message/{name}/html")
    picture = re.search(r'src="([^"]+/part/\d+)"', frame.body)
    assert picture
    shown = ask(inbox, picture[1], whole=True)
    assert shown.headers["Content-Type"] == "image/png"
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    assert "Message-ID" in ask(inbox, f"message/{name}?view=headers").body
    assert "cid:logo" in ask(inbox, f"message/{name}?view=source").body
    original = ask(inbox, f"message/{name}/message.eml")
    assert original.headers["Content-Type"] == "message/rfc822"
    assert original.body.startswith("Return-Path:")


@pytest.mark.parametrize("kind", ["image/svg+xml", "text/html; name=x", "application/javascript", "text/css"])
def test_only_plain_pictures_are_shown_all_else_is_saved(inbox: InboxServer, put, kind: str) -> None:
    name = put(PICTURE.replace("text/html", "text/plain", 1).format(number=1, kind=kind))
    if kind.startswith("text/html"):
        name = put(PICTURE.format(number=1, kind=kind))
    part = ask(inbox, f"message/{name}/part/2")
    assert part.headers["Content-Type"] == "application/octet-stream"
    assert part.headers["Content-Disposition"].startswith("attachment")
    assert part.headers["X-Content-Type-Options"] == "nosniff"


def test_a_message_that_cannot_be_taken_apart_is_shown_as_its_source(inbox: InboxServer, put) -> None:
    name = put(b"Content-Type: multipart/mixed; boundary=a\n\n--a\n" * 500)
    page = ask(inbox, f"message/{name}").body
    assert "cannot be taken apart" in page
    assert "boundary=a" in page
    assert ask(inbox).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:{port}",
        "[::1]:{port}",
    ],
)
def test_another_host_name_is_refused(inbox: InboxServer, put, host: str) -> None:
    put(MAIL.format(number=1) + "\nWords")
    answer = ask(inbox, host=host.format(port=urlsplit(inbox.url).port))
    assert answer.status == 421
    assert "News" not in answer.body


def test_localhost_is_this_machine_too(inbox: InboxServer) -> None:
    assert ask(inbox, host=f"localhost:{urlsplit(inbox.url).port}").status == 200


def test_without_the_token_everything_is_equally_nothing(inbox: InboxServer, put) -> None:
    name = put(MAIL.format(number=1) + "\nWords")
    token = urlsplit(inbox.url).path.strip("/")
    assert len(token) >= 32
    answers = {
        str(ask(inbox, path, whole=True).everything)
        for path in (
            "/",
            "",
            "/x/",
            f"/{token[:-1]}/",
            f"/{token}x/",
            f"/x/message/{name}",
            "/x/style.css",
            f"//{token}/",
        )
    }
    assert len(answers) == 1
    assert "404" in answers.pop()
    assert ask(inbox, f"/{token}", whole=True).status == 200


@pytest.mark.parametrize(
    "path", ["message/none", "message/..%2f..%2fetc%2fpasswd", "message/x/html", "message/x/part/1", "other"]
)
def test_what_is_not_there_is_said_to_those_who_may_look(inbox: InboxServer, path: str) -> None:
    answer = ask(inbox, path)
    assert answer.status == 404
    assert "not here" in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_looking_is_possible(inbox: InboxServer, method: str) -> None:
    answer = ask(inbox, method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["", "style.css", "nothing", "message/{name}", "message/{name}/html"])
def test_every_answer_has_its_security_headers(inbox: InboxServer, put, path: str) -> None:
    answer = ask(inbox, path.format(name=put(MAIL.format(number=1) + "\nWords")))
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-DNS-Prefetch-Control"] == "off"
    assert "Server" not in answer.headers


def test_the_pages_name_nothing_outside_and_hold_no_script(inbox: InboxServer, put) -> None:
    name = put(MAIL.format(number=1) + "\nWords")
    for path in ("", f"message/{name}", f"message/{name}?view=source", "style.css"):
        page = ask(inbox, path).body
        assert "<script" not in page
        assert set(re.findall(r"https?://[^\s'\"<)]+", page)) <= {"http://www.w3.org/2000/svg"}


def test_an_empty_inbox_says_how_mail_comes(tmp_path: Path) -> None:
    server = serve_inbox(tmp_path / "no Maildir yet")
    try:
        assert "No mail yet" in ask(server).body
    finally:
        server.stop()


def test_a_taken_port_is_said(inbox: InboxServer, maildir: Path) -> None:
    port = urlsplit(inbox.url).port
    assert port
    with pytest.raises(SandboxError, match=f"127.0.0.1:{port}"):
        serve_inbox(maildir, port=port)


def test_a_search_says_when_it_looked_at_the_newest_only(maildir: Path, put, monkeypatch) -> None:
    monkeypatch.setattr("nurture.sandbox.listing.SEARCHED", 2)
    for number in range(3):
        put(MAIL.format(number=number) + "\nWords")
    found = Listing(maildir).page(1, query="words")
    assert (found.total, found.searched) == (2, 2)
    assert Listing(maildir).page(1).searched == 0
