"""The page on which readers leave, asked over real sockets."""

import pytest

from nurture.audience.erasing import erase_contact
from nurture.composing.link_keys import add_link_key
from nurture.composing.link_tokens import LinkKey, make_token
from nurture.store.suppressions import suppress
from nurture.vocabulary import LinkPurpose, SuppressionReason, SuppressionScope
from tests.delivery.outbox import NOW
from tests.web.conftest import FORM, ONE_CLICK, Desk

EVERYTHING, TOPIC, RETURN = b"choice=everything", b"choice=topic", b"choice=return"
MULTIPART = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'


def test_the_page_shows_a_masked_address_and_nothing_else_of_the_person(desk: Desk) -> None:
    answer = desk.see()
    assert answer.status == 200
    assert "p•••@c•••.example" in answer.body
    assert "Stop all mails" in answer.body
    assert "Stop only this kind" in answer.body
    for secret in ("person1", "Name1", "clinic-partner", "partner-news", "private", "business", "<script"):
        assert secret not in answer.body
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "script" not in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers
    assert "server" not in answer.headers


def test_whoever_only_looks_unsubscribes_nobody(desk: Desk) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH") * 20:
        desk.ask(f"/u/{desk.token()}", method)
        desk.ask(f"/u/{desk.token()}?List-Unsubscribe=One-Click&choice=everything", method)
    desk.ask(f"/u/{desk.token()}", "GET", ONE_CLICK)  # a body that comes with a GET
    assert desk.left() == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (ONE_CLICK, FORM),
        (ONE_CLICK, f"{FORM}; charset=utf-8"),
        (ONE_CLICK + b"\r\n", FORM),
        (ONE_CLICK, "text/plain"),
        (ONE_CLICK, "no type at all"),
        (MULTIPART, "multipart/form-data; boundary=x"),
        (MULTIPART.replace(b'"', b""), "multipart/form-data"),
        (b"", FORM),
        (b"{}", "application/json"),
        (b"\xff\xfe\x00", "application/octet-stream"),
        (b"choice=topic&" + ONE_CLICK, FORM),
        (b"&".join([b"a=b"] * 5000), FORM),
    ],
)
def test_a_one_click_post_leaves_everything_whatever_it_looks_like(desk: Desk, body: bytes, content_type: str) -> None:
    answer = desk.post(body=body, content_type=content_type)
    assert answer.status == 200
    assert "location" not in answer.headers
    assert desk.left() == [("address", "person1@clinic-partner.example", "unsubscribed")]
    assert desk.outbox.events(desk.outbox.delivery_ids[0]) == ["unsubscribed"]


def test_a_chunked_post_leaves_too(desk: Desk) -> None:
    answer = desk.ask(f"/u/{desk.token()}", "POST", iter([ONE_CLICK[:5], ONE_CLICK[5:]]), Content_Type=FORM)  # type: ignore[arg-type]
    assert answer.status == 200
    assert len(desk.left()) == 1


def test_twice_is_as_good_as_once(desk: Desk) -> None:
    assert desk.post().body == desk.post().body
    assert len(desk.left()) == 1
    assert desk.outbox.events(desk.outbox.delivery_ids[0]) == ["unsubscribed"]


def test_only_this_topic_then_everything_then_back(desk: Desk) -> None:
    assert "No more mails of this kind" in desk.post(body=TOPIC).body
    assert desk.left() == [("topic", "person1@clinic-partner.example: partner-news", "unsubscribed")]
    assert "No more mails of this kind" in desk.see().body
    assert "You will get no more mails" in desk.post(body=EVERYTHING).body
    assert [scope for scope, _, _ in desk.left()] == ["topic", "address"]
    assert "I want mails again" in desk.see().body
    assert "You will get our mails again" in desk.post(body=RETURN).body
    assert "Stop these mails?" in desk.see().body
    assert desk.left() == []
    assert desk.outbox.events(desk.outbox.delivery_ids[0]) == ["unsubscribed", "unsubscribed", "returned"]


