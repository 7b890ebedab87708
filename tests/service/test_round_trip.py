"""The whole way on real servers: nurture sends through Postfix, and what comes back lies in Dovecot.

Both share their Maildirs, as on a clinic's own mail server: what Postfix delivers, Dovecot shows by IMAP.
"""

import imaplib
import re
import shutil
import smtplib
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from urllib.parse import unquote

import pytest

from nurture.audience.imports import apply_import, diff_import, import_order
from nurture.reports.log import LogQuery, log_page
from nurture.reports.replies import clock_of, latest_replies, waiting_replies
from nurture.service import inbox
from nurture.service.house import House, open_house
from nurture.service.loop_test import loop_test
from nurture.service.sending import send_now
from nurture.store import feedback, inbound, meta
from nurture.store.suppressions import list_suppressions
from nurture.vocabulary import DeliveryState, MailKind, MatchedBy, Mode, ReplyStanding, ReplyTopic, SuppressionReason
from nurture.workspace.scaffold import Answers, init_workspace
from tests.servers import dovecot as dovecots
from tests.servers import postfix as postfixes
from tests.servers.certificates import Certificate, make_certificate
from tests.servers.dovecot import PASSWORD, USER, Dovecot
from tests.servers.postfix import Postfix
from tests.service.noon import NOON_ZONE

pytestmark = [pytest.mark.postfix, pytest.mark.dovecot]

LEE = "lee@club.example"
GONE = "gone@club.example"  # nobody of that name, as Postfix finds out after it took the mail
WAIT = 60.0
CONTACTS = f"""\
Email,First name,Last name,Organization
{LEE},Maria,Lee,Northside Club
{GONE},Sam,Ortiz,Far Away Club
"""
BROADCAST = """\
kind: broadcast
topic: news
to: {category: sports_club}
schedule: 2036-12-01 at 10:00
subject: Something new, {{ contact.first_name }}
template: announcement
body: We moved.
intent: give
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def dovecot(certificate) -> Iterator[Dovecot]:
    if not dovecots.is_available():
        pytest.skip("no Dovecot, or not root: apt-get install dovecot-imapd")
    with dovecots.running_dovecot(certificate) as running:
        running.maildir()
        running.maildir("Sent")
        yield running


@pytest.fixture
def postfix(certificate, dovecot) -> Iterator[Postfix]:
    if not postfixes.is_available():
        pytest.skip("no Postfix, or not root: apt-get install postfix")
    folder = Path(tempfile.mkdtemp(prefix="nurture-postfix-"))  # pytest's own folders are closed to Postfix's users
    mail = dovecot.folder / "mail"
    with postfixes.running_postfix(folder, [USER, LEE], certificate, refuses=False, mail=mail) as running:
        yield running
    shutil.rmtree(folder)


@pytest.fixture
def clinic(tmp_path, new_sqlite_url, postfix, dovecot, certificate, monkeypatch) -> Iterator[House]:
    """A clinic that is live and open day and night, with two clubs, one of them at a dead address."""
    monkeypatch.setenv("IMAP_SECRET", PASSWORD)
    root = tmp_path / "clinic"
    init_workspace(root, Answers(), now=datetime.now(UTC))
    (root / "campaigns" / "partner-news.yaml").unlink()
    (root / "campaigns" / "moved.yaml").write_text(BROADCAST)
    settings = root / "nurture.yaml"
    text = settings.read_text().replace("hello@clinic.example", USER)
    text = text.replace("[written, verbal, implied]", "[]").replace(
        "    # smtp:", f"    smtp: {smtp(postfix, certificate)}\n    # smtp:"
    )
    text = re.sub(r"(?m)^    mon-fri: .*$", '    mon-sun: "00:00-24:00"', text)
    text, zones = re.subn(r"(?m)^(  time_zone:) .*$", rf"\1 {NOON_ZONE}", text)
    assert zones == 1
    text += f"database: '{new_sqlite_url}'\n"
    text += f"mailbox:\n  folders: [INBOX, Sent]\n  imap: {imap(dovecot, certificate)}\n"
    settings.write_text(text)
    contacts = root / "data" / "contacts.csv"
    contacts.write_text(CONTACTS)
    with open_house(root) as house:
        now = house.clock.now()
        order = import_order(house.workspace, contacts, categories=frozenset(["sports_club"]))
        apply_import(house.store, order, diff_import(house.store, house.workspace, order, now=now), now=now)
        with house.store.write() as connection:
            meta.set_mode(connection, Mode.LIVE, now)
        inbox.read_mailbox(house)  # from here on mail counts
        yield house


def smtp(postfix: Postfix, certificate: Certificate) -> str:
    return f"{{host: localhost, port: {postfix.port}, tls: starttls, ca_file: {certificate.authority}}}"


def imap(dovecot: Dovecot, certificate: Certificate) -> str:
    login = f"username: {USER}, password: 'env:IMAP_SECRET'"
    return f"{{host: localhost, port: {dovecot.tls_port}, {login}, ca_file: {certificate.authority}}}"


def suppressed(house: House) -> list[str | None]:
    with house.store.read() as connection:
        return sorted(row.shown for row in list_suppressions(connection))


def read_until(house: House, kind: MailKind) -> None:
    """Read the mailbox until a mail of that kind came."""
    end = time.monotonic() + WAIT
    while not inbox.read_mailbox(house).kinds[kind]:
        assert time.monotonic() < end, f"no {kind} came"
        time.sleep(0.2)


def fates(house: House, address: str) -> list[tuple[DeliveryState, str | None]]:
    """What became of the mails to somebody, the latest first."""
    return [(row.state, row.reason) for row in log_page(house.store, LogQuery(contact=address)).deliveries]


def lee_answers(postfix: Postfix, words: str) -> EmailMessage:
    """As Maria Lee's mail program answers the mail that she got, through the mail server."""
    (got,) = postfix.mails(LEE)
    message_id = next(line for line in got.decode().splitlines() if line.lower().startswith("message-id:")).split()[1]
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Subject"] = f"Maria Lee <{LEE}>", USER, "Re: Something new, Maria"
    answer["Date"], answer["Message-ID"], answer["In-Reply-To"] = formatdate(), "<answer-1@club.example>", message_id
    answer.set_content(words)
    with smtplib.SMTP("127.0.0.1", postfix.port) as server:
        server.send_message(answer)
    return answer


