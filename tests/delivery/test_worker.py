"""What the worker does with each thing that a mail server can do."""

import asyncio
from datetime import timedelta
from email import message_from_bytes, policy
from itertools import count

import pytest
import sqlalchemy as sa

from nurture.delivery import control
from nurture.delivery.connection import Timeouts
from nurture.errors import SenderError
from nurture.store import alerts, editions, meta
from nurture.store.schema import contact, edition, sender_state, suppression
from nurture.vocabulary import Mode
from tests.delivery.conftest import Office
from tests.delivery.outbox import NOW, Outbox
from tests.servers.scripted_smtp import ScriptedSmtp, Step

CUT = Step(cut=True)


def open_alerts(office: Office) -> list[tuple[str, str]]:
    with office.store.read() as connection:
        return [(alert.kind, alert.subject) for alert in alerts.open_alerts(connection)]


def alert_words(office: Office) -> str:
    with office.store.read() as connection:
        return " | ".join(alert.message for alert in alerts.open_alerts(connection))


def rows(office: Office, table: sa.Table) -> list:
    with office.store.read() as connection:
        return list(connection.execute(sa.select(table)))


def last_attempt(outbox: Outbox, number: int = 0) -> object:
    return outbox.attempts(outbox.delivery_ids[number])[-1]


