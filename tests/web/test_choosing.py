"""The page on which readers choose what they get, asked over real sockets."""

from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from nurture.audience.erasing import erase_contact
from nurture.audience.preferring import LONGEST_PAUSE, Preferences, bounded
from nurture.composing.link_keys import read_link_keys
from nurture.composing.link_tokens import make_token
from nurture.store import meta, wishes
from nurture.store.schema import contact, delivery, edition
from nurture.store.wishes import NO_WISH, Wish
from nurture.vocabulary import LinkPurpose, Mode
from nurture.web.choosing import wanted_in
from tests.delivery.outbox import NOW
from tests.web.conftest import FORM, Answer, Desk

TODAY = date(2026, 12, 1)


def path(desk: Desk, number: int = 0) -> str:
    return f"/p/{desk.token(number, purpose=LinkPurpose.PREFERENCES)}"


def save(desk: Desk, number: int = 0, *, topics: tuple[str, ...] = ("partner-news",), **fields: str) -> Answer:
    pairs = [("form", "preferences"), *(("topic", topic) for topic in topics), *fields.items()]
    return desk.ask(path(desk, number), "POST", urlencode(pairs).encode(), Content_Type=FORM)


def wish(desk: Desk, number: int = 0) -> Wish:
    with desk.store.read() as connection:
        return wishes.wish_of(connection, desk.outbox.column("contact_id")[number])


def test_the_page_shows_what_holds_and_names_nobody(desk: Desk) -> None:
    answer = desk.ask(path(desk))
    assert answer.status == 200
    assert "Choose what you get" in answer.body
    assert "p•••@c•••.example" in answer.body
    assert "Partner news" in answer.body
    for secret in ("person1", "Name1", "clinic-partner", "private", "business", "<script"):
        assert secret not in answer.body
    assert "set-cookie" not in answer.headers
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "¿Qué correos?" in desk.ask(path(desk), Accept_Language="es").body


def test_saving_acts_at_once_and_twice_is_as_good_as_once(desk: Desk) -> None:
    answers = [save(desk, topics=(), gap="30", pause="2026-12-24", untracked="yes") for _ in range(2)]
    assert {answer.status for answer in answers} == {200}
    assert all("Saved." in answer.body for answer in answers)
    assert wish(desk) == Wish(30, date(2026, 12, 24), may_track=False)
    assert desk.left() == [("topic", "person1@clinic-partner.example: partner-news", "unsubscribed")]
    assert desk.outbox.events(desk.outbox.delivery_ids[0]) == ["preferred"]
    body = desk.ask(path(desk)).body
    assert 'value="2026-12-24"' in body
    assert 'name="untracked" value="yes" checked' in body
    save(desk)
    assert wish(desk) == NO_WISH
    assert desk.left() == []


def test_who_stopped_everything_is_led_to_the_way_back(desk: Desk) -> None:
    desk.post()
    body = desk.ask(path(desk)).body
    assert "You have stopped all mails from us." in body
    link = body.split('href="../u/')[1].split('"')[0]
    assert "I want mails again" in desk.ask(f"/u/{link}").body


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_who_only_looks_changes_nothing(desk: Desk, method: str) -> None:
    for _ in range(10):
        desk.ask(f"{path(desk)}?form=preferences&gap=90", method, b"form=preferences")
    assert (wish(desk), desk.left()) == (NO_WISH, [])


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"List-Unsubscribe=One-Click", b"form=other&gap=30", b"gap=30", b"form=preferences;gap=30"],
)
def test_a_post_that_is_not_of_our_form_changes_nothing(desk: Desk, body: bytes) -> None:
    assert desk.ask(path(desk), "POST", body, Content_Type=FORM).status == 200
    assert (wish(desk), desk.left()) == (NO_WISH, [])


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"gap": "31"}, NO_WISH),
        ({"gap": "-1"}, NO_WISH),
        ({"gap": "9" * 50}, NO_WISH),
        ({"gap": "٣٠"}, NO_WISH),
        ({"pause": "2026-11-30"}, NO_WISH),
        ({"pause": "never"}, NO_WISH),
        ({"pause": "2099-01-01"}, Wish(paused_until=TODAY + LONGEST_PAUSE)),
        ({"untracked": "perhaps"}, NO_WISH),
    ],
)
def test_what_cannot_be_wished_is_left_out(desk: Desk, fields: dict[str, str], kept: Wish) -> None:
    assert save(desk, **fields).status == 200
    assert wish(desk) == kept


def test_topics_that_never_came_can_be_neither_left_nor_found_out(desk: Desk) -> None:
    save(desk, topics=("partner-news", "recovery", "<b>x</b>"))
    assert desk.left() == []
    assert "recovery" not in desk.ask(path(desk)).body