def leave(postfix: Postfix, *, sender: str, change: str = "") -> None:
    """Follow the `mailto:` of the first mail to Lee from any address; with ``change`` as its token's first letters."""
    raw = postfix.mails(LEE)[0].decode()
    found = re.search(r"List-Unsubscribe:\s+<mailto:([^?]+)\?subject=([^>]+)>", raw)
    assert found is not None
    word, _, token = unquote(found[2]).partition(" ")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Date"], mail["Message-ID"] = sender, found[1], formatdate(), make_msgid()
    mail["Subject"] = f"{word} {change}{token[len(change) :]}"
    mail.set_content("")
    with smtplib.SMTP("127.0.0.1", postfix.port) as server:
        server.send_message(mail)


def clinic_answers(dovecot: Dovecot, answered: EmailMessage) -> None:
    """The clinic's mail program keeps what it sent in the folder Sent."""
    sent = EmailMessage()
    sent["From"], sent["To"], sent["Subject"] = USER, LEE, "Re: Something new"
    sent["Date"], sent["Message-ID"] = formatdate(), "<hello-1@riverbend.example>"
    sent["In-Reply-To"] = answered["Message-ID"]
    sent.set_content("Yes, please do. We have time on Tuesday.")
    with imaplib.IMAP4("127.0.0.1", dovecot.port) as client:
        client.login(USER, PASSWORD)
        assert client.append("Sent", r"(\Seen)", None, sent.as_bytes())[0] == "OK"


