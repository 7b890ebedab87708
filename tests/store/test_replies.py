"""Replies in the database: taken once, answered by whatever the clinic sends back, forgotten in time."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from nurture.audience.erasing import erase_contact
from nurture.store import Store, replies, reply_pages
from nurture.store.replies import NewReply, OwnAnswer
from nurture.store.schema import contact, contact_category, reply
from nurture.vocabulary import Mode, ReplyTopic
from tests.delivery.outbox import NOW, fill_outbox

ANSWERED = NOW + timedelta(hours=5)


def new_reply(key="k1", **changes):
    values = {
        "key": key,
        "mode": Mode.LIVE,
        "received_at": NOW + timedelta(hours=2),
        "account": "hello@clinic.example",
        "folder": "INBOX",
        "sender": "Maria Lee <Lee@Valley-Ortho.example>",
        "address": "Lee@Valley-Ortho.example",
        "subject": "Re: Autumn news",
        "words": "Can you see a patient of mine?",
        "topic": ReplyTopic.REFERRAL,
        "message_id": f"{key}@valley-ortho.example",
    }
    return NewReply(**{**values, **changes})


def own_answer(key="a1", **changes):
    values = {
        "key": key,
        "sent_at": ANSWERED,
        "sender": "Hill Clinic <hello@clinic.example>",
        "words": "Of course.",
        "message_id": f"{key}@clinic.example",
        "answers": (),
        "recipients": (),
    }
    return OwnAnswer(**{**values, **changes})


def take(store, *new):
    with store.write() as connection:
        return [replies.take(connection, each) for each in new]


def answer(store, *answers, mode=Mode.LIVE):
    with store.write() as connection:
        return [replies.answered(connection, each, mode=mode) for each in answers]


def find(store, number):
    with store.read() as connection:
        return reply_pages.find(connection, number, mode=Mode.LIVE)


def open_numbers(store, mode=Mode.LIVE):
    with store.read() as connection:
        return [row.id for row in reply_pages.open_replies(connection, mode=mode)]


def test_a_reply_is_taken_once(store: Store) -> None:
    first, again = take(store, new_reply(), new_reply(words="changed"))
    assert again is None
    row = find(store, first)
    assert (row.words, row.topic, row.ended_at) == ("Can you see a patient of mine?", ReplyTopic.REFERRAL, None)
    assert open_numbers(store) == [first]
    assert open_numbers(store, Mode.SANDBOX) == []


def test_what_a_stranger_writes_is_cleaned_and_cut(store: Store) -> None:
    nasty = "first\x1b[2J\r\n\r\n\n\u202esecond\x00\ud800 " + "x" * 100_000
    (number,) = take(store, new_reply(sender="A\r\nBcc: b@c.example\x07", subject="s" * 5000, words=nasty))
    row = find(store, number)
    assert row.sender == "A Bcc: b@c.example"
    assert row.words.startswith("first [2J\n\nsecond \ufffd xxx")
    assert (len(row.words) <= replies.MAX_WORDS, row.words[-1], len(row.subject)) == (True, "…", 500)


@pytest.mark.parametrize(
    "how",
    [
        {"answers": ("other@x.example", "k1@valley-ortho.example")},  # In-Reply-To or References
        {"recipients": ("lee@valley-ortho.EXAMPLE",)},  # a new mail to the same person
    ],
)
def test_our_answer_stops_the_clock(store: Store, how) -> None:
    (number,) = take(store, new_reply())
    assert answer(store, own_answer(**how)) == [(number,)]
    assert answer(store, own_answer(**how))[0] in ((), (number,))  # seen again in another folder
    row = find(store, number)
    assert (row.answered_at, row.ended_at) == (ANSWERED, ANSWERED)
    assert open_numbers(store) == []
    with store.read() as connection:
        (said,) = reply_pages.thread(connection, number, mode=Mode.LIVE).answers
    assert said.words == "Of course."


@pytest.mark.parametrize(
    "other",
    [
        {"recipients": ("somebody@else.example",), "answers": ("k2@valley-ortho.example",)},
        {"recipients": ("lee@valley-ortho.example",), "sent_at": NOW + timedelta(hours=1)},  # before they wrote
        {"recipients": ("lee@valley-ortho.example",), "automatic": True},  # our own "out of office"
        {"recipients": ("lee@valley-ortho.example",), "message_id": "m1@clinic.example"},  # the next newsletter
        {},
    ],
)
def test_what_is_no_answer_stops_nothing(store: Store, other) -> None:
    outbox = fill_outbox(store)
    outbox.set(outbox.delivery_ids[0], message_id="<m1@clinic.example>")
    (number,) = take(store, new_reply())
    assert answer(store, own_answer(**other)) == [()]
    assert open_numbers(store) == [number]


def test_a_rehearsals_replies_are_another_matter(store: Store) -> None:
    (number,) = take(store, new_reply())
    assert answer(store, own_answer(recipients=("lee@valley-ortho.example",)), mode=Mode.SANDBOX) == [()]
    assert open_numbers(store) == [number]


def test_the_first_answer_counts_in_whatever_order_they_are_read(store: Store) -> None:
    (number,) = take(store, new_reply())
    named = {"answers": ("k1@valley-ortho.example",)}
    late, early = own_answer("a2", sent_at=ANSWERED + timedelta(days=1), **named), own_answer("a1", **named)
    answer(store, late, early, late)
    assert find(store, number).answered_at == ANSWERED
    with store.read() as connection:
        assert len(reply_pages.thread(connection, number, mode=Mode.LIVE).answers) == 2


def test_an_answer_by_a_clock_that_goes_wrong_is_not_before_the_question(store: Store) -> None:
    (number,) = take(store, new_reply())
    answer(store, own_answer(sent_at=NOW - timedelta(days=1), answers=("k1@valley-ortho.example",)))
    assert find(store, number).answered_at == NOW + timedelta(hours=2)


def test_one_answer_ends_all_that_the_person_asked(store: Store) -> None:
    first, second, other = take(
        store,
        new_reply(),
        new_reply("k2", received_at=NOW + timedelta(hours=3)),
        new_reply("k3", address="gym@x.example"),
    )
    assert answer(store, own_answer(recipients=("lee@valley-ortho.example",))) == [(first, second)]
    assert open_numbers(store) == [other]


def test_done_snoozed_assigned(store: Store) -> None:
    first, second = take(store, new_reply(), new_reply("k2", address="gym@x.example"))
    with store.write() as connection:
        assert replies.done(connection, first, by="sam", now=ANSWERED)
        assert not replies.done(connection, first, by="pat", now=ANSWERED + timedelta(hours=1))
        assert not replies.assign(connection, first, "pat")
        assert replies.snooze(connection, second, until=ANSWERED)
        assert replies.assign(connection, second, "pat")
    assert (find(store, first).done_by, find(store, first).ended_at) == ("sam", ANSWERED)
    assert (find(store, second).snoozed_until, find(store, second).assigned_to) == (ANSWERED, "pat")
    assert open_numbers(store) == [second]


def test_words_are_forgotten_in_time_and_times_stay(store: Store) -> None:
    old, young = take(store, new_reply(), new_reply("k2", received_at=NOW + timedelta(days=1)))
    answer(store, own_answer(answers=("k1@valley-ortho.example",)))
    with store.write() as connection:
        assert replies.forget_words(connection, before=NOW + timedelta(hours=3)) == 1
        assert replies.forget_words(connection, before=NOW + timedelta(hours=3)) == 0
        thread = reply_pages.thread(connection, old, mode=Mode.LIVE)
        (times, _) = reply_pages.times_since(connection, NOW, mode=Mode.LIVE)
    assert (thread.reply.words, thread.reply.subject, thread.answers[0].words) == (None, None, None)
    assert times.ended_at == ANSWERED
    assert find(store, young).words


def test_an_erased_person_leaves_no_words_and_nobody_waits(store: Store) -> None:
    outbox = fill_outbox(store)
    (delivery_id,) = outbox.delivery_ids
    (contact_id,) = outbox.column("contact_id")
    whole = {"delivery_id": delivery_id, "contact_id": contact_id}
    answered, waiting, colleague = take(
        store,
        new_reply(**whole),
        new_reply("k2", **whole, received_at=ANSWERED + timedelta(days=1)),
        new_reply("k3", delivery_id=delivery_id, address="colleague@x.example"),
    )
    answer(store, own_answer(answers=("k1@valley-ortho.example",)))
    erase_contact(store, str(contact_id), now=NOW + timedelta(days=3))
    with store.read() as connection:
        for row in connection.execute(sa.select(reply)).mappings():
            kept = {name for name, value in row.items() if value not in (None, [])}
            assert not kept & {"contact_id", "sender", "sender_key", "subject", "words", "message_id", "references"}
        said = [each.words for each in reply_pages.thread(connection, answered, mode=Mode.LIVE).answers]
        times = list(reply_pages.times_since(connection, NOW, mode=Mode.LIVE))
    assert said == [None]
    assert open_numbers(store) == []
    assert find(store, waiting).done_by == find(store, colleague).done_by == "erasure"
    assert [each.ended_at for each in times] == [ANSWERED]  # nobody let the others wait
    # the mail is still in the mailbox: read again, it brings nothing back
    assert take(store, new_reply(**whole)) == [None]


def test_who_is_private(store: Store) -> None:
    outbox = fill_outbox(store, recipients=2)
    partner, patient = outbox.column("contact_id")
    with store.write() as connection:
        connection.execute(sa.update(contact).where(contact.c.id == partner).values(first_name="Maria", title="Dr."))
        connection.execute(sa.insert(contact_category).values(contact_id=patient, category="past_patient"))
    numbers = take(
        store,
        new_reply("k1", contact_id=partner),
        new_reply("k2", contact_id=patient),
        new_reply("k3"),  # somebody whom we do not know
        new_reply("k4", organization_id=1),
    )
    rows = [find(store, number) for number in numbers]
    assert [row.private for row in rows] == [False, True, True, False]
    assert rows[0].person.startswith("Dr. Maria")


def test_a_thread_holds_what_one_person_wrote_to_one_mail(store: Store) -> None:
    outbox = fill_outbox(store, recipients=2)
    first, second = outbox.delivery_ids
    numbers = take(
        store,
        new_reply("k1", delivery_id=first),
        new_reply("k2", delivery_id=first, received_at=NOW + timedelta(hours=4)),
        new_reply("k3", references=("k2@valley-ortho.example",), received_at=NOW + timedelta(hours=6)),
        new_reply("k4", delivery_id=second),
        new_reply("k5", delivery_id=first, address="gym@x.example"),
    )
    with store.read() as connection:
        assert [row.id for row in reply_pages.thread(connection, numbers[0], mode=Mode.LIVE).others] == [numbers[1]]
        assert [row.id for row in reply_pages.thread(connection, numbers[2], mode=Mode.LIVE).others] == [numbers[1]]
        assert reply_pages.thread(connection, 999, mode=Mode.LIVE) is None
