"""What happens to people while their mail is on its way, and data that no mail can carry."""

from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.audience.erasing import erase_contact
from nurture.store import Store
from nurture.store.schema import contact, metadata, suppression
from nurture.store.suppressions import suppress, topic_key
from nurture.vocabulary import SuppressionReason, SuppressionScope
from tests.delivery.balance import assert_balanced
from tests.delivery.conftest import Office
from tests.delivery.outbox import NOW
from tests.servers.scripted_smtp import ScriptedSmtp, Step

WHO = "person3@clinic-partner.example"
GOOD = {"MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok", "DATA": "354 go ahead"}


@pytest.fixture
def office(store: Store, tmp_path: Path, content: dict) -> Office:
    """An office on SQLite, then on PostgreSQL."""
    return Office(store, tmp_path / "clinic", content)


def everything(store: Store) -> str:
    """All that stands in the database."""
    with store.read() as connection:
        return " ".join(str(row) for table in metadata.sorted_tables for row in connection.execute(sa.select(table)))


def at(server: ScriptedSmtp, command: str, what: Callable[[], object]) -> None:
    """Do ``what`` when the command for the third recipient arrives, before it is answered."""
    if command == "RCPT":
        server.on(command, Step(GOOD[command], during=what, when=WHO))
    else:
        server.on(command, Step(GOOD[command]), Step(GOOD[command]), Step(GOOD[command], during=what))


@pytest.mark.parametrize("pipelining", ["off", "envelope", "auto"])
@pytest.mark.parametrize("command", GOOD)
async def test_who_unsubscribes_between_claim_and_mark_gets_nothing(
    office: Office, server: ScriptedSmtp, command: str, pipelining: str
) -> None:
    office.use(server, pipelining=pipelining)
    outbox = office.outbox(recipients=6)

    def unsubscribe() -> None:
        with office.store.write() as connection:
            suppress(
                connection,
                SuppressionScope.ADDRESS,
                "hash3-clinic-partner.example",
                shown=WHO,
                reason=SuppressionReason.UNSUBSCRIBED,
                source="test",
                now=NOW,
            )

    at(server, command, unsubscribe)
    await office.deliver()
    assert outbox.states == ["sent", "sent", "skipped", "sent", "sent", "sent"]
    assert outbox.column("reason")[2] == "suppressed"
    assert WHO not in server.recipients()
    assert_balanced(office.store, server.mails)