def test_what_we_send_comes_back_and_is_followed(clinic: House, postfix: Postfix, dovecot: Dovecot) -> None:
    sent = send_now(clinic, "moved")
    assert (sent.account.sent, sent.by_loop, sent.stopped) == (2, False, ())

    read_until(clinic, MailKind.BOUNCE)
    with clinic.store.read() as connection:
        (dead,) = feedback.dead_addresses(connection)
    assert (dead.address, dead.organization, dead.reason) == (GONE, "Far Away Club", SuppressionReason.HARD_BOUNCED)

    answer = lee_answers(postfix, "Thank you! May I send you a runner with a sore knee?")
    read_until(clinic, MailKind.REPLY)
    clock, now = clock_of(clinic.workspace.settings), clinic.clock.now()
    (waiting,) = waiting_replies(clinic.store, clock, now + timedelta(hours=2))
    assert (waiting.reply.person, waiting.reply.campaign) == ("Maria Lee", "moved")
    assert waiting.reply.words == "Thank you! May I send you a runner with a sore knee?"
    assert waiting.reply.topic is ReplyTopic.REFERRAL
    assert timedelta(hours=1, minutes=55) < waiting.waited < timedelta(hours=2, minutes=5)

    clinic_answers(dovecot, answer)
    read_until(clinic, MailKind.OWN)
    assert waiting_replies(clinic.store, clock, now + timedelta(hours=2)) == ()

    def all_that_is_known() -> tuple[object, ...]:
        with clinic.store.read() as connection:
            mails = inbound.latest(connection, mode=Mode.LIVE, limit=100)
            return mails, feedback.dead_addresses(connection), latest_replies(clinic.store, clock, now, limit=100)

    before = all_that_is_known()
    dovecot.forget_numbers()
    dovecot.forget_numbers("Sent")
    assert inbox.read_mailbox(clinic).kinds.total() == 0
    assert all_that_is_known() == before
    (ended,) = latest_replies(clinic.store, clock, now, limit=100)
    assert ended.standing is ReplyStanding.ENDED

    leave(postfix, sender=LEE, change="AAAAAAAA")
    read_until(clinic, MailKind.REPLY)
    assert suppressed(clinic) == [GONE], "a forged token proves nothing; the owner is asked"
    leave(postfix, sender="maria@elsewhere.example")
    read_until(clinic, MailKind.REPLY)
    assert suppressed(clinic) == [GONE, LEE], "the token tells whose wish it is, from whatever address it comes"

    (clinic.root / "campaigns" / "moved.yaml").write_text(BROADCAST + "edition: 2\n")
    with open_house(clinic.root) as house:
        send_now(house, "moved")
    assert fates(clinic, GONE) == [(DeliveryState.SKIPPED, "suppressed"), (DeliveryState.SENT, None)]


def test_a_bounce_names_its_mail_by_the_address_to_which_it_comes(clinic: House, postfix: Postfix) -> None:
    settings = clinic.root / "nurture.yaml"
    settings.write_text(settings.read_text().replace("    # smtp:", "    verp: true\n    # smtp:", 1))
    with open_house(clinic.root) as house:
        send_now(house, "moved")
        assert b"Return-Path: <hello@riverbend.example>" in postfix.mails(LEE)[0], "nobody has seen it work yet"
        (seen,) = loop_test(house)
        assert seen.seen_at is not None
        (house.root / "campaigns" / "moved.yaml").write_text(
            BROADCAST.replace("topic: news", "topic: other") + "edition: 2\n"
        )
    settings.write_text(settings.read_text().replace("contact_gap: 3 days", "contact_gap: 0 days"))
    with open_house(clinic.root) as house:
        send_now(house, "moved")
        second = next(raw for raw in postfix.mails(LEE) if b"hello+b." in raw)
        came_from = re.search(rb"Return-Path: <([^>]+)>", second)
        assert came_from is not None
        bounce(postfix, came_from[1].decode(), words="The mailbox of a reader is gone.")
        read_until(house, MailKind.BOUNCE)
        with house.store.read() as connection:
            (mail,) = inbound.latest(connection, mode=Mode.LIVE, kind=MailKind.BOUNCE, limit=1)
        assert mail.content is not None
        assert mail.content.matched_by == MatchedBy.SIGNED


def bounce(postfix: Postfix, to: str, *, words: str) -> None:
    """A failure notice of a server that repeats nothing of the mail: only its recipient tells which one it was."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Date"], mail["Message-ID"] = (
        "postmaster@club.example",
        to,
        formatdate(),
        make_msgid(),
    )
    mail["Subject"] = "Delivery failed"
    mail.set_content(f"Your message could not be delivered: {LEE}: 550 5.1.1 user unknown. {words}")
    with smtplib.SMTP("127.0.0.1", postfix.port) as server:
        server.sendmail("", [to], mail.as_bytes())
