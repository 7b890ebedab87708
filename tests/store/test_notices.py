"""What was shown and said of editions that are not made yet: once for each content, on both databases."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from nurture.store import Store, notices
from nurture.store.editions import EditionId
from nurture.store.notices import NoticeRow
from nurture.vocabulary import Mode

NOW = datetime(2026, 11, 30, 14, 30, tzinfo=UTC)
DUE = NOW + timedelta(days=1)
MINUTE = timedelta(minutes=1)
NAME = EditionId("partner-news", "2026-12-01T09:30")


def record(store: Store, digest: str, *, at: datetime = NOW) -> NoticeRow:
    with store.write() as connection:
        return notices.record(connection, NAME, mode=Mode.LIVE, digest=digest, due_at=DUE, now=at)


def known(store: Store) -> list[str]:
    with store.read() as connection:
        return [row.digest for row in notices.of_edition(connection, NAME, mode=Mode.LIVE)]


def test_the_content_seen_last_is_in_force(store: Store) -> None:
    first = record(store, "a")
    assert record(store, "a", at=NOW + MINUTE) == first, "nothing new"
    second = record(store, "b", at=NOW + 2 * MINUTE)
    assert known(store) == ["a", "b"]
    again = record(store, "a", at=NOW + 3 * MINUTE)
    assert again.id == first.id
    assert known(store) == ["b", "a"], "an edit that was undone is what it was"
    with store.read() as connection:
        assert notices.in_force(connection, mode=Mode.LIVE, due_after=DUE)[NAME].digest == "a"
        assert notices.in_force(connection, mode=Mode.LIVE, due_after=DUE + MINUTE) == {}
        assert notices.of_edition(connection, NAME, mode=Mode.SANDBOX) == ()
    assert second.id != first.id


def test_of_many_who_try_at_once_one_does(store: Store, open_database) -> None:
    row, begun = record(store, "a"), []
    stores = [open_database() for _ in range(4)]
    start = threading.Barrier(4)

    def attempt(number: int) -> None:
        start.wait(10)
        with stores[number].write() as connection:
            found = notices.begin_try(connection, row.id, message_id=f"<{number}@x>", until=NOW + 10 * MINUTE, now=NOW)
            if found is not None:
                begun.append(found.message_id)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(begun) == 1


def test_many_who_record_one_content_at_once_make_one_row(store: Store, open_database) -> None:
    stores, found = [open_database() for _ in range(4)], []
    start = threading.Barrier(4)

    def look(number: int) -> None:
        start.wait(10)
        found.append(record(stores[number], "a").id)

    threads = [threading.Thread(target=look, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 4
    assert set(found) == {found[0]}


def test_a_try_that_nobody_ended_is_repeated_as_the_same_mail(store: Store) -> None:
    row = record(store, "a")

    def begin(message_id: str, at: datetime) -> NoticeRow | None:
        with store.write() as connection:
            return notices.begin_try(connection, row.id, message_id=message_id, until=at + 10 * MINUTE, now=at)

    first = begin("<1@x>", NOW)
    assert first is not None
    assert begin("<2@x>", NOW + 9 * MINUTE) is None
    again = begin("<3@x>", NOW + 10 * MINUTE)
    assert again is not None
    assert (again.message_id, again.tries) == ("<1@x>", 2)


@pytest.mark.parametrize("again_at", [None, NOW + 5 * MINUTE])
def test_what_a_try_brought(store: Store, again_at: datetime | None) -> None:
    row = record(store, "a")
    with store.write() as connection:
        assert notices.begin_try(connection, row.id, message_id="<1@x>", until=NOW + MINUTE, now=NOW)
        notices.end_try(connection, row.id, taken_by={"b@x", "a@x"}, again_at=again_at, now=NOW)
        (kept,) = notices.of_edition(connection, NAME, mode=Mode.LIVE)
        assert kept.taken_by == ("a@x", "b@x")
        assert kept.sent_at == (NOW if again_at is None else None)
        later = NOW + 4 * MINUTE
        assert notices.begin_try(connection, row.id, message_id="<2@x>", until=later, now=later) is None
        later = NOW + 5 * MINUTE
        begun = notices.begin_try(connection, row.id, message_id="<2@x>", until=later, now=later)
        assert (begun is None) is (again_at is None), "what is sent is sent"
