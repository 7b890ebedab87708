"""The clinic's people hear who waits: once, while the clinic works, with partners by name and patients as a number."""

import email
import email.policy
import os
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from nurture.clock import DrivenClock
from nurture.errors import SenderError
from nurture.sandbox.server import SandboxServer
from nurture.service.house import open_house
from nurture.service.reply_digest import tell_who_waits
from nurture.service.running import jobs
from nurture.store import alerts, replies, reply_pages
from nurture.store.replies import NewReply, OwnAnswer
from nurture.store.schema import contact, contact_category, organization, reply
from nurture.vocabulary import Mode, ReplyTopic

MONDAY = datetime(2026, 12, 7, 16, tzinfo=UTC)  # 08:00 in Oregon: the clinic opens, until 18:00
STAFF = """\
staff:
  rosa: {name: Rosa Vega}
  maya: {name: Maya Chen, address: maya@clinic-people.example}
  sam: {name: Sam Ortiz, address: sam@clinic-people.example}
"""


class Desk:
    """The clinic's house, its clock, and the mailboxes of its people (the sandbox)."""

    def __init__(self, house, sandbox):
        self.house, self.sandbox, self._keys = house, sandbox, 0

    def wrote(self, hours=0.0, patient=False, topic=ReplyTopic.QUESTION, name=None):
        """Somebody writes so many hours after Monday's opening."""
        self._keys += 1
        with self.house.store.write() as connection:
            ids = connection.scalars(sa.select(contact.c.id).order_by(contact.c.id)).all()
            who = ids[self._keys]
            connection.execute(
                sa.update(contact).where(contact.c.id == who).values(last_name=name or f"Doe{self._keys}")
            )
            if patient:
                connection.execute(sa.insert(contact_category).values(contact_id=who, category="past_patient"))
            return replies.take(
                connection,
                NewReply(
                    key=f"k{self._keys}",
                    mode=Mode.SANDBOX,
                    received_at=MONDAY + timedelta(hours=hours),
                    account="hello@clinic.example",
                    folder="INBOX",
                    sender="Evil\r\nBcc: x@y.example <p@club.example>",
                    address=f"p{self._keys}@club.example",
                    subject="Re: news",
                    words="secret words",
                    topic=topic,
                    contact_id=who,
                    message_id=f"k{self._keys}@club.example",
                ),
            )

    def at(self, hours):
        """So many hours after Monday's opening the job runs; what it mailed."""
        before = set(self._files())
        self.house.clock.move_to(MONDAY + timedelta(hours=hours))
        tell_who_waits(self.house, sandbox=self.sandbox)
        new = sorted(set(self._files()) - before)
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in new]

    def _files(self):
        return self.house.maildir.glob("new/*")

    def alerts(self):
        with self.house.store.read() as connection:
            return [(str(alert.kind), alert.message) for alert in alerts.open_alerts(connection)]


@pytest.fixture
def staff():
    return STAFF


@pytest.fixture
def desk(workspace, staff):
    settings = workspace / "nurture.yaml"
    settings.write_text(settings.read_text() + staff)
    os.utime(settings, (1_700_000_000, 1_700_000_000))
    with open_house(workspace, clock=DrivenClock(MONDAY)) as house:
        server = SandboxServer(house.maildir)
        port = server.start()
        yield Desk(house, ("127.0.0.1", port))
        server.stop()


def text_of(mail):
    return mail.get_content()


def test_half_of_the_limit_is_told_then_all_of_it_and_then_there_is_silence(desk):
    desk.wrote(hours=1)
    assert desk.at(2) == []
    assert desk.at(4.9) == []
    (warning,) = desk.at(5)
    assert warning["subject"] == "1 person waits for your answer"
    assert desk.at(5.1) == desk.at(8.9) == []
    (digest,) = desk.at(9)  # 8 working hours
    assert digest["subject"] == "1 person waits too long for your answer"
    for later in (9.5, 24 + 4, 24 * 3, 24 * 9):
        assert desk.at(later) == [], "everything in it was told before"


