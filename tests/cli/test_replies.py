"""`nurture replies`: who waits, the thread, done, snooze, assign, and how soon answers come."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from nurture.service.house import open_house
from nurture.store import replies
from nurture.store.replies import NewReply, OwnAnswer
from nurture.store.schema import contact, delivery
from nurture.vocabulary import Mode, ReplyTopic

NASTY = "Please\x1b[2J \x07 \u202ecall\u2028me \x9b31m" + "x" * 3000


@pytest.fixture
def desk(clinic):
    """Two people answered the newsletter; Dr. Lee a month ago (1), the gym a minute ago (2). The clinic never closes."""
    clinic.open_all_week()
    clinic.change("nurture.yaml", "    mon-fri: 08:00-18:00", '    mon-sun: "00:00-24:00"')
    clinic.change("nurture.yaml", "senders:", "staff:\n  sam: {name: Sam Ortiz}\nsenders:")
    clinic.import_contacts()
    assert clinic.run("send", "partner-news", "--yes").code == 0
    with open_house(clinic.root) as house, house.store.write() as connection:
        now = house.clock.now()
        rows = connection.execute(
            sa.select(contact.c.address, delivery.c.id, delivery.c.contact_id)
            .join_from(delivery, contact, contact.c.id == delivery.c.contact_id)
            .order_by(contact.c.id)
        )
        for number, (row, words, age, topic) in enumerate(
            zip(
                rows.all(),
                ("Can you see a patient of mine?\n\nMaria", NASTY),
                (timedelta(days=30), timedelta(minutes=1)),
                (ReplyTopic.REFERRAL, ReplyTopic.OTHER),
                strict=True,
            )
        ):
            new = NewReply(
                key=f"k{number}",
                mode=Mode.SANDBOX,
                received_at=now - age,
                account="hello@clinic.example",
                folder="INBOX",
                sender=f"Somebody\r\n\x1b]0;owned\x07 <{row.address}>",
                address=row.address,
                subject="Re: Hello",
                words=words,
                topic=topic,
                message_id=f"k{number}@x.example",
                delivery_id=row.id,
                contact_id=row.contact_id,
            )
            assert replies.take(connection, new) == number + 1
    return clinic


def answer(clinic, number, **ago):
    with open_house(clinic.root) as house, house.store.write() as connection:
        sent_at = house.clock.now() - timedelta(**ago)
        own = OwnAnswer(
            "a", sent_at, "Clinic <hello@clinic.example>", "Of course.", None, (f"k{number}@x.example",), ()
        )
        assert replies.answered(connection, own, mode=Mode.SANDBOX)


def listed(clinic, *more):
    return [each["reply"]["id"] for each in json.loads(clinic.run("replies", "--json", *more).out)["replies"]]


def test_nobody_wrote(clinic):
    ran = clinic.run("replies")
    assert (ran.code, ran.said) == (0, "Nobody waits for an answer.")
    assert "Nobody wrote back" in clinic.run("replies", "--report").said


def test_who_waits_too_long_comes_first_and_ends_with_1(desk):
    ran = desk.run("replies")
    assert ran.code == 1
    assert ran.said.index("Maria Lee") < ran.said.index("Sam Ortiz")
    for words in ("Can you see a patient of mine? Maria", "720 h", "overdue", "referral", "partner-news", "waiting"):
        assert words in ran.said
    found = json.loads(desk.run("replies", "--json").out)
    assert (found["limit"], found["overdue"]) == (8 * 3600, 1)
    assert found["replies"][0]["waited"] >= 30 * 86400


def test_nothing_that_a_stranger_writes_steers_a_terminal(desk):
    for command in (["replies"], ["replies", "--all"], ["replies", "show", "2"], ["replies", "--json"]):
        out = desk.run(*command).out
        assert not set(out) & set("\x1b\x07\x9b\u202e\u2028\r"), command
    assert max(map(len, desk.run("replies").out.splitlines())) <= 200
    assert "x" * 3000 in desk.run("replies", "show", "2").out.replace("\n", "")


def test_an_answer_ends_the_waiting_and_stands_in_the_thread(desk):
    answer(desk, 0, days=29)
    assert listed(desk) == [2]
    assert listed(desk, "--all") == [2, 1]
    said = desk.run("replies", "show", "1").said
    parts = [
        "our mail, partner-news@",
        "Reply to this mail",
        "Can you see a patient",
        "our answer, Clinic",
        "Of course.",
    ]
    assert all(part in said for part in parts)
    assert said.index("Can you see a patient") < said.index("Of course.")


def test_done_snooze_assign(desk):
    assert desk.run("replies", "assign", "1", "sam").said == "Reply 1 is Sam Ortiz's."
    assert "did you mean `sam`" in desk.run("replies", "assign", "1", "sma").said
    ran = desk.run("replies", "snooze", "2", "2 days")
    assert (ran.code, "comes back on" in ran.said) == (0, True)
    assert "1 snoozed reply comes back" in desk.run("replies").said
    assert desk.run("replies", "done", "1").said == "Reply 1 is done."
    assert desk.run("replies").code == 0
    assert "answered or done already" in desk.run("replies", "done", "1").said
    for command in (["snooze", "1", "2 days"], ["assign", "1", "sam"], ["show", "77"], ["done", "77"]):
        assert desk.run("replies", *command).code == 2, command
    assert "done, said" in desk.run("replies", "show", "1").said


@pytest.mark.parametrize(
    ("until", "words"), [("2020-01-01", "is over"), ("soon", "is no time"), ("99999 weeks", ""), ("", "is no time")]
)
def test_a_time_that_is_none(desk, until, words):
    ran = desk.run("replies", "snooze", "1", until)
    assert "Traceback" not in ran.said
    assert words in ran.said


def test_how_soon_answers_come(desk):
    answer(desk, 0, days=29, hours=19)  # after 5 hours
    report = json.loads(desk.run("replies", "--report", "--json").out)
    (month,) = [each for each in report["months"] if each["answered"]]
    assert (round(month["median"]), month["in_time"]) == (5 * 3600, 1.0)
    (campaign,) = report["campaigns"]
    assert (campaign["name"], campaign["replies"], campaign["answered"]) == ("partner-news", 2, 1)
    said = desk.run("replies", "--report").said
    assert "100%" in said
    assert "an answer within 8 h 00 min" in said
