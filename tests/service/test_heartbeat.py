"""A mailbox that falls silent is asked; editions wait until mail comes in again, and go on by themselves."""

import os
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from nurture.clock import DrivenClock
from nurture.delivery import control
from nurture.errors import SenderError
from nurture.inbox.heartbeat import Beat
from nurture.sandbox.server import SandboxServer
from nurture.service.heartbeat import keep_watch
from nurture.service.house import open_house
from nurture.service.inbox import read_mailbox
from nurture.service.running import jobs
from nurture.service.sending import send_now
from nurture.store import alerts, heartbeat, meta
from nurture.store.jobs import job_started
from nurture.store.schema import edition
from nurture.vocabulary import NO_MAIL_COMES, AlertKind, Mode
from tests.service.conftest import DUE

START = DUE - timedelta(days=9)
MAIL = b"From: Dr. Lee <lee@x.example>\r\nSubject: %d\r\nMessage-ID: <%d@x.example>\r\n\r\nHello\r\n"


class Clinic:
    """A live clinic whose mail server delivers into the Maildir that it reads; all by one driven clock."""

    def __init__(self, house, answers):
        self.house, self.answers, self._mails = house, answers, 0
        self._dated = set()

    def at(self, when):
        """The loop looks into the mailbox, then the heartbeat beats."""
        self.house.clock.move_to(when)
        self.read()
        return keep_watch(self.house)

    def read(self):
        now = self.house.clock.now()
        for file in (self.answers / "new").glob("*"):
            if file.name not in self._dated:
                os.utime(file, (now.timestamp(), now.timestamp()))  # it arrived by the driven clock
                self._dated.add(file.name)
        read_mailbox(self.house)
        with self.house.store.write() as connection:
            job_started(connection, jobs.MAILBOX, "loop", now)

    def somebody_writes(self):
        self._mails += 1
        (self.answers / "new" / f"{self._mails}.a.b").write_bytes(MAIL % (self._mails, self._mails))

    def probes(self):
        texts = [file.read_text() for file in (self.answers / "new").glob("*")]
        return [text for text in texts if "nurture looks whether mail arrives" in text]

    def lose_probes(self):
        for file in (self.answers / "new").glob("*"):
            if "nurture looks" in file.read_text():
                file.unlink()

    def plan(self):
        self.house.clock.move_to(max(self.house.clock.now(), DUE + timedelta(minutes=1)))
        jobs.plan(self.house)
        return self.held()

    def held(self):
        with self.house.store.read() as connection:
            because = sa.select(edition.c.held_because).where(edition.c.mode == Mode.LIVE)
            return connection.execute(because).scalar_one()

    def alerts(self):
        with self.house.store.read() as connection:
            return [alert.message for alert in alerts.open_alerts(connection) if alert.kind is AlertKind.MAILBOX_SILENT]


@pytest.fixture
def mode():
    return Mode.LIVE


@pytest.fixture
def mailbox():
    return "mailbox: {maildir: data/answers, folders: [INBOX, Sent]}\n"


@pytest.fixture
def clinic(workspace, mode, mailbox):
    answers = workspace / "data" / "answers"
    server = SandboxServer(answers)
    port = server.start()
    (answers / ".Sent" / "cur").mkdir(parents=True)
    (answers / ".Sent" / "new").mkdir()
    settings = workspace / "nurture.yaml"
    smtp = f'    address: "hello@clinic.example"\n    smtp: {{host: 127.0.0.1, port: {port}, tls: none}}\n'
    text = settings.read_text()
    assert '    address: "hello@clinic.example"\n' in text
    settings.write_text(text.replace('    address: "hello@clinic.example"\n', smtp, 1) + mailbox + "approve: never\n")
    os.utime(settings, (1_700_000_000, 1_700_000_000))
    with open_house(workspace, clock=DrivenClock(START)) as house:
        with house.store.write() as connection:
            meta.set_mode(connection, mode, START)
        jobs.plan(house)  # the broadcast is known from here on
        yield Clinic(house, answers)
    server.stop()


def test_our_own_mail_comes_round_and_nothing_waits(clinic):
    assert clinic.at(START) is Beat.WELL
    assert clinic.at(START + timedelta(days=6)) is Beat.WELL
    assert clinic.probes() == []
    asked = START + timedelta(days=7)
    assert clinic.at(asked) is Beat.ASKED
    (probe,) = clinic.probes()
    assert "Auto-Submitted: auto-generated" in probe
    assert clinic.at(asked + timedelta(minutes=2)) is Beat.WELL
    assert clinic.at(asked + timedelta(days=2)) is Beat.WELL
    assert (clinic.plan(), clinic.alerts(), len(clinic.probes())) == (None, [], 1)


def test_any_mail_counts_for_a_week_whoever_wrote_it(clinic):
    clinic.at(START)
    clinic.somebody_writes()
    clinic.at(START + timedelta(days=3))
    assert clinic.at(START + timedelta(days=9)) is Beat.WELL
    assert clinic.at(START + timedelta(days=10)) is Beat.ASKED


def test_the_next_edition_waits_until_our_own_mail_came_round(clinic):
    clinic.at(START)
    clinic.house.clock.move_to(DUE)
    assert clinic.at(DUE) is Beat.ASKED
    assert "no mail comes into the mailbox" in clinic.plan()
    assert clinic.alerts() == [], "an hour of patience"
    assert clinic.at(DUE + timedelta(minutes=3)) is Beat.WELL
    assert clinic.held() is None


