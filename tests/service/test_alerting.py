"""Alerts reach people outside: by mail over any sender that works, and by the clinic's own program; each once."""

import email
import email.policy
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from nurture.clock import DrivenClock
from nurture.delivery.settling import SenderStop
from nurture.service.alerting import AlertTeller, run_alert_command
from nurture.service.house import House, open_house
from nurture.store import alerts, meta
from nurture.vocabulary import AlertKind, Mode
from nurture.workspace.scaffold import Answers, init_workspace
from tests.servers.scripted_smtp import ScriptedSmtp, Step

NOW = datetime(2026, 12, 1, 18, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
OWNER, ROSA = "owner@clinic.example", "rosa@clinic.example"


@dataclass
class Clinic:
    """A live clinic with two senders: `first` at one server, `second` at another."""

    root: Path
    first: ScriptedSmtp
    second: ScriptedSmtp
    clock: DrivenClock

    def configure(self, **settings: object) -> None:
        file = self.root / "nurture.yaml"
        written = YAML(typ="safe").load(file.read_text())
        file.write_text(json.dumps(written | settings, default=str))  # JSON is YAML
        os.utime(file, (1_700_000_000, 1_700_000_000 + len(settings)))

    def do(self, what: Callable[[House], object]) -> None:
        with open_house(self.root, clock=self.clock) as house:
            what(house)

    def alarm(self, kind: AlertKind = AlertKind.EDITION_HELD, subject: str = "news@1", words: str = "3 of 40") -> None:
        def write(house: House) -> None:
            with house.store.write() as connection:
                alerts.raise_alert(connection, kind, subject, words, self.clock.now())

        self.do(write)

    def mend(self, kind: AlertKind = AlertKind.EDITION_HELD, subject: str = "news@1") -> None:
        def write(house: House) -> None:
            with house.store.write() as connection:
                assert alerts.resolve_alert(connection, kind, subject, self.clock.now())

        self.do(write)

    def tell(self, after: timedelta = timedelta(0)) -> list[str]:
        """A new process tells, so much later; the subjects of the mails that arrived then, each with who got it."""
        self.clock.advance(after)
        before = len(self.first.mails), len(self.second.mails)
        self.do(lambda house: AlertTeller(house).tell())
        return [
            f"{mail['To']} {mail['Subject']}"
            for server, known in zip((self.first, self.second), before, strict=True)
            for mail in map(parsed, server.mails[known:])
        ]


def parsed(mail) -> EmailMessage:
    return email.message_from_bytes(mail.raw, policy=email.policy.default)


@pytest.fixture
def clinic(tmp_path: Path, database_url: str) -> Iterator[Clinic]:
    root = tmp_path / "clinic"
    init_workspace(root, Answers(), now=NOW - 10 * HOUR)
    with ScriptedSmtp() as first, ScriptedSmtp() as second:
        made = Clinic(root, first, second, DrivenClock(NOW))
        address = tmp_path / "database-address"
        address.write_text(database_url)
        address.chmod(0o600)
        senders = {
            name: {
                "name": f"Clinic {name}",
                "address": f"{name}@clinic.example",
                "smtp": {"host": "127.0.0.1", "port": server.port, "tls": "none"},
            }
            for name, server in (("first", first), ("second", second))
        }
        made.configure(database=f"file:{address}", senders=senders, test_recipients=[OWNER])

        def live(house: House) -> None:
            with house.store.write() as connection:
                meta.set_mode(connection, Mode.LIVE, NOW)

        made.do(live)
        yield made


HELD = f"{OWNER} nurture: edition held (news@1)"


def test_an_alert_that_stands_is_mailed_once(clinic: Clinic) -> None:
    clinic.alarm(words="5 of 40 addresses do not exist. nurture approve news@1 lets it go on")
    assert clinic.tell(MINUTE) == [], "it may end by itself"
    assert clinic.tell(MINUTE) == [HELD]
    assert clinic.tell(48 * HOUR) == []
    mail = parsed(clinic.first.mails[0])
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["From"] == "Clinic first <first@clinic.example>"
    assert mail["List-Unsubscribe"] is None
    text = mail.get_content()
    assert "edition held (news@1): 5 of 40 addresses do not exist. nurture approve news@1 lets it go on" in text
    assert "since Tue 2026-12-01 10:00" in text  # as the clinic's clock shows it
    assert "nurture alerts" in text


def test_nobodys_name_and_no_servers_words_leave_the_house(clinic: Clinic) -> None:
    clinic.alarm(AlertKind.SENDER_STOPPED, "second", "550 no mail for anna.leeds@home.example, Anna Leeds moved")
    clinic.alarm(AlertKind.JOB_FAILED, "plan", "contact 17, Anna Leeds, cannot be read")
    assert clinic.tell(2 * MINUTE) == [f"{OWNER} nurture: sender stopped (second) and 1 more"]
    raw = clinic.first.mails[0].raw.decode().lower()
    assert "leeds" not in raw
    assert "sender stopped (second)" in raw
    assert "job failed (plan)" in raw


def test_what_ends_before_anybody_is_told_is_not_told(clinic: Clinic) -> None:
    clinic.alarm()
    clinic.clock.advance(MINUTE)
    clinic.mend()
    assert clinic.tell(2 * MINUTE) == []


def test_one_that_comes_back_is_mailed_again_but_a_flapping_one_only_after_a_while(clinic: Clinic) -> None:
    clinic.alarm()
    assert clinic.tell(2 * MINUTE) == [HELD]
    for _ in range(3):  # in the next hour and a half
        clinic.mend()
        clinic.clock.advance(15 * MINUTE)
        clinic.alarm()
        assert clinic.tell(15 * MINUTE) == []
    # six hours after the first mail, and it still stands
    assert clinic.tell(timedelta(hours=4, minutes=29)) == []
    assert clinic.tell(MINUTE) == [HELD]


def test_at_most_so_many_mails_a_day(clinic: Clinic) -> None:
    clinic.configure(alerts={"to": [OWNER, ROSA], "mails_a_day": 2})
    told = []
    for number in range(4):
        clinic.alarm(subject=f"news@{number}")
        told.append(clinic.tell(HOUR))
    assert [len(mails) for mails in told] == [2, 2, 0, 0], "to each of two people"
    later = clinic.tell(22 * HOUR)
    assert later == [f"{to} nurture: edition held (news@2) and 1 more" for to in (OWNER, ROSA)], "nothing is forgotten"


def test_in_the_sandbox_no_mail_leaves(clinic: Clinic) -> None:
    def back(house: House) -> None:
        with house.store.write() as connection:
            meta.set_mode(connection, Mode.SANDBOX, NOW)

    clinic.do(back)
    clinic.alarm()
    assert clinic.tell(HOUR) == []
    assert clinic.first.sessions == 0


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("CONNECT", "554 5.7.1 your address is on a list"),
        ("MAIL", "550 5.7.1 you may not send as this"),
        ("RCPT", "450 4.7.1 later"),
        ("BODY", "554 5.7.1 this looks like spam"),
    ],
)
def test_where_one_sender_is_refused_another_one_tells(clinic: Clinic, command: str, answer: str) -> None:
    clinic.first.on(command, Step(answer, always=True))
    clinic.alarm()
    assert clinic.tell(2 * MINUTE) == [HELD]
    assert [parsed(mail)["From"] for mail in clinic.second.mails] == ["Clinic second <second@clinic.example>"]


