"""The owner sees each live edition a day before, once for each content, and may have the last word."""

import email
import email.policy
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.audience.suppressing import suppress_by_hand
from nurture.clock import DrivenClock
from nurture.delivery import control
from nurture.delivery.event_loop import run_async
from nurture.delivery.guard import rise
from nurture.errors import FilesError, InputError, NotFoundError
from nurture.reports.accounts import accounts
from nurture.reports.status import status
from nurture.reports.why import why
from nurture.service import approving, jobs
from nurture.service.delivering import open_worker
from nurture.service.edition_notices import send_notices
from nurture.service.house import House, open_house
from nurture.service.notice_preview import preview_notice
from nurture.store import editions, meta, notices, way_out
from nurture.store.alerts import open_alerts
from nurture.store.editions import EditionId, EditionRow
from nurture.store.schema import attempt, delivery, event
from nurture.vocabulary import WAITS_FOR_APPROVAL, AlertKind, EditionState, Mode
from tests.servers.scripted_smtp import Mail, ScriptedSmtp, Step
from tests.service.conftest import DUE, PEOPLE

MAYA, ROSA = "maya@clinic.example", "rosa@clinic.example"
NAME = EditionId("moved", "1")
DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
LONG_AGO = (1_700_000_000, 1_700_000_000)