async def test_every_recipient_gets_the_own_mail_once(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.connections = 3
    outbox = office.outbox(recipients=35)
    assert (await office.deliver()).sent == 35
    assert outbox.states == ["sent"] * 35
    assert sorted(server.recipients()) == sorted(outbox.column("address"))
    for mail in server.mails:
        message = message_from_bytes(mail.raw, policy=policy.default)
        assert message["To"].addresses[0].addr_spec == mail.envelope_to
        assert f"this is for {mail.envelope_to}" in " ".join(message.get_body(("plain",)).get_content().split())
    ids = {message_from_bytes(mail.raw)["Message-ID"] for mail in server.mails}
    assert ids == set(outbox.column("message_id"))
    assert len(ids) == 35
    assert server.sessions <= 3
    assert [row.state for row in rows(office, edition)] == ["finished"]


async def test_a_second_run_sends_nothing(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.outbox(recipients=2)
    await office.deliver()
    assert (await office.deliver()).sent == 0
    assert len(server.mails) == 2


async def test_one_round_delivers_all_that_is_due(office: Office, server: ScriptedSmtp) -> None:
    """More than what all connections claim at once, and all of it at one provider."""
    office.use(server)
    office.connections = 4
    outbox = office.outbox(recipients=260)
    assert (await office.deliver()).sent == 260
    assert outbox.states == ["sent"] * 260


async def test_a_limit_is_kept(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    outbox = office.outbox(recipients=5)
    worker = office.worker()
    assert (await worker.deliver_due(limit=2)).sent == 2
    await worker.close()
    assert sorted(outbox.states) == ["queued"] * 3 + ["sent"] * 2


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8, 13, 21])
async def test_it_may_be_closed_at_any_moment(office: Office, server: ScriptedSmtp, steps: int) -> None:
    """A loop that is stopped in its first second once ended in a traceback."""
    office.use(server)
    outbox = office.outbox(recipients=3)
    worker = office.worker()
    delivering = asyncio.create_task(worker.deliver_due())
    for _ in range(steps):
        await asyncio.sleep(0)
    await worker.close()
    assert delivering.done() or steps == 0
    sent = (await delivering).sent
    assert sorted(outbox.states) == ["queued"] * (3 - sent) + ["sent"] * sent
    assert len(server.mails) == sent
    assert (await worker.deliver_due()).sent == 0, "closed for good"


async def test_greylisting_is_tried_again_after_the_advised_time(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    server.on("RCPT", Step("450 4.7.1 greylisted, try again in 600 seconds"))
    outbox = office.outbox()
    summary = await office.deliver()
    assert (summary.retried, outbox.states, outbox.column("attempts")) == (1, ["queued"], [1])
    (when,) = outbox.column("next_attempt_at")
    assert when >= NOW + timedelta(seconds=600)
    office.clock.move_to(when - timedelta(seconds=1))
    assert (await office.deliver()).sent == 0
    office.clock.move_to(when)
    assert (await office.deliver()).sent == 1
    first, second = outbox.attempts(outbox.delivery_ids[0])
    assert (first.outcome, first.code, second.outcome) == ("retry", 450, "sent")
    assert message_from_bytes(server.mails[0].raw)["Message-ID"] == outbox.column("message_id")[0]


@pytest.mark.parametrize(
    ("command", "answer", "state", "suppressed"),
    [
        ("RCPT", "550 5.1.1 no such user", "failed", 1),
        ("RCPT", "550-5.1.1 The email account\n550 5.1.1 does not exist", "failed", 1),
        ("RCPT", "452 4.5.3 too many recipients", "queued", 0),
        ("RCPT", "452 4.2.2 mailbox full", "queued", 0),
        ("RCPT", "552 5.2.2 over quota", "failed", 0),
        ("RCPT", "599 something new", "failed", 0),
        ("DATA", "451 4.3.0 later", "queued", 0),
        ("DATA", "554 5.6.0 no", "failed", 0),
        ("BODY", "451 4.3.0 later", "queued", 0),
        ("BODY", "552 5.3.4 too big", "failed", 0),
    ],
)
async def test_a_refused_mail_does_not_stop_the_others(
    office: Office, server: ScriptedSmtp, command: str, answer: str, state: str, suppressed: int
) -> None:
    office.use(server)
    server.on(command, Step(answer))
    outbox = office.outbox(recipients=3)
    await office.deliver()
    assert outbox.states == [state, "sent", "sent"]
    assert len(rows(office, suppression)) == suppressed
    assert (last_attempt(outbox).code, last_attempt(outbox).phase) == (int(answer[:3]), command.lower())
    assert server.sessions == 1
    assert open_alerts(office) == []


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("CONNECT", "554 5.7.1 your address is listed"),
        ("EHLO", "550 5.7.1 go away"),
        ("MAIL", "530 5.7.0 authentication required"),
        ("MAIL", "550 5.1.8 sender rejected"),
        ("RCPT", "554 5.7.1 <person1@x.example>: Relay access denied"),
        ("RCPT", "550 5.7.1 client blocked using a blocklist"),
        ("BODY", "550 5.7.1 rejected as spam"),
        ("BODY", "550 5.7.26 not authenticated (DMARC)"),
        ("MAIL", "421 4.7.28 unusual rate of mail"),
    ],
)
async def test_a_refusal_of_us_stops_the_sender_and_blames_nobody(
    office: Office, server: ScriptedSmtp, command: str, answer: str
) -> None:
    office.use(server)
    server.on(command, Step(answer))
    outbox = office.outbox(recipients=3)
    summary = await office.deliver()
    assert [stopped.sender for stopped in summary.stopped] == ["clinic"]
    assert (summary.sent, outbox.states, outbox.column("attempts")) == (0, ["queued"] * 3, [0, 0, 0])
    assert rows(office, suppression) == []
    assert open_alerts(office) == [("sender_stopped", "clinic")]
    assert answer in alert_words(office)
    assert (await office.deliver()).sent == 0
    office.clock.advance(timedelta(minutes=30))
    assert (await office.deliver()).sent == 3
    assert open_alerts(office) == []
    assert rows(office, sender_state) == []


