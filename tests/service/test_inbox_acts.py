"""What arrives acts: bounces, answers, absences, complaints and wishes to leave, read from a mailbox, once each."""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.clock import DrivenClock
from nurture.composing.link_tokens import make_token
from nurture.composing.return_path import return_path
from nurture.service.house import House, open_house
from nurture.service.inbox import read_mailbox
from nurture.service.link_keys import link_keys
from nurture.service.running import jobs
from nurture.store import feedback, suppressions, way_out
from nurture.store.alerts import open_alerts
from nurture.store.replies import MAX_WORDS
from nurture.store.schema import event, inbound, reply
from nurture.vocabulary import DeliveryState, LinkPurpose, Mode
from nurture.workspace.scaffold import Answers, init_workspace
from tests.delivery.outbox import Outbox, fill_outbox

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
PEOPLE = 4


class Clinic:
    """A live clinic whose partner news went to person1@ … person4@, Message-IDs ``m1`` …; its mailbox is a Maildir."""

    def __init__(self, root: Path, house: House) -> None:
        self.root, self.house = root, house
        self.outbox: Outbox = fill_outbox(house.store, recipients=PEOPLE, mode=Mode.LIVE, now=NOW - timedelta(hours=3))
        for number, delivery_id in enumerate(self.outbox.delivery_ids, start=1):
            sent = {"state": DeliveryState.SENT, "settled_at": NOW - timedelta(hours=2), "attempts": 1}
            self.outbox.set(delivery_id, message_id=f"<m{number}@clinic.example>", **sent)
        self._mails = 0

    def arrives(self, text: str, folder: str = "new") -> None:
        self._mails += 1
        head, _, body = text.strip().partition("\n\n")
        if "Message-ID:" not in head:
            head += f"\nMessage-ID: <in{self._mails}@elsewhere.example>"
        if "Date:" not in head:
            head += f"\nDate: Tue, 01 Dec 2026 12:0{self._mails} +0000"
        octets = f"{head}\n\n{body}\n".encode("utf-8", "surrogateescape")
        file = self.root / "mail" / folder / f"17000000{self._mails:02}.M1.host"
        file.write_bytes(octets)
        arrived = (NOW + timedelta(minutes=self._mails)).timestamp()
        os.utime(file, (arrived, arrived))

    def read(self) -> None:
        read_mailbox(self.house)

    def rows(self, statement: sa.Select) -> list:
        with self.house.store.read() as connection:
            return list(connection.execute(statement))

    def suppressed(self) -> dict[str | None, str]:
        with self.house.store.read() as connection:
            return {row.shown: row.reason for row in suppressions.list_suppressions(connection)}

    def kinds(self) -> list[str]:
        return [row.kind for row in self.rows(sa.select(event.c.kind).order_by(event.c.id))]

    def replies(self) -> list:
        return self.rows(sa.select(reply).order_by(reply.c.id))

    def alerts(self) -> list[str]:
        with self.house.store.read() as connection:
            return [str(alert.kind) for alert in open_alerts(connection)]