def test_a_sender_that_is_stopped_is_not_dialed_to_say_so(clinic: Clinic) -> None:
    def stop(house: House) -> None:
        with house.store.write() as connection:
            SenderStop(Mode.LIVE, "first", "535 5.7.8 wrong password", outage=False, now=NOW).write(connection)

    clinic.do(stop)
    assert clinic.tell(2 * MINUTE) == [f"{OWNER} nurture: sender stopped (first)"]
    assert (clinic.first.sessions, len(clinic.second.mails)) == (0, 1)


def test_what_nobody_takes_is_shown_and_tried_again_later(clinic: Clinic) -> None:
    for server in (clinic.first, clinic.second):
        server.on("MAIL", Step("451 4.3.0 later", always=True))
    clinic.alarm()
    clinic.clock.advance(2 * MINUTE)
    with open_house(clinic.root, clock=clinic.clock) as house:
        teller = AlertTeller(house)
        teller.tell()
        dialed = clinic.first.sessions
        clinic.clock.advance(5 * MINUTE)
        teller.tell()
        assert clinic.first.sessions == dialed, "a server that refuses is left alone for a while"
        for server in (clinic.first, clinic.second):
            server.forget_steps()
        clinic.clock.advance(5 * MINUTE)
        teller.tell()
    assert [parsed(mail)["Subject"] for mail in clinic.first.mails] == ["nurture: edition held (news@1)"]