async def test_stops_grow(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    server.on("MAIL", Step("550 5.7.1 not you", always=True))
    office.outbox()
    pauses = []
    for _ in range(4):
        (stopped,) = (await office.deliver()).stopped
        pauses.append(stopped.until - office.clock.now())
        office.clock.advance(timedelta(minutes=90))
    assert pauses == [timedelta(minutes=minutes) for minutes in (5, 10, 20, 40)]


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    "fault",
    [
        Step(cut=True),
        Step(reset=True),
        Step("rubbish"),
        Step("25", cut=True),
        Step(b"\x00\xff\xfe\r\n"),
        Step("199 hm"),
    ],
)
@pytest.mark.parametrize("pipelining", ["off", "envelope", "auto"])
async def test_before_the_body_any_fault_is_tried_again(
    office: Office, server: ScriptedSmtp, command: str, fault: Step, pipelining: str
) -> None:
    office.use(server, pipelining=pipelining)
    server.on(command, Step(**fault.__dict__))
    outbox = office.outbox(recipients=2)
    await office.deliver()
    assert outbox.states == ["queued", "sent"]
    assert last_attempt(outbox).outcome == "retry"
    if pipelining == "off" or not fault.reset:  # a reset also takes the answers before it away
        assert last_attempt(outbox).phase == command.lower()
    office.clock.advance(timedelta(minutes=7))
    await office.deliver()
    assert outbox.states == ["sent", "sent"]
    assert sorted(server.recipients()) == sorted(outbox.column("address"))


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize(
    "fault", [Step(cut=True), Step(reset=True), Step("354 more?"), Step("rubbish"), Step("2", cut=True)]
)
async def test_without_an_answer_to_the_body_the_mail_is_uncertain(
    office: Office, server: ScriptedSmtp, fault: Step, kept: bool
) -> None:
    office.use(server)
    server.on("BODY", Step(**{**fault.__dict__, "keep": kept}))
    outbox = office.outbox(recipients=2)
    summary = await office.deliver()
    assert (summary.uncertain, outbox.states) == (1, ["uncertain", "sent"])
    assert open_alerts(office) == [("uncertain_deliveries", "live")]
    office.clock.advance(timedelta(days=1))
    await office.deliver()
    assert outbox.states == ["uncertain", "sent"]
    assert len(server.mails) == 1 + kept