class Clinic:
    """A live clinic whose broadcast goes to 120 people on Tuesday at 10:00, and the mail server of its account."""

    def __init__(self, root: Path, server: ScriptedSmtp, clock: DrivenClock, open_one: Callable[[], House]) -> None:
        self.root = root
        self.server = server
        self.clock = clock
        self.open_one = open_one
        self.house = open_one()

    def at(self, before: timedelta) -> None:
        """So long before the edition's time."""
        self.clock.move_to(DUE - before)

    def change(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        os.utime(path, (LONG_AGO[0], LONG_AGO[1] + len(new)))

    def settings(self, line: str) -> None:
        self.change("nurture.yaml", "senders:", f"{line}\nsenders:")

    def run(self) -> tuple[EditionId, ...]:
        """The jobs of the loop, as it runs them."""
        jobs.plan(self.house)
        shown = send_notices(self.house)
        run_async(self._deliver())
        return shown

    async def _deliver(self) -> None:
        async with open_worker(self.house) as worker:
            await worker.deliver_due()

    def notices(self) -> list[Mail]:
        return [mail for mail in self.server.mails if mail.envelope_to in (MAYA, ROSA)]

    def readers(self) -> int:
        return len(self.server.mails) - len(self.notices())

    def edition(self) -> EditionRow:
        with self.house.store.read() as connection:
            found = editions.find(connection, NAME, mode=Mode.LIVE)
        assert found is not None
        return found

    def alerts(self) -> list[tuple[AlertKind, str]]:
        with self.house.store.read() as connection:
            return [(alert.kind, alert.message) for alert in open_alerts(connection)]

    def approve(self, **more: bool) -> approving.Word:
        return approving.approve(self.house, NAME, by="maya", **more)

    def balanced(self) -> bool:
        return accounts(self.house.store, mode=Mode.LIVE).balanced


@pytest.fixture
def server() -> Iterator[ScriptedSmtp]:
    with ScriptedSmtp() as server:
        yield server


@pytest.fixture
def clinic(workspace: Path, server: ScriptedSmtp) -> Iterator[Clinic]:
    clock = DrivenClock(DUE - 7 * DAY)
    settings = workspace / "nurture.yaml"
    account = f"    smtp: {{host: 127.0.0.1, port: {server.port}, tls: none}}\n    # smtp:"
    text = settings.read_text().replace("    # smtp:", account, 1)
    assert account in text
    settings.write_text(f"test_recipients: [{MAYA}]\nbrakes: {{first_edition: {{over: 1000}}}}\n{text}")
    os.utime(settings, LONG_AGO)
    with ExitStack() as houses:
        clinic = Clinic(workspace, server, clock, lambda: houses.enter_context(open_house(workspace, clock=clock)))
        with clinic.house.store.write() as connection:
            meta.set_mode(connection, Mode.LIVE, clock.now())
        jobs.plan(clinic.house)
        yield clinic


def read(mail: Mail) -> email.message.EmailMessage:
    return email.message_from_bytes(mail.raw, policy=email.policy.default)


def words(mail: Mail) -> str:
    body = read(mail).get_body(("plain",))
    assert body is not None
    return body.get_content().replace("\r\n", "\n")


def test_a_day_before_and_not_earlier(clinic: Clinic) -> None:
    clinic.at(DAY + SECOND)
    assert clinic.run() == ()
    clinic.at(DAY)
    assert clinic.run() == (NAME,)
    (mail,) = clinic.notices()
    assert clinic.readers() == 0
    message = read(mail)
    assert message["Subject"] == "Please approve: moved goes to 120 people on Tue 1 Dec at 10:00"
    assert (message["From"], message["To"]) == (
        f"{clinic.house.workspace.settings.clinic.name} <hello@clinic.example>",
        MAYA,
    )
    said = words(mail)
    for expected in (
        "moved goes to 120 people on Tue 1 Dec at 10:00.\n",
        "\n    nurture approve moved@1\n",
        "before Fri 4 Dec at 10:00:",
        "Who is meant: category is sports_club.",
        "Nobody is left out.",
        "It finishes about Tue 1 Dec at 10:01, by the sender's limits and the windows.",
        "For 120 of 120 people, all of them: sports club\nSubject: Something new, Dr. Lee\n",
        "We moved.",
    ):
        assert expected in said
    clinic.at(DAY - MINUTE)
    assert clinic.run() == ()
    assert len(clinic.notices()) == 1


def test_the_mail_in_it_is_the_one_that_readers_get(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    clinic.approve()
    clinic.at(-SECOND)
    clinic.run()
    assert clinic.readers() == PEOPLE
    real = next(mail for mail in clinic.server.mails if mail.envelope_to == "p7@club.example")
    (notice,) = clinic.notices()
    inert = "mailto:hello@clinic.example?subject=NOTICE%3A%20this%20link%20does%20nothing"
    assert inert in words(notice)
    as_read = re.sub(r"mailto:hello@clinic\.example\?subject=STOP%20[\w-]{32}", inert, words(real))
    assert words(notice).endswith(as_read.replace("Pat7", "Dr. Lee")), "but for the reader and the way out"
    pages = [read(mail).get_body(("html",)).get_content() for mail in (notice, real)]
    assert all("We moved." in page for page in pages)


@pytest.mark.parametrize("counted", [False, True], ids=["plain links", "links are counted"])
def test_nothing_answers_it_and_nobody_leaves_by_it(clinic: Clinic, counted: bool) -> None:
    clinic.settings("public_url: https://mail.clinic.example")
    clinic.at(DAY)
    if counted:
        with clinic.house.store.write() as connection:
            way_out.record_links(connection, "https://mail.clinic.example", clinic.clock.now())
    clinic.run()
    (mail,) = clinic.notices()
    message = read(mail)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    fields = {name.lower() for name in message}
    assert not [name for name in fields if name.startswith("list-")] + ["feedback-id"] * ("feedback-id" in fields)
    assert b"mail.clinic.example" not in mail.raw
    assert "subject=STOP" not in mail.raw.decode()


def test_it_is_no_history(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    assert len(clinic.notices()) == 1
    with clinic.house.store.read() as connection:
        for table in (delivery, attempt, event):
            found = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            assert found == (PEOPLE if table is event else 0), f"only the imports' events: {table.name}"


def test_two_loops_and_a_restart_send_it_once(clinic: Clinic) -> None:
    clinic.at(DAY)
    jobs.plan(clinic.house)
    houses, shown = [clinic.open_one() for _ in range(3)], []
    start = threading.Barrier(3)

    def loop(house: House) -> None:
        start.wait(10)
        for _ in range(2):
            shown.extend(send_notices(house))

    threads = [threading.Thread(target=loop, args=(house,)) for house in houses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert shown == [NAME]
    assert send_notices(clinic.open_one()) == ()
    assert len(clinic.notices()) == 1


def test_a_killed_try_is_repeated_as_the_same_mail(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    first = clinic.notices()[0]
    with (
        clinic.house.store.write() as connection
    ):  # as if it had been killed between the server's yes and our note of it
        (row,) = notices.of_edition(connection, NAME, mode=Mode.LIVE)
        notices.end_try(connection, row.id, taken_by=(), again_at=clinic.clock.now() + 10 * MINUTE, now=DUE)
    clinic.at(DAY - 9 * MINUTE)
    assert clinic.run() == ()
    clinic.at(DAY - 10 * MINUTE)
    assert clinic.run() == (NAME,)
    assert read(clinic.notices()[1])["Message-ID"] == read(first)["Message-ID"]


def test_approved_before_it_is_made_it_goes_in_time(clinic: Clinic) -> None:
    clinic.at(2 * DAY)
    assert clinic.approve().changed
    assert not clinic.approve().changed
    clinic.at(DAY)
    clinic.run()
    (mail,) = clinic.notices()
    assert read(mail)["Subject"].startswith("Notice: moved goes to 120 people")
    assert "Approved by maya. To stop it, type on the clinic's computer:\n\n    nurture hold moved@1" in words(mail)
    clinic.at(-SECOND)
    clinic.run()
    assert clinic.readers() == PEOPLE
    assert clinic.balanced()
    assert clinic.alerts() == []


def test_approved_after_its_time_it_goes_then(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    clinic.at(-SECOND)
    clinic.run()
    assert clinic.readers() == 0
    assert clinic.edition().held_because == WAITS_FOR_APPROVAL
    assert [kind for kind, _ in clinic.alerts()] == [AlertKind.EDITION_HELD]
    house = clinic.house
    assert (
        "nurture approve moved@1"
        in why(house.store, house.workspace, "p7@club.example", "moved", now=house.clock.now()).answer
    )
    clinic.at(-HOUR)
    assert clinic.approve().changed
    clinic.run()
    assert clinic.readers() == PEOPLE
    assert clinic.balanced()
    assert clinic.alerts() == []
    assert len(clinic.notices()) == 1


def test_never_approved_it_expires_and_the_accounts_balance(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    clinic.at(-SECOND)
    clinic.run()
    clinic.at(-4 * DAY)
    clinic.run()
    clinic.run()
    assert clinic.readers() == 0
    assert clinic.edition().state is EditionState.FINISHED
    (account,) = accounts(clinic.house.store, mode=Mode.LIVE).editions
    assert (account.planned, account.expired, account.balanced) == (PEOPLE, PEOPLE, True)
    (alert,) = clinic.alerts()
    assert alert[0] is AlertKind.EDITION_MISSED
    assert alert[1].startswith("nobody approved it in time")
    house = clinic.house
    answer = why(house.store, house.workspace, "p7@club.example", "moved", now=house.clock.now()).answer
    assert answer.endswith("nobody approved the edition.")
    with pytest.raises(InputError, match="moved@1 is finished; nothing of it leaves any more"):
        clinic.approve()


def test_a_change_is_shown_again_and_takes_the_approval_back(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    clinic.approve()
    clinic.at(3 * HOUR)
    clinic.change("campaigns/moved.yaml", "We moved.", "We did not move.")
    assert clinic.run() == (), "not at each save"
    with pytest.raises(InputError, match="was changed after its last notice, so nobody has seen it as it is now"):
        clinic.approve()
    clinic.at(3 * HOUR - 9 * MINUTE)
    assert clinic.run() == ()
    clinic.at(3 * HOUR - 10 * MINUTE)
    assert clinic.run() == (NAME,)
    second = clinic.notices()[1]
    assert read(second)["Subject"].startswith("Changed. Please approve: moved goes to")
    assert "It was changed after the last notice" in words(second)
    assert "We did not move." in words(second)
    assert read(second)["Message-ID"] != read(clinic.notices()[0])["Message-ID"]
    clinic.at(-SECOND)
    clinic.run()
    assert clinic.readers() == 0
    assert clinic.edition().held_because == WAITS_FOR_APPROVAL
    clinic.approve()
    clinic.run()
    assert clinic.readers() == PEOPLE
    assert len(clinic.notices()) == 2


def test_a_change_just_before_its_time_waits_for_eyes_too(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    clinic.approve()
    clinic.at(15 * MINUTE)
    clinic.change("templates/emails/announcement.mjml", "<mj-body", "<!-- anew -->\n<mj-body")
    text = (clinic.root / "campaigns" / "moved.yaml").read_text()
    assert clinic.run() == ()
    clinic.change("campaigns/moved.yaml", "Something new", "Something else")
    assert text != (clinic.root / "campaigns" / "moved.yaml").read_text()
    clinic.run()
    clinic.at(-SECOND)
    assert clinic.run() == (NAME,), "shown as it was made"
    assert clinic.edition().held_because == WAITS_FOR_APPROVAL
    assert "due since Tue 1 Dec at 10:00" in read(clinic.notices()[1])["Subject"]
    assert clinic.readers() == 0


def test_what_nobody_saw_may_be_approved_on_purpose(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    clinic.change("campaigns/moved.yaml", "We moved.", "We did not move.")
    clinic.run()
    assert clinic.approve(as_it_is=True).changed
    clinic.at(-SECOND)
    clinic.run()
    assert clinic.readers() == PEOPLE


def test_held_before_it_is_made_and_let_go(clinic: Clinic) -> None:
    clinic.settings("approve: never")
    clinic.at(DAY)
    clinic.run()
    (mail,) = clinic.notices()
    assert "It leaves by itself. To stop it, type on the clinic's computer:\n\n    nurture hold moved@1" in words(mail)
    assert approving.hold(clinic.house, NAME, by="rosa").changed
    assert not approving.hold(clinic.house, NAME, by="rosa").changed
    found = status(clinic.house.store, clinic.house.workspace, now=clinic.clock.now())
    assert [each.words for each in found.next_editions if each.edition == "moved@1"] == ["held by rosa"]
    clinic.at(-SECOND)
    clinic.run()
    assert clinic.readers() == 0
    assert clinic.edition().held_because == "by rosa"
    clinic.approve()
    clinic.run()
    assert clinic.readers() == PEOPLE


def test_held_while_it_runs_and_let_go(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.approve()
    clinic.at(-SECOND)
    held: list[int] = []

    def hold() -> None:
        assert approving.hold(clinic.house, NAME, by="rosa").changed
        held.append(clinic.readers())

    jobs.plan(clinic.house)
    clinic.server.on("BODY", *[Step("250 ok")] * 9, Step("250 ok", during=hold))
    run_async(clinic._deliver())
    before = clinic.readers()
    assert before <= held[0] + 2, "one on each connection may have been on its way"
    assert before < PEOPLE
    run_async(clinic._deliver())
    assert clinic.readers() == before
    assert clinic.approve().changed
    run_async(clinic._deliver())
    assert clinic.readers() == PEOPLE
    assert clinic.balanced()


def test_a_notice_that_cannot_be_sent_is_told_and_tried_again(clinic: Clinic) -> None:
    clinic.server.on("MAIL", Step("450 4.3.0 come back later"))
    clinic.at(DAY)
    assert clinic.run() == ()
    (alert,) = clinic.alerts()
    assert alert == (
        AlertKind.NOTICE_UNSENT,
        "its notice could not be sent: maya@clinic.example: 450 4.3.0 come back later",
    )
    clinic.at(DAY - 4 * MINUTE)
    assert clinic.run() == ()
    clinic.at(DAY - 5 * MINUTE)
    assert clinic.run() == (NAME,)
    assert clinic.alerts() == []


def test_without_a_notice_nothing_leaves_that_needs_a_word(clinic: Clinic) -> None:
    clinic.server.on("MAIL", Step("550 5.7.1 no", always=True))
    clinic.at(DAY)
    clinic.run()
    clinic.at(-SECOND)
    clinic.run()
    assert clinic.edition().held_because == WAITS_FOR_APPROVAL
    assert [kind for kind, _ in clinic.alerts()] == [AlertKind.NOTICE_UNSENT, AlertKind.EDITION_HELD]
    clinic.server.forget_steps()
    assert clinic.approve().changed, "a person may say so all the same"
    clinic.run()
    assert clinic.readers() == PEOPLE


def test_who_has_it_does_not_get_it_again(clinic: Clinic) -> None:
    clinic.settings(f"notices: {{to: [{MAYA}, {ROSA}], before: 2 days}}")
    clinic.server.on("RCPT", Step("450 4.2.1 full", when=ROSA))
    clinic.at(2 * DAY)
    assert clinic.run() == ()
    assert [mail.envelope_to for mail in clinic.notices()] == [MAYA]
    assert "rosa@clinic.example: 450 4.2.1 full" in clinic.alerts()[0][1]
    clinic.at(2 * DAY - 5 * MINUTE)
    assert clinic.run() == (NAME,)
    assert [mail.envelope_to for mail in clinic.notices()] == [MAYA, ROSA]
    assert clinic.alerts() == []


def test_an_address_that_must_not_be_mailed_gets_none(clinic: Clinic) -> None:
    suppress_by_hand(clinic.house.store, clinic.house.workspace, address=MAYA, now=clinic.clock.now())
    clinic.at(DAY)
    assert clinic.run() == ()
    assert clinic.notices() == []
    assert "maya@clinic.example is suppressed (manual)" in clinic.alerts()[0][1]


def test_one_that_nobody_could_see_before_is_shown_when_it_is_made(clinic: Clinic) -> None:
    """The machine slept over the day before."""
    clinic.at(-HOUR)
    assert clinic.run() == (NAME,)
    assert "moved goes to 120 people, due since Tue 1 Dec at 10:00" in read(clinic.notices()[0])["Subject"]
    assert clinic.run() == ()
    clinic.approve()
    clinic.run()
    assert clinic.readers() == PEOPLE
    assert len(clinic.notices()) == 1


def test_held_by_hand_and_changed_it_is_not_approved_unseen(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    approving.hold(clinic.house, NAME, by="rosa")
    clinic.at(5 * MINUTE)
    clinic.change("campaigns/moved.yaml", "We moved.", "We did not move.")
    jobs.plan(clinic.house)
    clinic.at(-10 * MINUTE)
    jobs.plan(clinic.house)
    assert clinic.edition().held_because == "by rosa"
    with pytest.raises(InputError, match="was changed after its last notice"):
        clinic.approve()
    assert clinic.run() == (NAME,)
    clinic.approve()
    clinic.run()
    assert (clinic.readers(), len(clinic.notices())) == (PEOPLE, 2)


def test_broken_news_keep_no_notice_back_of_what_is_made(clinic: Clinic) -> None:
    clinic.at(-HOUR)
    jobs.plan(clinic.house)
    (clinic.root / "campaigns" / "later.yaml").write_text(
        (clinic.root / "campaigns" / "moved.yaml").read_text().replace("2026-12-01 at 10:00", "2026-12-01 at 15:00")
    )
    os.utime(clinic.root / "campaigns" / "later.yaml", LONG_AGO)
    jobs.plan(clinic.house)
    (clinic.root / "news").mkdir(exist_ok=True)
    (clinic.root / "news" / "broken.md").write_text("no front matter")
    with pytest.raises(FilesError, match="news/broken.md"):
        send_notices(clinic.house)
    assert len(clinic.notices()) == 1
    assert read(clinic.notices()[0])["Subject"].startswith("Please approve: moved goes to")


def test_send_says_that_it_waits_for_a_word(clinic: Clinic) -> None:
    from nurture.service.sending import send_now

    clinic.at(-SECOND)
    clinic.run()
    with pytest.raises(InputError, match="it waits for approval: nurture approve moved@1"):
        send_now(clinic.house, "moved")


def test_one_that_is_sent_by_hand_has_had_its_word(clinic: Clinic) -> None:
    from nurture.service.sending import send_now

    clinic.at(-SECOND)
    send_now(clinic.house, "moved")
    assert clinic.run() == ()
    assert (clinic.readers(), clinic.notices()) == (PEOPLE, [])


def test_nobody_gets_it_nobody_is_asked(clinic: Clinic) -> None:
    clinic.change("campaigns/moved.yaml", "category: sports_club", "category: school")
    clinic.at(DAY)
    assert clinic.run() == ()
    assert (clinic.notices(), clinic.alerts()) == ([], [])
    with pytest.raises(InputError, match="nobody gets moved@1"):
        preview_notice(clinic.house, "moved")


def test_what_cannot_be_composed_is_told_a_day_before(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.change("templates/emails/announcement.mjml", "<mj-body", "<mj-nothing/><mj-body")
    assert clinic.run() == ()
    ((kind, said),) = clinic.alerts()
    assert kind is AlertKind.NOTICE_UNSENT
    assert "templates/emails/announcement.mjml" in said
    clinic.change("templates/emails/announcement.mjml", "<mj-nothing/>", "")
    clinic.at(DAY - MINUTE)
    assert clinic.run() == (NAME,)
    assert clinic.alerts() == []


def test_in_the_sandbox_it_is_only_looked_at(clinic: Clinic) -> None:
    with clinic.house.store.write() as connection:
        meta.set_mode(connection, Mode.SANDBOX, clinic.clock.now())
    clinic.at(DAY)
    jobs.plan(clinic.house)
    assert send_notices(clinic.house) == ()
    assert clinic.server.mails == []
    seen = preview_notice(clinic.house, "moved")
    assert (seen.edition, seen.to) == (NAME, (MAYA,))
    assert seen.subject == "Notice: moved goes to 120 people on Tue 1 Dec at 10:00"
    assert "We moved." in seen.page
    with pytest.raises(NotFoundError, match="no campaign `gone`"):
        preview_notice(clinic.house, "gone")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # a file is copied
def test_an_older_copy_shows_nothing(clinic: Clinic) -> None:
    assert clinic.house.store.path is not None
    rise(clinic.house.store, clinic.house.workspace.settings.zone, clinic.clock.now())
    older = clinic.house.store.path.read_bytes()
    rise(clinic.house.store, clinic.house.workspace.settings.zone, clinic.clock.now())
    clinic.house.store.close()
    for beside in ("-wal", "-shm"):
        clinic.house.store.path.with_name(clinic.house.store.path.name + beside).unlink(missing_ok=True)
    clinic.house.store.path.write_bytes(older)
    clinic.at(DAY)
    assert send_notices(clinic.open_one()) == ()
    assert clinic.server.mails == []


def test_canceled_while_it_waits(clinic: Clinic) -> None:
    clinic.at(-SECOND)
    clinic.run()
    assert control.cancel_edition(clinic.house.store, clinic.edition().id, now=clinic.clock.now()) == PEOPLE
    clinic.run()
    assert clinic.alerts() == []
    assert clinic.balanced()
