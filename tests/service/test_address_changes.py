"""A reader wants mail at another address: asked on the page, answered at the new address, told at the old one."""

import base64
import email
import email.policy
import http.client
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from nurture.audience.address_changes import confirm, open_change
from nurture.audience.address_key import load_address_key
from nurture.audience.editing import Edit, edit_contact
from nurture.audience.erasing import erase_contact
from nurture.audience.repairing import repairs
from nurture.clock import DrivenClock
from nurture.composing.link_keys import read_link_keys
from nurture.composing.link_tokens import make_token
from nurture.errors import NurtureError
from nurture.service.address_changes import forget_addresses, mail_about_addresses
from nurture.service.house import House, open_house
from nurture.service.link_keys import link_keys
from nurture.service.running import jobs
from nurture.store import meta
from nurture.store.schema import address_change, contact, delivery, suppression
from nurture.store.suppressions import suppress
from nurture.vocabulary import LinkPurpose, Mode, SuppressionReason, SuppressionScope
from nurture.web.readers import ReaderPages
from nurture.web.server import WebServer, serve
from tests.servers.scripted_smtp import ScriptedSmtp, Step
from tests.service.conftest import DUE

OLD, NEW = "p0@club.example", "pat.doe@home.example"
LONG_AGO = (1_700_000_000, 1_700_000_000)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Desk:
    """A live clinic, its pages, its mail server, and the mail of one reader."""

    def __init__(self, house: House, clock: DrivenClock, web: WebServer, server: ScriptedSmtp) -> None:
        self.house, self.clock, self.web, self.server = house, clock, web, server
        with house.store.read() as connection:
            query = sa.select(delivery.c.id, delivery.c.recipient_key, delivery.c.contact_id)
            self.mail = connection.execute(query.where(delivery.c.address == OLD)).one()
        key = read_link_keys(house.data).newest
        self.token = make_token(key, LinkPurpose.PREFERENCES, self.mail.id, self.mail.recipient_key)

    def ask(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> tuple[int, str]:
        """The answer to GET, or to POST of a form."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=30)
        body = None if fields is None else urlencode(fields).encode()
        connection.request("GET" if body is None else "POST", path, body, headers)
        response = connection.getresponse()
        found = response.status, response.read().decode()
        connection.close()
        return found

    def wish(self, address: str = NEW, **headers: str) -> str:
        status, page = self.ask(f"/p/{self.token}", {"form": "address", "address": address}, **headers)
        assert status == 200
        return page

    def run(self) -> int:
        return mail_about_addresses(self.house, sandbox=None)

    def mails(self, to: str) -> list[email.message.EmailMessage]:
        found = [mail.raw for mail in self.server.mails if mail.envelope_to == to]
        return [email.message_from_bytes(raw, policy=email.policy.default) for raw in found]

    def link(self) -> str:
        """The path of the last question."""
        found = re.search(r"https://mail\.riverbend\.example(/a/\S{32})\s", self.mails(NEW)[-1].get_content())
        assert found is not None
        return found[1]

    def yes(self, path: str) -> tuple[int, str]:
        return self.ask(path, {"form": "address"})

    def address(self) -> str | None:
        with self.house.store.read() as connection:
            return connection.scalar(sa.select(contact.c.address).where(contact.c.id == self.mail.contact_id))

    def wishes(self) -> int:
        with self.house.store.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(address_change)) or 0

    def key_of(self, address: str) -> str:
        with self.house.store.read() as connection:
            found = connection.scalar(sa.select(contact.c.address_hash).where(contact.c.address == address))
        assert found is not None
        return found

    def suppressed(self) -> list[tuple[str, str | None]]:
        with self.house.store.read() as connection:
            return sorted(connection.execute(sa.select(suppression.c.reason, suppression.c.shown)).all())


@pytest.fixture
def server() -> Iterator[ScriptedSmtp]:
    with ScriptedSmtp() as server:
        yield server


@pytest.fixture
def desk(workspace: Path, server: ScriptedSmtp) -> Iterator[Desk]:
    clock = DrivenClock(DUE - DAY)
    settings = workspace / "nurture.yaml"
    account = f"    smtp: {{host: 127.0.0.1, port: {server.port}, tls: none}}\n    # smtp:"
    text = settings.read_text().replace("    # smtp:", account, 1)
    settings.write_text(f"public_url: https://mail.riverbend.example\n{text}")
    os.utime(settings, LONG_AGO)
    with open_house(workspace, clock=clock) as house:
        link_keys(house.store, house.data, now=clock.now())
        with house.store.write() as connection:
            meta.set_mode(connection, Mode.LIVE, clock.now())
        jobs.plan(house)
        clock.move_to(DUE)
        jobs.plan(house)
        pages = ReaderPages(house.store, house.data, lambda: house.workspace.settings, clock)
        web = serve(pages, host="127.0.0.1", port=0, brief=pages.brief)
        yield Desk(house, clock, web, server)
        web.stop()
        pages.close()


def test_a_yes_at_the_new_address_moves_the_reader_and_the_old_one_is_told(desk: Desk) -> None:
    page = desk.wish()
    assert "We ask at p•••@h•••.example." in page
    assert NEW not in page
    assert desk.address() == OLD
    assert (desk.run(), desk.run()) == (1, 0)
    (question,) = desk.mails(NEW)
    assert question["Subject"] == "Example Physical Therapy: Shall our mails come to this address?"
    assert question["Auto-Submitted"] == "auto-generated"
    words = question.get_content()
    assert "Until now they go to p•••@c•••.example." in words
    assert "\nExample Physical Therapy\r\n" in words
    for secret in (OLD, "Pat", "Doe", "sports"):
        assert secret not in words
    path = desk.link()
    for _ in range(3):  # a scanner follows the link
        status, page = desk.ask(path)
        assert (status, "Send our mails here?" in page) == (200, True)
    assert "p•••@h•••.example instead of p•••@c•••.example" in page
    assert desk.address() == OLD

    assert [desk.yes(path)[0], desk.yes(path)[0]] == [200, 200]
    assert desk.address() == NEW
    assert "Your address is changed" in desk.ask(path)[1]
    assert (desk.run(), desk.run()) == (1, 0)
    (news,) = desk.mails(OLD)
    assert news["Subject"] == "Example Physical Therapy: Our mails go to your new address now"
    assert "p•••@h•••.example" in news.get_content()
    assert len(desk.mails(NEW)) == 1


def test_in_spanish_where_the_page_was(desk: Desk) -> None:
    assert "Preguntamos en p•••@h•••.example." in desk.wish(**{"Accept-Language": "es"})
    desk.run()
    assert "¿Deben llegar nuestros correos a esta dirección?" in desk.mails(NEW)[-1]["Subject"]
    desk.yes(desk.link())
    desk.run()
    assert "desde ahora nuestros correos llegan a p•••@h•••.example" in desk.mails(OLD)[0].get_content()


def test_what_was_left_stays_left_at_the_new_address(desk: Desk) -> None:
    desk.ask(f"/p/{desk.token}", {"form": "preferences"})  # no topic is wanted any more
    desk.wish()
    desk.run()
    desk.yes(desk.link())
    assert desk.suppressed() == [("unsubscribed", f"{OLD}: news"), ("unsubscribed", f"{NEW}: news")]


def test_who_stopped_everything_cannot_go_on_elsewhere(desk: Desk) -> None:
    desk.wish()
    desk.run()
    path = desk.link()
    with desk.house.store.write() as connection:
        key, reason = desk.mail.recipient_key, SuppressionReason.UNSUBSCRIBED
        suppress(connection, SuppressionScope.ADDRESS, key, shown=OLD, reason=reason, source="test", now=DUE)
    page = desk.ask(f"/p/{desk.token}")[1]
    assert '<input type="email"' not in page
    desk.wish("other@home.example")
    assert desk.wishes() == 1
    desk.yes(path)
    assert desk.suppressed() == [("unsubscribed", OLD), ("unsubscribed", NEW)]


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b", "x@y.example\r\nBcc: z@y.example", OLD, OLD.upper(), "ü@home.example", "a" * 400]
)
def test_what_is_no_new_address_is_not_asked(desk: Desk, address: str) -> None:
    page = desk.wish(address)
    assert "We cannot ask at that address." in page
    assert desk.wishes() == desk.run() == 0


def test_the_page_is_no_way_to_trouble_strangers(desk: Desk) -> None:
    for number in range(10):
        desk.wish(f"stranger{number}@home.example")
    assert desk.wishes() == desk.run() == 3
    desk.clock.move_to(DUE + DAY + MINUTE)
    assert "We ask at" in desk.wish()


def test_only_the_last_wish_can_be_answered_and_only_for_a_week(desk: Desk) -> None:
    desk.wish()
    desk.run()
    first = desk.link()
    desk.wish()
    desk.run()
    assert (desk.ask(first)[0], desk.yes(first)[0], desk.address()) == (404, 404, OLD)
    second = desk.link()
    desk.clock.move_to(DUE + 7 * DAY - MINUTE)
    forget_addresses(desk.house)
    assert desk.ask(second)[0] == 200
    desk.clock.move_to(DUE + 7 * DAY + MINUTE)
    assert (desk.yes(second)[0], desk.address()) == (404, OLD)
    forget_addresses(desk.house)
    assert desk.wishes() == 0


def test_a_link_that_is_none_of_ours_gets_the_one_answer(desk: Desk) -> None:
    desk.wish()
    desk.run()
    path, unknown = desk.link(), desk.ask("/nowhere")
    number = int.from_bytes(base64.urlsafe_b64decode(path[3:])[2:8], "big")
    key = read_link_keys(desk.house.data).newest
    others = [
        make_token(key, LinkPurpose.LEAVE, number, NEW),
        make_token(key, LinkPurpose.ADDRESS, number, OLD),
        make_token(key, LinkPurpose.ADDRESS, number + 1, NEW),
        desk.token,
        "A" * 32,
        "",
    ]
    for token in others:
        assert desk.ask(f"/a/{token}") == unknown
        assert desk.yes(f"/a/{token}") == unknown
    for body in ({}, {"form": "preferences"}, {"List-Unsubscribe": "One-Click"}):
        assert desk.ask(path, body)[0] == 200
    assert desk.address() == OLD


def test_an_address_changed_meanwhile_or_erased_is_not_changed_again(desk: Desk) -> None:
    desk.wish()
    desk.run()
    path = desk.link()
    edit = Edit(values={"address": "third@home.example"})
    edit_contact(desk.house.store, desk.house.workspace, OLD, edit, now=DUE)
    assert (desk.yes(path)[0], desk.address()) == (404, "third@home.example")
    desk.wish()
    desk.run()
    path = desk.link()
    erase_contact(desk.house.store, "third@home.example", now=DUE)
    assert (desk.yes(path)[0], desk.address(), desk.wishes()) == (404, None, 0)


def test_a_yes_and_a_change_by_the_staff_at_the_same_moment(desk: Desk) -> None:
    """What was looked at a moment before the yes is looked at once more in its transaction."""
    desk.wish()
    with desk.house.store.read() as connection:
        number = connection.scalar(sa.select(address_change.c.id))
        change = open_change(connection, number, now=desk.clock.now())
    edit_contact(desk.house.store, desk.house.workspace, OLD, Edit({"address": "p0@b.example"}), now=desk.clock.now())
    key = load_address_key(desk.house.store, desk.house.data)
    assert change is not None
    assert not confirm(desk.house.store, key, change, now=desk.clock.now())
    assert desk.address() == "p0@b.example"


def test_two_say_yes_at_the_same_moment(desk: Desk) -> None:
    desk.wish()
    with desk.house.store.read() as connection:
        number = connection.scalar(sa.select(address_change.c.id))
        change = open_change(connection, number, now=desk.clock.now())
    assert change is not None
    key = load_address_key(desk.house.store, desk.house.data)
    assert [confirm(desk.house.store, key, change, now=desk.clock.now()) for _ in range(2)] == [True, True]
    assert desk.address() == NEW


def test_who_has_the_earlier_mailbox_by_now_moves_nobody(desk: Desk) -> None:
    """A mail that went to an address which the person left may be in a colleague's hands."""
    present = "p0@moved.example"
    edit_contact(desk.house.store, desk.house.workspace, OLD, Edit({"address": present}), now=desk.clock.now())
    desk.wish()
    assert (desk.run(), desk.wishes(), desk.address()) == (0, 0, present)


def test_an_address_of_somebody_else_is_for_the_clinic_to_decide(desk: Desk) -> None:
    for new in ("p1@club.example", NEW):
        if new == NEW:
            with desk.house.store.write() as connection:
                key = desk.key_of("p2@club.example")
                reason = SuppressionReason.HARD_BOUNCED
                suppress(connection, SuppressionScope.ADDRESS, key, shown=None, reason=reason, source="t", now=DUE)
        page = desk.wish(new if new != NEW else "p2@club.example")
        assert "We ask at" in page  # who asks is not told who is a contact
        assert desk.run() == 0
    (proposed,) = repairs(desk.house.store).proposed
    assert (proposed.person.address, proposed.proposal.new_address) == (OLD, "p1@club.example")
    assert desk.server.mails == []


def test_an_address_that_became_somebody_elses_is_not_taken(desk: Desk) -> None:
    desk.wish()
    desk.run()
    path = desk.link()
    edit_contact(desk.house.store, desk.house.workspace, "p1@club.example", Edit(values={"address": NEW}), now=DUE)
    assert (desk.yes(path)[0], desk.address()) == (404, OLD)
    assert repairs(desk.house.store).proposed[0].proposal.new_address == NEW


def test_a_server_that_cannot_now_is_asked_again_and_one_that_never_will_is_not(desk: Desk) -> None:
    desk.server.on("RCPT", Step("450 4.2.0 later"))
    desk.wish()
    assert desk.run() == desk.run() == 0
    desk.clock.move_to(DUE + 15 * MINUTE)
    assert desk.run() == 1
    desk.server.on("RCPT", Step("550 5.1.1 nobody"))
    desk.wish()
    assert desk.run() == 0
    desk.clock.move_to(DUE + 60 * MINUTE)
    assert desk.run() == 0


def test_a_server_that_is_away_loses_no_wish(desk: Desk) -> None:
    desk.wish()
    desk.server.on("CONNECT", Step("554 5.3.2 away"))
    with pytest.raises(NurtureError, match="away"):
        desk.run()
    with desk.house.store.read() as connection:
        assert connection.scalar(sa.select(address_change.c.mail_at)) == DUE + 15 * MINUTE


def test_a_mail_of_the_sandbox_moves_nobody(desk: Desk) -> None:
    with desk.house.store.write() as connection:
        connection.execute(sa.update(delivery).values(mode=Mode.SANDBOX))
    desk.wish()
    assert desk.run() == 0, "its question belongs in the sandbox"
    with desk.house.store.read() as connection:
        number = connection.scalar(sa.select(address_change.c.id))
    token = make_token(read_link_keys(desk.house.data).newest, LinkPurpose.ADDRESS, number, NEW)
    status, page = desk.yes(f"/a/{token}")
    assert (status, "Your address is changed" in page) == (200, True)
    assert desk.address() == OLD