async def test_an_answer_right_before_the_cut_counts(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    server.on("BODY", Step("250 2.0.0 taken", cut=True))
    outbox = office.outbox(recipients=2)
    await office.deliver()
    assert outbox.states == ["sent", "sent"]


async def test_answers_byte_by_byte_are_read(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    for command, answer in [
        ("CONNECT", "220-hello\n220 hello"),
        ("MAIL", "250-fine\n250 fine"),
        ("RCPT", "250 2.1.5 ok"),
        ("BODY", "250-2.0.0 all\n250 2.0.0 good"),
    ]:
        server.on(command, Step(answer, drip=True))
    outbox = office.outbox()
    await office.deliver()
    assert outbox.states == ["sent"]
    assert last_attempt(outbox).answer == "all good"


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
@pytest.mark.parametrize("last", [Step("421 4.3.2 closing", cut=True), CUT])
async def test_a_session_that_ends_between_mails_is_no_try(
    office: Office, server: ScriptedSmtp, command: str, last: Step
) -> None:
    office.use(server)
    friendly = {"MAIL": "250 ok", "RCPT": "250 ok"}[command]
    server.on(command, Step(friendly), Step(friendly), Step(**last.__dict__))
    outbox = office.outbox(recipients=5)
    assert (await office.deliver()).sent == 5
    assert outbox.column("attempts") == [1] * 5
    assert (server.sessions, len(set(server.recipients()))) == (2, 5)


@pytest.mark.parametrize("pipelining", ["auto", "envelope", "off"])
@pytest.mark.parametrize(
    ("command", "answer"),
    [("RCPT", "452 4.5.3 too many recipients"), ("MAIL", "451 4.7.0 too many messages in this session")],
)
async def test_a_session_that_has_carried_enough_is_made_anew(
    office: Office, server: ScriptedSmtp, command: str, answer: str, pipelining: str
) -> None:
    """The 101st recipient: some servers count those of the whole session."""
    office.use(server, pipelining=pipelining)
    carried = count()

    def at_most_100(line: str) -> str:
        taken = next(carried)
        return "250 2.1.0 ok" if (taken + 1) % 101 else answer

    server.on(command, Step(at_most_100, always=True))
    outbox = office.outbox(recipients=250)
    summary = await office.deliver()
    assert (summary.sent, summary.retried, summary.stopped) == (250, 0, ())
    assert outbox.column("attempts") == [1] * 250
    assert server.sessions == 3
    assert sorted(server.recipients()) == sorted(outbox.column("address"))
    assert rows(office, suppression) == []


async def test_too_many_recipients_for_a_new_session_is_an_ordinary_try(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    server.on("RCPT", Step("452 4.5.3 too many recipients", always=True))
    outbox = office.outbox(recipients=2)
    assert (await office.deliver()).retried == 2
    assert outbox.column("attempts") == [1, 1]
    assert rows(office, suppression) == []


async def test_a_silent_server_costs_the_time_of_one_answer(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.timeouts = Timeouts(greeting=5, command=0.3, data=0.3, body=0.3, quit=0.3)
    server.on("RCPT", Step(answer=None)).on("DATA", Step(answer=None))
    outbox = office.outbox()
    await office.deliver()
    assert outbox.states == ["queued"]
    assert last_attempt(outbox).answer == "the server did not answer in 0.3 seconds"
    server.on("BODY", Step(answer=None))
    office.clock.advance(timedelta(minutes=7))
    await office.deliver()
    assert outbox.states == ["uncertain"]


async def test_nobody_listens(office: Office) -> None:
    with ScriptedSmtp() as gone:
        office.use(gone)
    outbox = office.outbox(recipients=2)
    (stopped,) = (await office.deliver()).stopped
    assert stopped.until == NOW + timedelta(minutes=1)
    assert "cannot be reached" in stopped.reason
    assert (outbox.states, outbox.column("attempts")) == (["queued", "queued"], [0, 0])
    assert open_alerts(office) == [("sender_stopped", "clinic")]


async def test_the_body_arrives_as_it_was_composed(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.outbox()
    await office.deliver()
    (mail,) = server.mails
    assert b"\r\n.\r\n" not in mail.raw
    assert mail.raw.replace(b"\r\n", b"").count(b"\n") == 0


async def test_a_mail_over_the_servers_size_fails_alone_before_anything_is_sent(office: Office) -> None:
    with ScriptedSmtp(extensions=("SIZE 500",)) as server:
        office.use(server)
        outbox = office.outbox()
        await office.deliver()
        assert outbox.states == ["failed"]
        assert "(SIZE)" in outbox.column("reason")[0]
        assert not any(command.startswith("MAIL") for command in server.commands)


@pytest.mark.parametrize(("offered", "state"), [((), "failed"), (("SMTPUTF8", "8BITMIME"), "sent")])
async def test_smtputf8_only_where_needed_and_offered(office: Office, offered: tuple[str, ...], state: str) -> None:
    with ScriptedSmtp(extensions=offered) as server:
        office.use(server)
        outbox = office.outbox(recipients=2)
        address = "jürgen@clinic-partner.example"
        outbox.set(outbox.delivery_ids[0], address=address)
        with office.store.write() as connection:
            connection.execute(sa.update(contact).where(contact.c.first_name == "Name1").values(address=address))
        await office.deliver()
        assert outbox.states == [state, "sent"]
        needing = [command for command in server.commands if "SMTPUTF8" in command]
        assert len(needing) == (state == "sent")


async def test_a_render_error_skips_this_one_only(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    outbox = office.outbox(recipients=3)
    with office.store.write() as connection:
        connection.execute(sa.update(contact).where(contact.c.first_name == "Name2").values(first_name=None))
    await office.deliver()
    assert outbox.states == ["sent", "skipped", "sent"]
    assert outbox.column("reason")[1] == "render_error"
    assert outbox.events(outbox.delivery_ids[1]) == ["skipped"]


async def test_an_unsubscription_after_rcpt_closes_the_connection(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    outbox = office.outbox(recipients=2)

    def unsubscribe() -> None:
        with office.store.write() as connection:
            connection.execute(
                sa.insert(suppression).values(
                    scope="address",
                    key="hash1-clinic-partner.example",
                    reason="unsubscribed",
                    source="test",
                    created_at=NOW,
                )
            )

    server.on("DATA", Step("354 go ahead", during=unsubscribe))
    await office.deliver()
    assert outbox.states == ["skipped", "sent"]
    assert server.recipients() == ["person2@clinic-partner.example"]
    assert server.sessions == 2


async def test_a_pause_bites_before_the_next_mail_from(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    outbox = office.outbox(recipients=4)
    server.on(
        "BODY", Step("250 ok"), Step("250 ok", during=lambda: control.pause(office.store, "*", by="test", now=NOW))
    )
    await office.deliver()
    assert outbox.states == ["sent", "sent", "queued", "queued"]
    assert control.resume(office.store, "*", now=NOW).changed
    assert (await office.deliver()).sent == 2


async def test_a_clinic_that_goes_back_to_the_sandbox_sends_no_more_from_the_next_mail_from_on(
    office: Office, server: ScriptedSmtp
) -> None:
    office.use(server)
    outbox = office.outbox(recipients=4)

    def change(mode: Mode) -> None:
        with office.store.write() as connection:
            meta.set_mode(connection, mode, NOW)

    server.on("BODY", Step("250 ok"), Step("250 ok", during=lambda: change(Mode.SANDBOX)))
    await office.deliver()
    assert outbox.states == ["sent", "sent", "queued", "queued"]
    change(Mode.LIVE)
    assert (await office.deliver()).sent == 2


async def test_a_canceled_edition_sends_no_more(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    outbox = office.outbox(recipients=3)
    server.on("BODY", Step("250 ok", during=lambda: control.cancel_edition(office.store, outbox.edition_id, now=NOW)))
    await office.deliver()
    assert outbox.states == ["sent", "canceled", "canceled"]


async def test_an_edition_whose_last_mails_went_elsewhere_is_finished_without_sending(office: Office) -> None:
    outbox = office.outbox(recipients=2)
    for delivery_id in outbox.delivery_ids:
        outbox.set(delivery_id, state="canceled")
    await office.deliver()
    with office.store.read() as connection:
        assert editions.lock(connection, outbox.edition_id).state == "finished"


async def test_at_night_mail_waits_for_the_morning(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    outbox = office.outbox()
    outbox.set(outbox.delivery_ids[0], not_after=NOW + timedelta(days=3))
    office.clock.advance(timedelta(hours=14))  # 05:00 UTC, midnight in New York
    await office.deliver()
    assert outbox.states == ["queued"]
    (morning,) = outbox.column("next_attempt_at")
    assert morning == NOW + timedelta(hours=22)  # 08:00 in New York
    office.clock.move_to(morning)
    assert (await office.deliver()).sent == 1


async def test_the_sandbox_takes_all_mail_in_sandbox_mode(office: Office, server: ScriptedSmtp) -> None:
    with office.store.write() as connection:
        meta.set_mode(connection, Mode.SANDBOX, NOW)
    with ScriptedSmtp() as account:
        office.use(account)
        outbox = office.outbox(mode=Mode.SANDBOX)
        await office.deliver(sandbox=("127.0.0.1", server.port))
        assert (outbox.states, len(server.mails), account.sessions) == (["sent"], 1, 0)


async def test_without_a_sandbox_nothing_leaves_in_sandbox_mode(office: Office, server: ScriptedSmtp) -> None:
    with office.store.write() as connection:
        meta.set_mode(connection, Mode.SANDBOX, NOW)
    office.use(server)
    outbox = office.outbox(mode=Mode.SANDBOX)
    with pytest.raises(SenderError, match="sandbox is not running"):
        await office.deliver()
    assert (outbox.states, server.sessions) == (["queued"], 0)


async def test_a_sender_without_an_account_waits_with_an_alert(office: Office) -> None:
    outbox = office.outbox()
    (stopped,) = (await office.deliver()).stopped
    assert "senders.clinic.smtp" in stopped.reason
    assert outbox.states == ["queued"]
    assert open_alerts(office) == [("sender_stopped", "clinic")]


async def test_resuming_all_lets_a_stopped_sender_try_at_once(office: Office, server: ScriptedSmtp) -> None:
    office.outbox()
    await office.deliver()  # stops: the sender has no account
    office.use(server)
    assert (await office.deliver()).sent == 0
    assert control.resume(office.store, "*", now=NOW).changed
    assert (await office.deliver()).sent == 1


async def test_late_mails_never_leave_and_are_expired_within_half_a_minute(
    office: Office, server: ScriptedSmtp
) -> None:
    office.use(server)
    worker = office.worker()
    try:
        await worker.deliver_due()
        outbox = office.outbox()
        start = office.clock.now()
        outbox.set(outbox.delivery_ids[0], not_after=start - timedelta(seconds=1))
        office.clock.move_to(start + timedelta(seconds=29))
        assert (await worker.deliver_due()).expired == 0
        assert outbox.states == ["queued"], "to look at all that waits costs too much for every round"
        office.clock.move_to(start + timedelta(seconds=30))
        assert (await worker.deliver_due()).expired == 1
    finally:
        await worker.close()
    assert outbox.states == ["expired"]
    assert not server.mails
