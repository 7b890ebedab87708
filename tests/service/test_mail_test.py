"""`nurture send --test`: the real mail over the real account, to the clinic's own people, and no trace of it."""

import email
import email.policy
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import dkim
import pytest
import sqlalchemy as sa
import time_machine

from nurture.audience.imports import apply_import, diff_import, import_order
from nurture.audience.suppressing import suppress_by_hand
from nurture.clock import DrivenClock, SystemClock
from nurture.delivery.guard import refuse_copy, rise
from nurture.errors import CopyError, InputError, NotFoundError, SecretError, SenderError
from nurture.service.house import House, open_house
from nurture.service.mail_test import MailTest, send_test
from nurture.service.preview import preview
from nurture.service.signing import make_keys
from nurture.store import meta
from nurture.store.schema import metadata
from nurture.vocabulary import Category, Mode
from nurture.workspace.scaffold import Answers, init_workspace
from tests.servers.certificates import Certificate, make_certificate
from tests.servers.scripted_smtp import Mail, ScriptedSmtp, Step

T = TypeVar("T")
NOW = datetime(2026, 12, 1, 18, 0, tzinfo=UTC)
PASSWORD = "correct-horse-battery"
LOGIN = ("hello@clinic.example", PASSWORD)
MAYA, ROSA = "maya@clinic.example", "rosa@clinic.example"
CAMPAIGN = """\
topic: news
to: {category: [healthcare_provider, sports_club, past_patient]}
intent: give
purpose: own_service
"""
NEWSLETTER = """\
kind: newsletter
schedule: first tuesday at 09:30
content: {news: {audience: partners, unseen: true, max: 2}}
subject: "{{ news[0].title }} for {{ contact.greeting }}"
template: newsletter
"""
ONCE = """\
kind: broadcast
subject: We moved
template: announcement
body: We moved, {{ contact.first_name }}.
"""
NEWS = """\
---
title: The pool is open
summary: Warm water from Monday on.
date: 2026-11-28
audience: [partners]
variants:
  healthcare_provider: {title: Your patients may swim, body: Words for physicians.}
---
Come in.
"""
CONTACTS = """\
Email,First name,Last name,Category,Consent,Consent date,Consent source
lee@valley-ortho.example,Anna,Leeds,healthcare_provider,implied,2026-09-01,card
quill@home.example,Zenobia,Quill,past_patient,written,2026-09-01,form
"""


@dataclass
class Clinic:
    """A clinic on disk whose sender has an account at `server`, and its house."""

    root: Path
    server: ScriptedSmtp
    certificate: Certificate
    clock: DrivenClock | SystemClock

    def change(self, old: str, new: str) -> None:
        settings = self.root / "nurture.yaml"
        text = settings.read_text()
        assert old in text
        settings.write_text(text.replace(old, new))
        os.utime(settings, (1_700_000_000, 1_700_000_000 + len(new)))

    def campaign(self, old: str, new: str) -> None:
        file = self.root / "campaigns" / "pool.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def with_house(self, do: Callable[[House], T]) -> T:
        with open_house(self.root, clock=self.clock) as house:
            return do(house)

    def test(self, campaign: str = "pool", **more: str) -> MailTest:
        with open_house(self.root, clock=self.clock) as house:
            return send_test(house, campaign, **more)

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """Everything that the database holds."""
        with open_house(self.root, clock=self.clock) as house, house.store.read() as connection:
            return {
                table.name: sorted(map(repr, connection.execute(sa.select(table)))) for table in metadata.sorted_tables
            }

    def mode(self, mode: Mode) -> None:
        with open_house(self.root, clock=self.clock) as house, house.store.write() as connection:
            meta.set_mode(connection, mode, NOW)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def server(certificate: Certificate) -> Iterator[ScriptedSmtp]:
    with ScriptedSmtp(certificate=certificate, login=LOGIN) as server:
        yield server