async def test_who_left_the_topic_gets_nothing_of_it(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    outbox = office.outbox(recipients=4)

    def leave(number: int, topic: str) -> None:
        with office.store.write() as connection:
            suppress(
                connection,
                SuppressionScope.TOPIC,
                topic_key(f"hash{number}-clinic-partner.example", topic),
                shown=None,
                reason=SuppressionReason.UNSUBSCRIBED,
                source="test",
                now=NOW,
            )

    leave(2, "another-topic")
    at(server, "DATA", lambda: leave(3, "partner-news"))
    await office.deliver()
    assert outbox.states == ["sent", "sent", "skipped", "sent"]
    assert outbox.column("reason")[2] == "suppressed"
    assert_balanced(office.store, server.mails)


@pytest.mark.parametrize("pipelining", ["off", "auto"])
@pytest.mark.parametrize("command", GOOD)
async def test_who_is_erased_between_claim_and_mark_gets_nothing_and_leaves_no_trace(
    office: Office, server: ScriptedSmtp, command: str, pipelining: str
) -> None:
    office.use(server, pipelining=pipelining)
    outbox = office.outbox(recipients=6)
    at(server, command, lambda: erase_contact(office.store, WHO, now=NOW))
    await office.deliver()
    assert outbox.states == ["sent", "sent", "canceled", "sent", "sent", "sent"]
    assert WHO not in server.recipients()
    assert_balanced(office.store, server.mails)
    kept = everything(office.store)
    assert "person2@" in kept
    assert "person3@" not in kept
    assert "Name3" not in kept


@pytest.mark.parametrize("pipelining", ["off", "auto"])
@pytest.mark.parametrize(
    ("command", "answer", "state"),
    [
        ("BODY", f"250 2.0.0 queued for <{WHO}>", "sent"),
        ("BODY", f"554 5.6.0 not for <{WHO}>", "failed"),
        ("BODY", f"451 4.3.0 later for <{WHO}>", "queued"),
        ("RCPT", f"550 5.1.1 <{WHO}> no such user", "failed"),
        ("RCPT", f"450 4.2.1 <{WHO}> gets too much", "queued"),
    ],
)
async def test_words_of_a_server_that_come_after_an_erasure_are_not_kept(
    office: Office, server: ScriptedSmtp, command: str, answer: str, state: str, pipelining: str
) -> None:
    """Servers like to repeat the address; the answer itself counts."""
    office.use(server, pipelining=pipelining)
    outbox = office.outbox(recipients=6)
    erase = Step(answer, during=lambda: erase_contact(office.store, WHO, now=NOW), when=WHO)
    server.on(command, erase)
    await office.deliver()
    assert outbox.states[2] == state
    assert outbox.states.count("sent") == 5 + (state == "sent")
    (attempt,) = outbox.attempts(outbox.delivery_ids[2])
    assert (attempt.code, attempt.answer) == (int(answer[:3]), None)
    assert_balanced(office.store, server.mails)
    kept = everything(office.store)
    assert "person3@" not in kept
    assert "Name3" not in kept
    with office.store.read() as connection:
        assert connection.execute(sa.select(suppression.c.reason)).scalars().all() == ["erased"]


async def test_a_template_error_at_the_500th_skips_this_one_and_the_edition_is_finished(
    office: Office, server: ScriptedSmtp
) -> None:
    office.use(server)
    outbox = office.outbox(recipients=520)
    with office.store.write() as connection:
        connection.execute(sa.update(contact).where(contact.c.first_name == "Name500").values(first_name=None))
    await office.deliver()
    expected = ["sent"] * 520
    expected[499] = "skipped"
    assert outbox.states == expected
    assert outbox.column("reason")[499] == "render_error"
    assert len(server.mails) == 519
    assert_balanced(office.store, server.mails)


NAMES = {
    "a lone combining mark": "\u0301",
    "ten kilobytes": "Ä" * 10_000,
    "right to left, and its control marks": "\u202eליאת\u202c \u2067دانا\u2069",
    "a new header": "Dana\r\nBcc: victim@other.example\r\n\r\nmore",
    "line ends of Unicode": "Dana\u2028Bcc: victim@other.example\x85\x0b\x0c\x1c",
    "an encoded word": "=?utf-8?q?Bcc=3A_x?=",
    "a family, joined": "👩‍👩‍👧‍👦",
    "not a character": "\ufdd0\uffff",
    "quotes and brackets": '"Dana" <other@other.example>, \\',
    "only blanks of another width": "\u3000\u2003",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_a_name_that_is_hard_to_encode_harms_nobody_else(office: Office, server: ScriptedSmtp, name: str) -> None:
    office.use(server)
    outbox = office.outbox(recipients=3)
    with office.store.write() as connection:
        connection.execute(sa.update(contact).where(contact.c.first_name == "Name2").values(first_name=name))
    await office.deliver()
    check(outbox.states, outbox.column("reason"))
    assert_balanced(office.store, server.mails)
    for mail in server.mails:
        read = message_from_bytes(mail.raw, policy=policy.default)
        assert [len(read.get_all(field, [])) for field in ("To", "Subject", "From", "Bcc")] == [1, 1, 1, 0]
        assert read["To"].addresses[0].addr_spec == mail.envelope_to


async def test_half_a_character_from_a_json_column_harms_nobody(
    sqlite_store: Store, tmp_path: Path, content: dict, server: ScriptedSmtp
) -> None:
    """A lone surrogate: no text column takes it, but escaped in JSON it gets as far as the composer."""
    office = Office(sqlite_store, tmp_path / "clinic", content)
    office.use(server)
    outbox = office.outbox(recipients=3)
    with office.store.write() as connection:
        connection.execute(
            sa.update(contact).where(contact.c.first_name == "Name2").values(attributes={"motto": "half \ud83d"})
        )
    await office.deliver()
    check(outbox.states, outbox.column("reason"))
    assert_balanced(office.store, server.mails)


def check(states: list[str], reasons: list[str | None]) -> None:
    assert (states[0], states[2]) == ("sent", "sent")
    assert states[1] == "sent" or (states[1] == "skipped" and reasons[1])


async def test_an_alert_about_a_sender_names_no_recipient(office: Office, server: ScriptedSmtp) -> None:
    """Alerts outlive the person: an erasure would not find the address there."""
    office.use(server)
    office.outbox(recipients=1, first=3)
    server.on("RCPT", Step("554 5.7.1 <Person3@clinic-partner.example>: Relay access denied"))
    (stopped,) = (await office.deliver()).stopped
    assert "Relay access denied" in stopped.reason
    erase_contact(office.store, WHO, now=NOW)
    assert "person3@" not in everything(office.store).lower()