@pytest.fixture
def clinic(tmp_path: Path, database_url: str):
    root = tmp_path / "clinic"
    init_workspace(root, Answers(), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
    for name in ("new", "cur", "tmp", ".Sent/new", ".Sent/cur", ".Sent/tmp", ".Junk/new", ".Junk/cur"):
        (root / "mail" / name).mkdir(parents=True)
    address = tmp_path / "database-address"
    address.write_text(database_url)
    address.chmod(0o600)
    settings = root / "nurture.yaml"
    settings.write_text(f"{settings.read_text()}database: file:{address}\nmailbox: {{maildir: mail}}\n")
    clock = DrivenClock(NOW)
    with open_house(root, clock=clock) as house:
        made = Clinic(root, house)
        made.read()  # begins at the present end
        clock.move_to(NOW + timedelta(hours=1))
        yield made


def reply_from(number: int, words: str, *, answers: int | None = None, more: str = "") -> str:
    answered = f"\nIn-Reply-To: <m{answers}@clinic.example>" if answers else ""
    sender = f"From: Person <person{number}@clinic-partner.example>"
    return f"{sender}\nTo: hello@clinic.example\nSubject: Re: News{answered}{more}\n\n{words}"


def bounce_of(number: int, *, original: str | None = None) -> str:
    original = original or f"m{number}@clinic.example"
    return f"""From: MAILER-DAEMON@mx.example
To: hello@clinic.example
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=b
Auto-Submitted: auto-replied

--b
Content-Type: text/plain

I could not deliver your mail.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; person{number}@clinic-partner.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--b
Content-Type: message/rfc822

From: hello@clinic.example
To: person{number}@clinic-partner.example
Message-ID: <{original}>
Subject: News

Hello
--b--"""


def test_everything_at_once_and_twice(clinic: Clinic) -> None:
    clinic.arrives(bounce_of(1))
    clinic.arrives(reply_from(2, "Could you see my patient next week?", answers=2))
    clinic.arrives(
        reply_from(
            3, "I am away and will be back on 9 December 2026.", answers=3, more="\nAuto-Submitted: auto-replied"
        )
    )
    clinic.arrives(reply_from(4, "Please remove me from your mailing list.", answers=4))
    for _ in range(2):
        clinic.read()
    assert clinic.suppressed() == {
        "person1@clinic-partner.example": "hard_bounced",
        "person4@clinic-partner.example": "unsubscribed",
    }
    assert sorted(kind for kind in clinic.kinds()) == [
        "auto_replied",
        "bounced",
        "replied",
        "replied",
        "suppressed",
        "unsubscribed",
    ]
    assert [(row.topic, row.words) for row in clinic.replies()] == [
        ("referral", "Could you see my patient next week?"),
        ("stop", "Please remove me from your mailing list."),
    ]
    people = clinic.outbox.column("contact_id")
    with clinic.house.store.read() as connection:
        assert feedback.absences(connection, people, on=date(2026, 12, 2)) == {people[2]: date(2026, 12, 9)}


def test_an_answer_in_the_sent_folder_stops_the_clock(clinic: Clinic) -> None:
    clinic.arrives(reply_from(2, "When can we meet?", answers=2, more="\nMessage-ID: <asked@partner.example>"))
    clinic.read()
    assert [row.answered_at for row in clinic.replies()] == [None]
    clinic.arrives(
        "From: hello@clinic.example\nTo: person2@clinic-partner.example\nSubject: Re: News\n"
        "In-Reply-To: <asked@partner.example>\n\nOn Friday?",
        folder=".Sent/new",
    )
    clinic.read()
    assert [row.answered_at is not None for row in clinic.replies()] == [True]


@pytest.mark.parametrize(
    ("folder", "names_it", "stops"),
    [("new", False, False), (".Junk/new", False, False), ("new", True, True), (".Sent/new", False, True)],
    ids=[
        "a stranger's in our name",
        "a stranger's that was taken for spam",
        "a copy to ourselves",
        "not by its button",
    ],
)
def test_a_mail_in_our_name_in_the_inbox_must_name_what_it_answers(
    clinic: Clinic, folder: str, names_it: bool, stops: bool
) -> None:
    clinic.arrives(reply_from(2, "When can we meet?", answers=2, more="\nMessage-ID: <asked@partner.example>"))
    clinic.read()
    named = "\nIn-Reply-To: <asked@partner.example>" if names_it else ""
    head = f"From: hello@clinic.example\nTo: person2@clinic-partner.example\nSubject: News{named}"
    clinic.arrives(f"{head}\n\nOn Friday?", folder=folder)
    clinic.read()
    assert [row.answered_at is not None for row in clinic.replies()] == [stops]


def test_a_bounce_that_names_no_mail_of_ours_is_a_forgery_for_all_we_know(clinic: Clinic) -> None:
    clinic.arrives(bounce_of(1, original="never@clinic.example"))
    clinic.read()
    assert clinic.suppressed() == {}
    assert [row.data["act"] for row in clinic.rows(sa.select(event.c.data))] == ["record"]


def test_only_mail_that_arrived_proves_a_plus_address(clinic: Clinic) -> None:
    """Many providers file a copy of what they took for sending; it has the same octets."""
    address = "hello@clinic.example"
    ring = link_keys(clinic.house.store, clinic.house.data, now=NOW)
    to = return_path(address, make_token(ring.newest, LinkPurpose.PROBE, 17, ""))
    head = f"From: {address}\nTo: {to}\nSubject: A mail to myself\nMessage-ID: <loop@clinic.example>"
    mail = f"{head}\nDate: Tue, 01 Dec 2026 12:00 +0000\n\nIt comes back?"
    with clinic.house.store.write() as connection:
        way_out.await_loop(connection, address, 17)

    def seen() -> bool:
        clinic.read()
        with clinic.house.store.read() as connection:
            return way_out.loop_seen(connection, address) is not None

    clinic.arrives(mail, folder=".Sent/new")
    assert not seen()
    clinic.arrives(mail)
    assert seen()


def test_what_somebody_wrote_is_gone_after_its_time_wherever_it_was_kept(clinic: Clinic) -> None:
    secret = "My knee hurts again. "
    clinic.arrives(reply_from(2, secret * 1000, answers=2))
    clinic.arrives(reply_from(3, f"{AWAY} {secret}", answers=3, more="\nAuto-Submitted: auto-replied"))
    clinic.read()
    (longest, _) = clinic.rows(sa.select(sa.func.length(inbound.c.text)).order_by(inbound.c.id))
    assert longest[0] <= MAX_WORDS
    clinic.house.clock.move_to(NOW + timedelta(days=364))
    jobs.housekeeping(clinic.house)
    assert "knee" in str(clinic.rows(sa.select(inbound)))
    clinic.house.clock.move_to(NOW + timedelta(days=367))
    jobs.housekeeping(clinic.house)
    for table in (inbound, reply, event):
        assert "knee" not in str(clinic.rows(sa.select(table)))
    assert [row.kind for row in clinic.rows(sa.select(inbound.c.kind).order_by(inbound.c.id))] == ["reply", "autoreply"]


AWAY = "I am away and will be back on 9 December 2026."


def absences(clinic: Clinic) -> dict[int, date]:
    people = clinic.outbox.column("contact_id")
    with clinic.house.store.read() as connection:
        found = feedback.absences(connection, people, on=date(2026, 12, 2))
    return {people.index(contact) + 1: until for contact, until in found.items()}


def test_an_absence_that_answers_none_of_our_mails_silences_nobody(clinic: Clinic) -> None:
    """Anybody can write it in another's name, each month anew; and each reader knows the Message-ID of one mail."""
    clinic.arrives(reply_from(1, AWAY, more="\nAuto-Submitted: auto-replied"))
    clinic.arrives(reply_from(2, AWAY, answers=2, more="\nAuto-Submitted: auto-replied"))
    clinic.arrives(reply_from(3, AWAY, answers=4, more="\nAuto-Submitted: auto-replied"))
    clinic.read()
    assert absences(clinic) == {2: date(2026, 12, 9)}


def test_an_absence_that_comes_to_the_return_path_of_our_mail_is_believed(clinic: Clinic) -> None:
    """Where RFC 3834 4 wants it, perhaps without a word of what it answers."""
    ring = link_keys(clinic.house.store, clinic.house.data, now=NOW)
    keys = clinic.outbox.column("recipient_key")
    for number, key in ((1, keys[0]), (2, "another's")):
        token = make_token(ring.newest, LinkPurpose.BOUNCE, clinic.outbox.delivery_ids[number - 1], key)
        to = f"\nDelivered-To: hello+b.{token}@clinic.example"
        clinic.arrives(reply_from(number, AWAY, more=f"{to}\nAuto-Submitted: auto-replied"))
    clinic.read()
    assert absences(clinic) == {1: date(2026, 12, 9)}


def test_a_mail_program_that_leaves_for_its_reader_is_followed(clinic: Clinic) -> None:
    """Gmail's own words for a `List-Unsubscribe` that is a `mailto:`."""
    ring = link_keys(clinic.house.store, clinic.house.data, now=NOW)
    keys = clinic.outbox.column("recipient_key")
    token = make_token(ring.newest, LinkPurpose.LEAVE, clinic.outbox.delivery_ids[1], keys[1])
    clinic.arrives(
        f"From: Person <person2@clinic-partner.example>\nTo: hello@clinic.example\nSubject: STOP {token}\n\n"
        "This message was automatically generated by Gmail."
    )
    clinic.read()
    assert clinic.suppressed() == {"person2@clinic-partner.example": "unsubscribed"}


def test_whoever_asks_to_leave_out_of_the_blue_is_shown_to_the_owner(clinic: Clinic) -> None:
    clinic.arrives(reply_from(2, "Please remove me from your mailing list."))
    clinic.read()
    assert clinic.suppressed() == {}
    assert clinic.alerts() == ["leave_unproven"]
    assert [row.topic for row in clinic.replies()] == ["stop"]


def test_a_stranger_leaves_no_word_and_no_reply(clinic: Clinic) -> None:
    clinic.arrives("From: stranger@shop.example\nTo: hello@clinic.example\nSubject: Offer\n\nBuy our knees.")
    clinic.read()
    assert clinic.replies() == []
    assert [(row.kind, row.text, row.subject) for row in clinic.rows(sa.select(inbound))] == [("reply", None, None)]


HOSTILE = "\x00\x1b[31m\u202e\udc80\U0001f600 <script>alert(1)</script> ' \" \\ %s {{ 7*7 }}"


@pytest.mark.parametrize(
    "made",
    [
        lambda: reply_from(2, HOSTILE, answers=2),
        lambda: reply_from(2, "Please remove me from your mailing list. " + HOSTILE, answers=2),
        lambda: bounce_of(1).replace("no such user", HOSTILE),
        lambda: bounce_of(1).replace("rfc822; person1@", f"rfc822; {HOSTILE}person1@"),
        lambda: reply_from(2, "x", more=f"\nReferences: <{HOSTILE}> <m2@clinic.example>\nIn-Reply-To: <\x00@\udc80>"),
        lambda: reply_from(3, HOSTILE, answers=3, more=f"\nAuto-Submitted: auto-replied\nX-Auto: {HOSTILE}"),
        lambda: reply_from(2, "x", answers=2).replace("Subject: Re: News", f"Subject: {HOSTILE}"),
    ],
    ids=["words", "leaving", "reason", "recipient", "thread", "machine", "subject"],
)
def test_whatever_stands_in_a_mail_it_is_taken_in_and_the_next_one_too(clinic: Clinic, made: Callable[[], str]) -> None:
    clinic.arrives(made())
    clinic.arrives(reply_from(4, "Thank you!", answers=4))
    clinic.read()
    assert len(clinic.rows(sa.select(inbound))) == 2
    assert clinic.replies()[-1].words == "Thank you!"


def test_a_mail_that_cannot_be_followed_stops_no_other_and_is_told(
    clinic: Clinic, caplog: pytest.LogCaptureFixture
) -> None:
    """The database refuses what one mail leads to, as if nurture had a fault in it."""
    with clinic.house.store.write() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(
                sa.text("CREATE TRIGGER fault BEFORE INSERT ON reply BEGIN SELECT RAISE(ABORT, 'no'); END")
            )
        else:
            connection.execute(sa.text("ALTER TABLE reply ADD CONSTRAINT fault CHECK (id < 0)"))
    clinic.arrives(reply_from(1, "Could we meet?", answers=1))
    clinic.arrives(bounce_of(2))
    clinic.read()
    assert clinic.replies() == []
    assert clinic.suppressed() == {"person2@clinic-partner.example": "hard_bounced"}
    assert clinic.alerts() == ["mail_unfollowed"]
    assert "IntegrityError" in caplog.text
    assert "person1" not in caplog.text  # a database writes the row that it refuses into its error
    assert len(clinic.rows(sa.select(inbound))) == 2