def test_no_program_answers_the_notice_and_it_names_no_patient(desk):
    desk.wrote(name="Lee")
    desk.wrote(name="Secretpatient", patient=True)
    (mail,) = desk.at(9)
    assert (mail["auto-submitted"], mail["x-auto-response-suppress"]) == ("auto-generated", "All")
    assert (mail["to"], mail["bcc"]) == ("maya@clinic-people.example", None)
    text = text_of(mail)
    assert "Lee: 9 h 00 min (question)" in text
    assert "1 more, whose name stays in the house" in text
    assert "Secretpatient" not in mail.as_string()
    assert "secret words" not in mail.as_string()


def test_the_clinic_is_told_while_it_works(desk):
    desk.wrote(hours=1)
    assert desk.at(10.5) == []  # 18:30
    assert desk.at(23) == []
    assert len(desk.at(24)) == 1


def test_at_most_one_in_half_a_working_day(desk):
    for hours in (0, 0.5, 1, 1.5):
        desk.wrote(hours=hours)
    sent = [hours / 4 for hours in range(4 * 24 * 4) if desk.at(hours / 4)]
    assert sent[0] == 4
    assert len(sent) == 3
    assert sent[1] - sent[0] >= 4


def test_who_was_answered_needs_no_telling(desk):
    desk.wrote()
    with desk.house.store.write() as connection:
        answer = OwnAnswer("a", MONDAY + timedelta(hours=3), "us", "Yes.", None, ("k1@club.example",), ())
        assert replies.answered(connection, answer, mode=Mode.SANDBOX)
    desk.wrote(topic=ReplyTopic.THANKS)
    assert desk.at(9) == []


def test_a_mail_that_cannot_be_sent_is_tried_again(desk):
    desk.wrote()
    desk.house.clock.move_to(MONDAY + timedelta(hours=9))
    with pytest.raises(SenderError):
        tell_who_waits(desk.house, sandbox=("127.0.0.1", 1))
    assert len(desk.at(9.2)) == 1


def test_two_loops_send_one_notice(desk):
    with desk.house.store.write() as connection:
        assert replies.turn_digest(connection, mode=Mode.SANDBOX, last=None, to=MONDAY)
        assert not replies.turn_digest(connection, mode=Mode.SANDBOX, last=None, to=MONDAY)
        assert replies.last_digest(connection, mode=Mode.SANDBOX) == MONDAY
        assert replies.last_digest(connection, mode=Mode.LIVE) is None


@pytest.mark.parametrize("staff", [STAFF + "replies: {tell: [sam, maya], limit: 2 hours}\n"])
def test_those_who_are_named_are_told(desk):
    desk.wrote()
    assert sorted(mail["to"] for mail in desk.at(1)) == ["maya@clinic-people.example", "sam@clinic-people.example"]


@pytest.mark.parametrize("staff", ["staff: {maya: {name: Maya, address: Hello@clinic.example}}\n"])
def test_a_notice_never_goes_where_answers_arrive(desk):
    desk.wrote()
    assert desk.at(9) == []
    assert any(kind == "replies_untold" and "nobody can be told" in words for kind, words in desk.alerts())


def test_housekeeping_forgets_old_words(desk):
    number = desk.wrote()
    desk.house.clock.move_to(MONDAY + timedelta(days=364))
    jobs.housekeeping(desk.house)
    with desk.house.store.read() as connection:
        assert connection.scalar(sa.select(reply.c.words)) == "secret words"
    desk.house.clock.move_to(MONDAY + timedelta(days=366))
    jobs.housekeeping(desk.house)
    with desk.house.store.read() as connection:
        assert connection.scalar(sa.select(reply.c.words)) is None
        assert reply_pages.find(connection, number, mode=Mode.SANDBOX).received_at == MONDAY


def test_an_organization_is_named_where_the_person_is_not_known(desk):
    number = desk.wrote()
    with desk.house.store.write() as connection:
        made = {"name": "Northside Gym", "name_key": "northside gym", "attributes": {}}
        new = sa.insert(organization).values(**made, created_at=MONDAY, updated_at=MONDAY).returning(organization.c.id)
        connection.execute(
            sa.update(reply).where(reply.c.id == number).values(contact_id=None, organization_id=connection.scalar(new))
        )
    (mail,) = desk.at(9)
    assert "  Northside Gym: 9 h 00 min" in text_of(mail)