# -- the clinic's own program

RINGS = "import json, sys; alert = json.load(sys.stdin); open(sys.argv[1], 'a').write(json.dumps(alert) + '\\n')"


def test_the_command_gets_each_alert_once_in_the_sandbox_too(clinic: Clinic, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    clinic.configure(alert_command=[sys.executable, "-c", RINGS, str(heard)], test_recipients=[])
    clinic.alarm()
    clinic.alarm(AlertKind.JOB_FAILED, "plan", "Anna Leeds cannot be read")
    clinic.tell(2 * MINUTE)
    clinic.tell(HOUR)
    told = [json.loads(line) for line in heard.read_text().splitlines()]
    assert [(alert["kind"], alert["subject"], alert["words"]) for alert in told] == [
        ("edition_held", "news@1", "edition held (news@1): 3 of 40"),
        ("job_failed", "plan", "job failed (plan)"),
    ]
    assert told[0]["raised_at"] == NOW.isoformat()


ALERT = alerts.Alert(7, AlertKind.EDITION_HELD, "news@1", "3 of 40", NOW, NOW)


def test_its_exit_code_is_logged_and_a_failure_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nurture")
    assert run_alert_command([sys.executable, "-c", "raise SystemExit(3)"], ALERT, cwd=tmp_path) == 3
    assert run_alert_command(["/nowhere/ring"], ALERT, cwd=tmp_path) is None
    assert run_alert_command(["true"], ALERT, cwd=tmp_path) == 0
    assert caplog.messages == [
        "alert_command ended with 3",
        "alert_command /nowhere/ring cannot be started: No such file or directory",
        "alert_command ended with 0",
    ]


def test_no_shell_reads_it_and_no_secret_is_in_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NURTURE_SMTP_PASSWORD", "correct-horse")
    shows = "import os, sys; open('seen', 'w').write(' '.join(sys.argv[1:]) + ' ' + ' '.join(os.environ))"
    assert run_alert_command([sys.executable, "-c", shows, "$HOME; touch here"], ALERT, cwd=tmp_path) == 0
    seen = (tmp_path / "seen").read_text()
    assert seen.startswith("$HOME; touch here ")
    assert "PATH" in seen
    assert "NURTURE" not in seen
    assert not (tmp_path / "here").exists()


def test_one_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    hangs = (
        "import subprocess, time; child = subprocess.Popen(['sleep', '600']).pid; "
        "open('child', 'w').write(str(child)); time.sleep(600)"
    )
    began = time.monotonic()
    assert run_alert_command([sys.executable, "-c", hangs], ALERT, cwd=tmp_path, seconds=3) is None
    assert time.monotonic() - began < 60
    child = int((tmp_path / "child").read_text())
    # killed with it; whoever inherits it may take a moment to notice
    assert not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().rpartition(")")[2][:3]


def test_strangers_mails_do_not_use_up_the_alerts_of_a_day(clinic: Clinic) -> None:
    for number in range(8):
        clinic.alarm(AlertKind.LEAVE_UNPROVEN, f"mail {number}")
        clinic.tell(3 * MINUTE)
    assert len(clinic.first.mails) == 1, "what anybody can cause is told once a day"
    clinic.alarm()
    assert clinic.tell(3 * MINUTE) == [HELD]
    assert clinic.tell(24 * HOUR) == [f"{OWNER} nurture: leave unproven (mail 1) and 6 more"]