def test_a_lost_mail_holds_what_runs_and_tells(clinic):
    clinic.at(START)
    clinic.somebody_writes()
    clinic.at(START + timedelta(days=8))
    assert clinic.plan() is None
    silent = START + timedelta(days=15)
    clinic.at(silent)
    clinic.lose_probes()
    assert (clinic.held(), clinic.at(silent + timedelta(minutes=59))) == (None, Beat.ASKED)
    assert clinic.at(silent + timedelta(hours=1)) is Beat.SILENT
    assert "no mail comes into the mailbox" in clinic.held()
    (words,) = clinic.alerts()
    assert "nurture approve EDITION" in words
    clinic.somebody_writes()
    assert clinic.at(silent + timedelta(hours=2)) is Beat.WELL
    assert (clinic.held(), clinic.alerts()) == (None, [])


def test_what_a_person_approved_goes_on(clinic):
    clinic.at(START)
    clinic.at(START + timedelta(days=7))
    clinic.lose_probes()
    clinic.at(START + timedelta(days=7, hours=1))
    assert clinic.plan() is not None
    with clinic.house.store.read() as connection:
        number = connection.scalar(sa.select(edition.c.id).where(edition.c.mode == Mode.LIVE))
    assert control.approve_edition(clinic.house.store, number, by="maya", now=clinic.house.clock.now())
    clinic.lose_probes()
    assert clinic.at(DUE + timedelta(minutes=10)) is Beat.SILENT
    assert clinic.held() is None


def test_whoever_sends_by_hand_is_told_that_it_waits(clinic):
    clinic.at(START)
    clinic.at(START + timedelta(days=7))
    clinic.lose_probes()
    clinic.at(START + timedelta(days=7, hours=1))
    done = send_now(clinic.house, "moved")
    assert (done.account.sent, done.held) == (0, NO_MAIL_COMES)


def test_what_a_person_held_stays_held(clinic):
    clinic.at(START)
    clinic.somebody_writes()
    clinic.at(START + timedelta(days=8))
    clinic.plan()
    with clinic.house.store.read() as connection:
        number = connection.scalar(sa.select(edition.c.id).where(edition.c.mode == Mode.LIVE))
    control.hold_edition(clinic.house.store, number, by="maya", now=clinic.house.clock.now())
    later = START + timedelta(days=16)
    clinic.at(later)
    clinic.lose_probes()
    assert clinic.at(later + timedelta(hours=1)) is Beat.SILENT
    clinic.somebody_writes()
    assert clinic.at(later + timedelta(hours=2)) is Beat.WELL
    assert clinic.held() == "by maya"


def test_a_copy_in_the_sent_folder_is_no_mail_that_came_in(clinic):
    clinic.at(START)
    clinic.at(START + timedelta(days=7))
    (file,) = (clinic.answers / "new").glob("*")
    file.rename(clinic.answers / ".Sent" / "new" / file.name)
    assert clinic.at(START + timedelta(days=7, hours=1)) is Beat.SILENT


def test_a_mailbox_that_cannot_be_read_holds_after_an_hour(clinic):
    clinic.at(START)
    failed = START + timedelta(days=1)
    with clinic.house.store.write() as connection:
        alerts.raise_alert(connection, AlertKind.JOB_FAILED, jobs.MAILBOX, "LOGIN refused", failed)
    assert clinic.at(failed + timedelta(minutes=30)) is Beat.WELL
    assert clinic.at(failed + timedelta(hours=1)) is Beat.UNREADABLE
    assert "cannot be read" in clinic.alerts()[0]
    assert "cannot be read" in clinic.plan()
    with clinic.house.store.write() as connection:
        alerts.resolve_alert(connection, AlertKind.JOB_FAILED, jobs.MAILBOX, failed)
    clinic.somebody_writes()
    assert clinic.at(DUE + timedelta(hours=1)) is Beat.WELL
    assert (clinic.held(), clinic.alerts()) == (None, [])


def test_a_probe_that_cannot_leave_keeps_the_next_edition_waiting(clinic, workspace):
    clinic.at(START)
    settings = workspace / "nurture.yaml"
    settings.write_text(settings.read_text().replace("host: 127.0.0.1, port: ", "host: 127.0.0.1, port: 1, ca_file: p"))
    with pytest.raises(SenderError):
        clinic.at(START + timedelta(days=7))
    assert clinic.plan() is not None


@pytest.mark.parametrize("mailbox", ["mailbox: none\nreplies_read_by: maya\nstaff: {maya: {name: Maya}}\n", ""])
def test_without_a_mailbox_nothing_is_watched(clinic):
    clinic.house.clock.move_to(START + timedelta(days=30))
    assert keep_watch(clinic.house) is None
    assert clinic.probes() == []


@pytest.mark.parametrize("mode", [Mode.SANDBOX])
def test_the_sandbox_has_no_heartbeat(clinic):
    clinic.at(START)
    assert clinic.at(START + timedelta(days=30)) is None
    assert clinic.probes() == []


def test_who_takes_the_mailbox_out_of_the_settings_holds_nothing(clinic, workspace):
    clinic.at(START)
    clinic.at(START + timedelta(days=7))
    assert clinic.plan() is not None
    settings = workspace / "nurture.yaml"
    settings.write_text(settings.read_text().replace("mailbox: {", "# mailbox: {"))
    assert keep_watch(clinic.house) is None
    assert clinic.held() is None


def test_an_older_mail_takes_nothing_back(store):
    at = datetime.fromisoformat("2026-12-01T10:00:00+00:00")
    with store.write() as connection:
        heartbeat.heard(connection, "a", at)
        heartbeat.heard(connection, "a", at - timedelta(days=3))
        assert heartbeat.look(connection, "a", job="mailbox", now=at).heard_at == at