def test_a_link_that_is_none_of_ours_gets_the_one_answer(desk: Desk) -> None:
    genuine = path(desk)
    unknown = desk.ask("/nowhere")
    paths = ["/p/", "/p/" + "A" * 32, f"/p/{desk.token()}", genuine.replace("/p/", "/u/"), f"{genuine}/", f"{genuine}A"]
    for each in paths:
        for method, body in (("GET", None), ("POST", b"form=preferences")):
            answer = desk.ask(each, method, body)
            assert (answer.status, answer.body) == (404, unknown.body)
    assert desk.ask(genuine, "POST", b"x" * 70_000).status == 413
    erase_contact(desk.store, "person1@clinic-partner.example", now=NOW)
    for method in ("GET", "POST"):
        assert desk.ask(genuine, method, b"form=preferences").status == 404
    assert desk.left() == [("address", None, "erased")]


def test_a_yes_to_tracking_is_neither_asked_nor_taken_away(desk: Desk) -> None:
    with desk.store.write() as connection:
        connection.execute(sa.update(contact).values(may_track=True))
    save(desk)
    assert wish(desk).may_track is True
    save(desk, untracked="yes")
    assert wish(desk).may_track is False
    save(desk)
    assert wish(desk).may_track is None  # a no that is taken back is no yes


def test_what_is_tried_in_the_sandbox_ends_when_the_clinic_goes_live(desk: Desk) -> None:
    with desk.store.write() as connection:
        connection.execute(sa.text("UPDATE delivery SET mode = 'sandbox'"))
        meta.set_mode(connection, Mode.SANDBOX, NOW)
    save(desk, topics=(), gap="90", pause="2027-01-01", untracked="yes")
    with desk.store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, NOW + timedelta(days=1))
    assert wish(desk) == Wish(may_track=False)  # a no stays: the safe side
    assert desk.left() == []


def test_a_real_pause_outlasts_a_time_in_the_sandbox(desk: Desk) -> None:
    first, second = desk.outbox.delivery_ids[:2]
    key = desk.outbox.column("recipient_key")[0]
    with desk.store.write() as connection:
        theirs = sa.select(delivery.c.contact_id).where(delivery.c.id == first).scalar_subquery()
        connection.execute(sa.update(delivery).where(delivery.c.id == second).values(contact_id=None))
        made = sa.select(edition).where(edition.c.id == desk.outbox.edition_id)
        rehearsed = {**connection.execute(made).mappings().one(), "mode": Mode.SANDBOX}
        del rehearsed["id"]
        other = connection.scalar(sa.insert(edition).values(rehearsed).returning(edition.c.id))
        tried = {"edition_id": other, "mode": Mode.SANDBOX, "contact_id": theirs, "recipient_key": key}
        connection.execute(sa.update(delivery).where(delivery.c.id == second).values(tried))
        meta.set_mode(connection, Mode.SANDBOX, NOW)
    tried_path = f"/p/{make_token(read_link_keys(desk.data).newest, LinkPurpose.PREFERENCES, second, key)}"
    body = b"form=preferences&topic=partner-news&gap=30"
    desk.ask(tried_path, "POST", body, Content_Type=FORM)
    assert wish(desk) == Wish(30)
    with desk.store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, NOW)
    save(desk, gap="90", pause="2026-12-24")
    with desk.store.write() as connection:
        meta.set_mode(connection, Mode.SANDBOX, NOW)
    desk.ask(tried_path, "POST", body, Content_Type=FORM)
    with desk.store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, NOW)
    assert wish(desk) == Wish(90, date(2026, 12, 24))


def test_a_mail_of_the_sandbox_changes_no_wish_of_a_live_clinic(desk: Desk) -> None:
    save(desk, gap="90", pause="2026-12-24", untracked="yes")
    desk.outbox.set(desk.outbox.delivery_ids[0], mode=Mode.SANDBOX)
    save(desk)
    assert wish(desk) == Wish(90, date(2026, 12, 24), may_track=False)


def test_who_has_the_earlier_mailbox_can_only_wish_for_less(desk: Desk) -> None:
    save(desk, gap="30", pause="2026-12-24", untracked="yes")
    number = desk.outbox.column("contact_id")[0]
    with desk.store.write() as connection:
        connection.execute(sa.update(contact).where(contact.c.id == number).values(address_hash="hash-new"))
    save(desk)
    assert wish(desk) == Wish(30, date(2026, 12, 24), may_track=False)
    save(desk, gap="90", pause="2026-12-31")
    assert wish(desk) == Wish(90, date(2026, 12, 31), may_track=False)


def test_wishes_are_bounded_purely() -> None:
    assert bounded(Wish(14, TODAY, may_track=True), TODAY) == Wish(14, TODAY, may_track=True)
    assert bounded(Wish(15, TODAY - timedelta(days=1)), TODAY) == NO_WISH
    before = Preferences({}, replace(NO_WISH, may_track=False), left=False)
    assert wanted_in(b"form=preferences&topic=a&topic=b&gap=", before).topics == {"a", "b"}  # type: ignore[union-attr]