def make_clinic(
    root: Path, database_url: str, server: ScriptedSmtp, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> Clinic:
    monkeypatch.setenv("TEST_SMTP_PASSWORD", PASSWORD)
    init_workspace(root, Answers(), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
    for path in [*(root / "news").glob("*.md"), root / "campaigns" / "partner-news.yaml"]:
        path.unlink()
    (root / "campaigns" / "pool.yaml").write_text(NEWSLETTER + CAMPAIGN)
    (root / "news" / "pool.md").write_text(NEWS)
    address = root.parent / "database-address"
    address.write_text(database_url)
    address.chmod(0o600)
    clinic = Clinic(root, server, certificate, DrivenClock(NOW))
    account = (
        f"    smtp: {{host: 127.0.0.1, port: {server.port}, username: {LOGIN[0]}, password: env:TEST_SMTP_PASSWORD, "
        f"ca_file: {certificate.authority}}}\n"
    )
    clinic.change("    # smtp:", f"{account}    # smtp:")
    settings = root / "nurture.yaml"
    settings.write_text(f"database: file:{address}\ntest_recipients: [{MAYA}, {ROSA}]\n{settings.read_text()}")
    contacts = root / "data" / "contacts.csv"
    contacts.write_text(CONTACTS)
    with open_house(root, clock=clinic.clock) as house:
        order = import_order(house.workspace, contacts, categories=frozenset())
        diff = diff_import(house.store, house.workspace, order, now=NOW)
        apply_import(house.store, order, diff, now=NOW)
    return clinic


@pytest.fixture
def clinic(
    tmp_path: Path,
    new_sqlite_url: str,
    server: ScriptedSmtp,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> Clinic:
    return make_clinic(tmp_path / "clinic", new_sqlite_url, server, certificate, monkeypatch)


def read(mail: Mail) -> tuple[email.message.EmailMessage, str]:
    """The mail, and all that a reader can see or follow in it."""
    message = email.message_from_bytes(mail.raw, policy=email.policy.default)
    parts = [part.get_content() for part in message.walk() if part.get_content_type().startswith("text/")]
    return message, "\n".join(parts)


@pytest.mark.parametrize("mode", list(Mode))
def test_real_mail_leaves_in_either_mode_and_nothing_is_kept(
    tmp_path: Path,
    database_url: str,
    server: ScriptedSmtp,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
    mode: Mode,
) -> None:
    clinic = make_clinic(tmp_path / "clinic", database_url, server, certificate, monkeypatch)
    clinic.mode(mode)
    before = clinic.rows()
    done = clinic.test()
    assert done.all_taken, done
    assert server.recipients() == [MAYA] * 3 + [ROSA] * 3
    assert {mail.envelope_from for mail in server.mails} == {"hello@clinic.example"}
    assert any(command.startswith("AUTH") for command in server.commands)
    assert clinic.rows() == before
    assert not (clinic.root / "data" / "sandbox").exists(), "the sandbox has no part in it"


def test_each_variant_says_what_its_readers_would_read(clinic: Clinic) -> None:
    done = clinic.test(to=MAYA)
    assert [(mail.subject, mail.variants) for mail in done.mails] == [
        ("[TEST] Your patients may swim for Dr. Lee", (Category.HEALTHCARE_PROVIDER,)),
        ("[TEST] The pool is open for Dr. Lee", (Category.SPORTS_CLUB,)),
        ("[TEST] The pool is open for Maria", (Category.PAST_PATIENT,)),
    ]
    for told, mail in zip(done.mails, clinic.server.mails, strict=True):
        message, _ = read(mail)
        assert (message["Subject"], message["Message-ID"]) == (told.subject, told.message_id)
        assert message["To"] == MAYA
        assert told.answer == "250 2.0.0 queued as TEST"


def test_it_is_the_mail_of_preview_but_for_mark_reader_and_links(clinic: Clinic) -> None:
    previewed = clinic.with_house(lambda house: preview(house, "pool", address="lee@valley-ortho.example").message)
    clinic.test(to=MAYA, reader="lee@valley-ortho.example")
    (mail,) = clinic.server.mails
    message, _ = read(mail)
    real = email.message_from_bytes(previewed.raw, policy=email.policy.default)
    differ = {"Message-ID", "Date", "To", "Subject", "List-Unsubscribe"}
    assert list(message.keys()) == list(real.keys())
    assert all(message[name] == real[name] for name in real if name not in {*differ, "Content-Type"})
    inert = message["List-Unsubscribe"].strip(" <>")
    text = message.get_body(("plain",)).get_content()
    assert text.replace(inert, "mailto:hello@clinic.example?subject=STOP").splitlines() == previewed.text.splitlines()
    assert message["Subject"] == f"[TEST] {real['Subject']}"


def test_no_link_of_it_acts_on_anybody(clinic: Clinic) -> None:
    clinic.test(to=MAYA)
    for mail in clinic.server.mails:
        message, seen = read(mail)
        assert "List-Unsubscribe-Post" not in message
        assert message["List-Unsubscribe"].strip().startswith("<mailto:hello@clinic.example?subject=TEST")
        assert "subject=STOP" not in seen
        assert "subject=TEST%20mail%3A%20this%20link%20does%20nothing" in seen


def test_nobody_real_stands_in_it_unless_asked_for(clinic: Clinic) -> None:
    clinic.test()
    private = ("Zenobia", "Quill", "quill@", "Anna", "Leeds", "lee@valley")
    for mail in clinic.server.mails:
        message, seen = read(mail)
        assert not [word for word in private if word in seen + message.as_string()]
    done = clinic.test(to=ROSA, reader="quill@home.example")
    (mail,) = done.mails
    assert mail.variants == (Category.PAST_PATIENT,)
    message, seen = read(clinic.server.mails[-1])
    assert "Zenobia" in seen
    assert "Quill" not in message["To"], "no stranger's name beside the tester's address"


def test_a_campaign_that_names_no_category_is_tested_for_the_people_it_is_for(clinic: Clinic) -> None:
    clinic.campaign("to: {category: [healthcare_provider, sports_club, past_patient]}", "to: {tag: {not: vip}}")
    done = clinic.test(to=MAYA)
    assert [mail.variants for mail in done.mails] == [(Category.HEALTHCARE_PROVIDER,), (Category.PAST_PATIENT,)]


def test_categories_whose_mails_read_the_same_share_one(clinic: Clinic) -> None:
    clinic.campaign(NEWSLETTER, ONCE)
    done = clinic.test(to=MAYA)
    assert [mail.variants for mail in done.mails] == [
        (Category.HEALTHCARE_PROVIDER, Category.SPORTS_CLUB),
        (Category.PAST_PATIENT,),
    ]


def test_it_is_signed_as_real_mail_is(clinic: Clinic) -> None:
    keys = clinic.with_house(
        lambda house: make_keys(house.root, house.workspace.settings, domain=None, selector="t", now=NOW)
    )
    written = ", ".join(f"{{selector: {key.record.name.partition('.')[0]}, key: '{key.key}'}}" for key in keys)
    clinic.change("    # dkim: ...", f"    dkim: [{written}]\n    # dkim: ...")
    done = clinic.test(to=MAYA)
    assert set(done.signed_by) == {key.record.name for key in keys}
    zone = {f"{key.record.name}.".encode(): key.record.value.encode() for key in keys}
    for mail in clinic.server.mails:
        checked = dkim.DKIM(mail.raw)
        with time_machine.travel(NOW):
            assert [checked.verify(number, dnsfunc=lambda name, timeout=5: zone[name]) for number in (0, 1)] == [
                True
            ] * 2


def test_only_to_test_recipients(clinic: Clinic) -> None:
    with pytest.raises(InputError, match=r"lee@valley-ortho\.example is none of the test_recipients .*maya@"):
        clinic.test(to="lee@valley-ortho.example")
    assert clinic.test(to="MAYA@clinic.example").mails[0].to == MAYA
    clinic.change(f"test_recipients: [{MAYA}, {ROSA}]\n", "")
    with pytest.raises(InputError, match=r"nobody gets test mails yet; write your own address into nurture\.yaml"):
        clinic.test()


def test_a_suppressed_recipient_gets_none_and_the_others_do(clinic: Clinic) -> None:
    clinic.with_house(lambda house: suppress_by_hand(house.store, house.workspace, address=MAYA, now=NOW))
    before = clinic.rows()
    done = clinic.test()
    assert set(clinic.server.recipients()) == {ROSA}
    assert not done.all_taken
    (refused,) = [mail for mail in done.mails if not mail.taken]
    assert (refused.to, refused.message_id) == (MAYA, None)
    assert "suppressed (manual)" in refused.answer
    assert "nurture contacts lift maya@clinic.example" in refused.advice
    assert clinic.rows() == before


def test_a_suppressed_domain_counts_too(clinic: Clinic) -> None:
    clinic.with_house(lambda house: suppress_by_hand(house.store, house.workspace, domain="clinic.example", now=NOW))
    assert [mail.taken for mail in clinic.test().mails] == [False, False]
    assert clinic.server.sessions == 0


def test_without_an_account_it_says_what_to_write(clinic: Clinic) -> None:
    text = (clinic.root / "nurture.yaml").read_text()
    (account,) = [line for line in text.splitlines(keepends=True) if line.startswith("    smtp:")]
    clinic.change(account, "")
    with pytest.raises(
        SenderError, match=r"has no mail account; .* senders\.main\.smtp in nurture\.yaml: `smtp: \{host: "
    ):
        clinic.test()


def test_a_wrong_password(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SMTP_PASSWORD", "wrong-horse")
    before = clinic.rows()
    with pytest.raises(
        SenderError, match=r"refuses the login .*535.*Check senders\.main\.smtp\.username .*app pass"
    ) as no:
        clinic.test()
    assert "wrong-horse" not in str(no.value)
    assert clinic.rows() == before
    monkeypatch.delenv("TEST_SMTP_PASSWORD")
    with pytest.raises(SecretError, match="TEST_SMTP_PASSWORD is not set"):
        clinic.test()


def test_a_certificate_that_does_not_hold(clinic: Clinic) -> None:
    clinic.change(f", ca_file: {clinic.certificate.authority}", "")
    with pytest.raises(SenderError, match=r"certificate of .* does not hold .*check the host name, or .*ca_file"):
        clinic.test()
    assert clinic.server.mails == []


def test_tls_of_the_wrong_kind(clinic: Clinic) -> None:
    clinic.change("ca_file:", "tls: implicit, ca_file:")
    with pytest.raises(SenderError, match="`tls: implicit` goes with port 465, `starttls` with 587"):
        clinic.test()


def test_nobody_listens(clinic: Clinic) -> None:
    with ScriptedSmtp() as gone:
        pass
    clinic.change(f"port: {clinic.server.port}", f"port: {gone.port}")
    with pytest.raises(SenderError, match=r"cannot be reached.*Check senders\.main\.smtp\.host and port"):
        clinic.test()


@pytest.mark.parametrize(
    ("command", "answer", "advice"),
    [
        ("MAIL", "553 5.7.1 sender address rejected: not owned by user", "may not send as hello@clinic.example"),
        ("RCPT", "550 5.1.1 no such user", "correct it under test_recipients"),
        ("RCPT", "554 5.7.1 relay access denied", "does it want a login"),
        ("RCPT", "450 4.2.0 greylisted", "try again in some minutes"),
        ("BODY", "554 5.7.1 spam", "refused for what it says or who signed it"),
    ],
)
def test_a_no_is_told_with_what_to_do_and_the_others_go_on(
    clinic: Clinic, command: str, answer: str, advice: str
) -> None:
    clinic.server.on(command, Step(answer))
    before = clinic.rows()
    done = clinic.test(to=MAYA)
    assert [mail.taken for mail in done.mails] == [False, True, True]
    assert done.mails[0].answer == answer
    assert advice in done.mails[0].advice
    assert len(clinic.server.mails) == 2
    assert clinic.rows() == before


def test_a_connection_that_is_lost_after_the_body_is_no_yes(clinic: Clinic) -> None:
    clinic.server.on("BODY", Step(None, cut=True, keep=True))
    done = clinic.test(to=MAYA)
    assert [mail.taken for mail in done.mails] == [False, True, True], "the others go over a new session"
    assert "look into the mailbox" in done.mails[0].advice


def test_the_account_s_limit_of_a_day_holds_for_tests_too(clinic: Clinic) -> None:
    clinic.change("    # dkim: ...", "    limits: {per_day: 2}\n    # dkim: ...")
    done = clinic.test(to=MAYA)
    assert [mail.taken for mail in done.mails] == [True, True, False]
    assert done.mails[2].answer == "the sender's limit is reached; the next mail may leave on Wed Dec 02 at 00:00"
    rows = clinic.rows()
    assert len(rows["pace"]) == 1, "the day's count of the real account"
    assert not rows["attempt"]


def test_a_minute_s_limit_is_waited_for(clinic: Clinic) -> None:
    clinic.change("    # dkim: ...", "    limits: {per_minute: 60}\n    # dkim: ...")
    clinic.clock = SystemClock()
    clinic.campaign(NEWSLETTER, ONCE)
    clinic.test()  # 6 mails at once are all that the bucket holds
    assert clinic.test(to=MAYA).all_taken


def test_a_warm_up_that_begins_later_keeps_no_test_back(clinic: Clinic) -> None:
    clinic.change("    # dkim: ...", "    limits: {warm_up: {from: 2027-01-11}}\n    # dkim: ...")
    assert clinic.test(to=MAYA).all_taken


def test_without_news_or_reader_nothing_is_sent(clinic: Clinic) -> None:
    (clinic.root / "news" / "pool.md").unlink()
    with pytest.raises(InputError, match="has no news to carry now"):
        clinic.test()
    clinic.campaign(NEWSLETTER, ONCE)
    with pytest.raises(NotFoundError, match="no contact with the address"):
        clinic.test(reader="stranger@x.example")


def test_a_restored_copy_may_send_tests(clinic: Clinic) -> None:
    def go_on(house: House) -> Path:
        rise(house.store, house.workspace.settings.zone, NOW)
        assert house.store.path is not None
        return house.store.path

    clinic.mode(Mode.LIVE)
    database = clinic.with_house(go_on)
    older = database.read_bytes()
    clinic.with_house(go_on)
    for beside in ("-wal", "-shm"):
        database.with_name(database.name + beside).unlink(missing_ok=True)
    database.write_bytes(older)
    with pytest.raises(CopyError):
        clinic.with_house(lambda house: refuse_copy(house.store, house.workspace.settings.zone))
    assert clinic.test(to=MAYA).all_taken