def test_all_links_that_are_none_of_ours_get_one_answer(desk: Desk) -> None:
    token = desk.token()
    other = desk.token(1)
    stranger = LinkKey(bytes.fromhex("0000").hex(), bytes(32))
    paths = [
        "/u/",
        "/u",
        "/",
        "/favicon.ico",
        "/u/preview",
        f"/u/{token[:-1]}",
        f"/u/{token}A",
        f"/u/{token}/",
        f"/x/{token}",
        f"/u/{token[:-1]}{'A' if token[-1] != 'A' else 'B'}",
        f"/u/{token[:11]}{other[11:]}",
        f"/u/{'A' * 32}",
        f"/u/{make_token(stranger, LinkPurpose.LEAVE, desk.outbox.delivery_ids[0], 'hash1-clinic-partner.example')}",
        f"/u/{desk.token(purpose=LinkPurpose.PROBE)}",
        "/u/%00%ff",
        "/u/..%2f..%2fetc%2fpasswd",
    ]
    answers = set()
    for path in paths:
        for method, body in (("GET", None), ("POST", ONE_CLICK)):
            answer = desk.ask(path, method, body)
            answer.headers.pop("date")
            answers.add((answer.status, answer.body, tuple(answer.headers.items())))
    assert len(answers) == 1
    ((status, body, _),) = answers
    assert status == 404
    assert "This link does not work" in body
    assert "(503) 555-0140" in body
    assert desk.left() == []


def test_a_proxy_may_serve_it_below_any_path(desk: Desk) -> None:
    assert desk.ask(f"/clinic/mail/u/{desk.token()}", "POST", ONE_CLICK).status == 200
    assert len(desk.left()) == 1


def test_links_outlive_the_rotation_of_keys(desk: Desk) -> None:
    old = desk.token()
    add_link_key(desk.data, now=NOW)
    assert desk.token() != old
    assert desk.ask(f"/u/{old}", "POST", ONE_CLICK).status == 200
    assert len(desk.left()) == 1


def test_what_cannot_be_done_now_is_said_and_can_be_done_later(desk: Desk) -> None:
    token = desk.token()
    (desk.data / "link.keys").rename(desk.data / "away")
    answer = desk.ask(f"/u/{token}", "POST", ONE_CLICK)
    assert (answer.status, answer.headers["retry-after"]) == (503, "120")
    assert "Please try again in a few minutes" in answer.body
    (desk.data / "away").rename(desk.data / "link.keys")
    assert desk.ask(f"/u/{token}", "POST", ONE_CLICK).status == 200
    assert len(desk.left()) == 1


def test_whoever_was_erased_can_leave_and_is_shown_no_address(desk: Desk) -> None:
    token = desk.token()
    erase_contact(desk.store, "person1@clinic-partner.example", now=NOW)
    assert desk.left() == [("address", None, "erased")]
    answer = desk.ask(f"/u/{token}")
    assert "We do not write to this address any more" in answer.body
    assert "I want mails again" not in answer.body
    assert desk.ask(f"/u/{token}", "POST", RETURN).status == 200
    assert desk.left() == [("address", None, "erased")]


def test_a_bounce_is_no_leaving_and_leaving_outlasts_it(desk: Desk) -> None:
    with desk.store.write() as connection:
        suppress(
            connection,
            SuppressionScope.ADDRESS,
            "hash1-clinic-partner.example",
            shown="person1@clinic-partner.example",
            reason=SuppressionReason.SOFT_BOUNCED,
            source="test",
            now=NOW,
        )
    assert "Stop these mails?" in desk.see().body
    desk.post(body=RETURN)
    assert [reason for _, _, reason in desk.left()] == ["soft_bounced"]
    desk.post()
    assert [reason for _, _, reason in desk.left()] == ["unsubscribed"]


@pytest.mark.parametrize(
    ("accept", "words"),
    [
        ("es", "¿Cancelar estos correos?"),
        ("es-MX,es;q=0.9,en;q=0.8", "¿Cancelar estos correos?"),
        ("fr, es;q=0.5, en;q=0.4", "¿Cancelar estos correos?"),
        ("en-US,es;q=0.9", "Stop these mails?"),
        ("fr", "Stop these mails?"),
        ("es;q=x", "Stop these mails?"),
        ("", "Stop these mails?"),
        ("," * 5000, "Stop these mails?"),
    ],
)
def test_the_page_speaks_the_readers_language(desk: Desk, accept: str, words: str) -> None:
    answer = desk.see(Accept_Language=accept)
    assert words in answer.body
    assert f'<html lang="{"es" if words.startswith("¿") else "en"}">' in answer.body
