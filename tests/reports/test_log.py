"""The delivery log: filters, pages, following, one delivery in full, sheets."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from nurture.audience.private_csv import formula_safe
from nurture.errors import InputError, NotFoundError
from nurture.reports.log import SHEET_HEADER, Follower, LogQuery, delivery_history, log_page, write_log_sheet
from nurture.reports.sheets import write_sheet
from nurture.store import log as store_log
from nurture.store import news
from nurture.store.log_pages import Filter, Position
from nurture.store.schema import delivery
from nurture.vocabulary import AttemptOutcome, DeliveryState, EventKind, Mode

NOW = datetime(2026, 12, 1, 14, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
S = DeliveryState


def ids(history: Any, **query: Any) -> list[int]:
    return [row.id for row in log_page(history.store, LogQuery(**query)).deliveries]


def test_each_filter_and_all_together(history: Any) -> None:
    lee = history.contact("dr.lee@practice.example")
    news, offer = history.edition("partner-news"), history.edition("gym-offer", "1")
    first = history.delivery(news, S.SENT, contact_id=lee, next_attempt_at=NOW)
    second = history.delivery(news, S.FAILED, next_attempt_at=NOW + HOUR)
    third = history.delivery(offer, S.QUEUED, contact_id=lee, next_attempt_at=NOW + 2 * HOUR)

    assert ids(history) == [third, second, first]
    assert ids(history, campaign="partner-news") == [second, first]
    assert ids(history, edition="gym-offer@1") == [third]
    assert ids(history, contact="Dr.Lee@Practice.example") == [third, first]
    assert ids(history, states=(S.SENT,)) == [first]
    assert ids(history, states=(S.SENT, S.FAILED)) == [second, first]
    assert ids(history, since=NOW + HOUR) == [third, second]
    assert ids(history, until=NOW + HOUR) == [first]
    assert ids(history, campaign="partner-news", contact="dr.lee@practice.example", states=(S.SENT,)) == [first]
    assert ids(history, campaign="partner-news", edition="gym-offer@1") == []
    assert ids(history, mode=Mode.LIVE) == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"campaign": "partner-new"}, "there is no edition of partner-new yet; there are editions of partner-news"),
        ({"edition": "partner-news@2026-12-02T09:30"}, "the last ones are partner-news@2026-12-01T09:30"),
        ({"edition": "partner-news"}, "there is no edition partner-news; the last ones are"),
        ({"contact": "nobody@club.example"}, "there is no contact with the address nobody@club.example"),
    ],
)
def test_what_is_not_there_is_told(history: Any, query: dict[str, str], words: str) -> None:
    history.edition()
    with pytest.raises(NotFoundError, match=words):
        log_page(history.store, LogQuery(**query))


def test_times_the_wrong_way_round(history: Any) -> None:
    with pytest.raises(InputError, match="--since must be earlier than --until"):
        log_page(history.store, LogQuery(since=NOW, until=NOW))


def test_pages_hold_every_delivery_once_also_with_equal_times(history: Any) -> None:
    which = history.edition()
    made = [history.delivery(which, next_attempt_at=NOW + (number // 3) * HOUR) for number in range(10)]
    found: list[int] = []
    sizes: list[int] = []
    after: Position | None = None
    while True:
        page = log_page(history.store, LogQuery(), after=after, limit=4)
        found += [row.id for row in page.deliveries]
        sizes.append(len(page.deliveries))
        if page.next is None:
            break
        after = page.next
    assert found == made[::-1]
    assert sizes == [4, 4, 2]


def test_a_row_shows_the_last_words_of_the_server(history: Any) -> None:
    sent = history.delivery(history.edition(), S.SENT)
    history.attempt(sent, AttemptOutcome.RETRY, 451, "4.7.1", "greylisted, come back", number=2)
    (row,) = log_page(history.store, LogQuery()).deliveries
    assert row.last_attempt is not None
    assert (row.last_attempt.number, row.last_attempt.code) == (2, 451)
    assert row.last_attempt.answer == "greylisted, come back"
    assert row.edition == "partner-news@2026-12-01T09:30"


def test_one_delivery_in_full(history: Any) -> None:
    with history.store.write() as connection:
        (list_id,) = news.keep_lists(connection, {("file:n0", "file:n1")}).values()
    failed = history.delivery(
        history.edition(), S.FAILED, values={"contact": {"greeting": "Dr. Lee"}}, news_list_id=list_id
    )
    history.attempt(failed, AttemptOutcome.RETRY, 450, "4.2.1", "mailbox busy", number=2)
    history.event(EventKind.PLANNED, failed)
    history.event(EventKind.FAILED, failed, data={"code": 550})
    found = delivery_history(history.store, failed)
    assert [attempt.answer for attempt in found.attempts] == ["no such user", "mailbox busy"]
    assert [event.kind for event in found.events] == [EventKind.PLANNED, EventKind.FAILED]
    assert found.events[1].data == {"code": 550}
    assert found.news_ids == ("file:n0", "file:n1")
    assert found.values == {"contact": {"greeting": "Dr. Lee"}}
    with pytest.raises(NotFoundError, match="there is no delivery 4711"):
        delivery_history(history.store, 4711)


class TestFollowing:
    def test_only_what_is_new_and_only_once(self, history: Any) -> None:
        which = history.edition()
        first = history.delivery(which)
        history.event(EventKind.PLANNED, first)
        follower = Follower(history.store, LogQuery())
        assert follower.news() == ()
        history.event(EventKind.SENT, first)
        history.change(delivery, first, state=S.SENT)
        assert [(new.event.kind, new.delivery.id, new.delivery.state) for new in follower.news()] == [
            (EventKind.SENT, first, S.SENT)
        ]
        assert follower.news() == ()

    def test_only_what_fits_the_query(self, history: Any) -> None:
        news, offer = history.edition("partner-news"), history.edition("gym-offer", "1")
        follower = Follower(history.store, LogQuery(campaign="gym-offer"))
        history.event(EventKind.PLANNED, history.delivery(news))
        history.event(EventKind.IMPORTED)
        wanted = history.delivery(offer)
        history.event(EventKind.PLANNED, wanted)
        assert [new.delivery.id for new in follower.news()] == [wanted]

    def test_a_smaller_number_that_is_committed_later_is_not_lost(self, history: Any) -> None:
        which = history.delivery(history.edition())
        follower = Follower(history.store, LogQuery())
        history.event(EventKind.SENT, which, id=200)
        assert [new.event.id for new in follower.news()] == [200]
        history.event(EventKind.FAILED, which, id=199)
        assert [new.event.id for new in follower.news()] == [199]

    def test_more_than_one_read_holds(self, history: Any) -> None:
        which = history.delivery(history.edition())
        follower = Follower(history.store, LogQuery())
        with history.store.write() as connection:
            row = {"kind": EventKind.OPENED, "at": NOW, "delivery_id": which, "data": {}}
            connection.execute(sa.insert(store_log.event), [row] * 2500)
        assert len(follower.news()) == 2500
        assert follower.news() == ()


class TestSheets:
    @pytest.mark.parametrize(
        ("value", "cell"),
        [
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("+1 555-0100", "'+1 555-0100"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\n=1", "'\n=1"),
            ("\uff1d1", "'\uff1d1"),
            ("dr.lee@practice.example", "dr.lee@practice.example"),
            (-2, "-2"),
            (None, ""),
            (S.SENT, "sent"),
            (NOW, "2026-12-01T14:30:00+00:00"),
        ],
    )
    def test_cells(self, value: object, cell: str) -> None:
        assert formula_safe(value) == cell

    @given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=2)))
    def test_what_is_written_is_read_back_and_starts_no_formula(self, rows: list[list[str]]) -> None:
        file = io.StringIO(newline="")
        assert write_sheet(file, ("a", "b"), rows) == len(rows)
        read = list(csv.reader(io.StringIO(file.getvalue(), newline="")))
        assert [[cell.removeprefix("'") for cell in row] for row in read[1:]] == [
            [cell.removeprefix("'") for cell in row] for row in rows
        ]
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in read for cell in row)

    def test_the_log_as_a_sheet(self, history: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("nurture.reports.log._SHEET_PAGE", 2)
        which = history.edition()
        for _ in range(5):
            history.delivery(which, S.FAILED)
        history.delivery(which, S.QUEUED, address="=cmd@club.example")
        file = io.StringIO(newline="")
        assert write_log_sheet(history.store, LogQuery(), file) == 6
        rows = list(csv.DictReader(io.StringIO(file.getvalue(), newline="")))
        assert tuple(rows[0]) == SHEET_HEADER
        assert rows[0]["address"] == "'=cmd@club.example"
        assert [row["answer"] for row in rows] == ["", *["no such user"] * 5]


PAGES = [
    Filter(Mode.SANDBOX),
    Filter(Mode.SANDBOX, campaign="partner-news"),
    Filter(Mode.SANDBOX, edition_id=1),
    Filter(Mode.SANDBOX, edition_id=1, states=(S.FAILED,)),
    Filter(Mode.SANDBOX, contact_ids=(1,)),
    Filter(Mode.SANDBOX, contact_ids=(1,), campaign="partner-news", states=(S.SENT,)),
    Filter(Mode.SANDBOX, edition_id=1, campaign="partner-news"),
    Filter(Mode.SANDBOX, states=(S.FAILED,)),
    Filter(Mode.SANDBOX, states=(S.FAILED, S.UNCERTAIN)),
    Filter(Mode.SANDBOX, since=NOW),
    Filter(Mode.SANDBOX, since=NOW, until=NOW + HOUR),
    Filter(Mode.SANDBOX, campaign="partner-news", states=(S.SENT,), since=NOW),
]


MANY = sa.text("""
    WITH RECURSIVE number(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM number WHERE i < :last)
    INSERT INTO delivery (mode, edition_id, campaign, contact_id, recipient_key, variant, state, consent_mask,
      not_before, not_after, next_attempt_at, created_at)
    SELECT mode, edition_id, campaign, NULL, 'key ' || i, variant, CASE i % 7 WHEN 0 THEN 'failed' ELSE 'sent' END,
      consent_mask, not_before, not_after, CASE i % 2 WHEN 0 THEN next_attempt_at ELSE :earlier END, created_at
    FROM number, delivery WHERE delivery.id = 1
""")


class TestPagesStayFast:
    """No page reads the whole log: it takes the same steps whatever the log's size, also among equal times."""

    @staticmethod
    def grow(history: Any, first: int, last: int) -> None:
        with history.store.write() as connection:
            earlier = (NOW - HOUR).strftime("%Y-%m-%d %H:%M:%S.%f")
            connection.execute(MANY, {"first": first, "last": last, "earlier": earlier})

    @staticmethod
    def steps(history: Any, run: Callable[[sa.Connection], object]) -> int:
        """How many instructions of SQLite's virtual machine it takes, in tens."""
        taken = 0

        def count() -> int:
            nonlocal taken
            taken += 1
            return 0

        with history.store.read() as connection:
            connection.connection.driver_connection.set_progress_handler(count, 10)
            try:
                run(connection)
            finally:
                connection.connection.driver_connection.set_progress_handler(None, 0)
        return taken

    @pytest.mark.parametrize("after", [None, Position(NOW, 1500), Position(NOW - HOUR, 1000)])
    @pytest.mark.parametrize("which", PAGES)
    def test_a_page(self, sqlite_history: Any, which: Filter, after: Position | None) -> None:
        person = sqlite_history.contact("dr.lee@practice.example")
        sqlite_history.delivery(sqlite_history.edition(), S.SENT, contact_id=person)
        self.grow(sqlite_history, 2, 2_000)

        def page(connection: sa.Connection) -> None:
            store_log.page(connection, which, after=after, limit=20)

        before = self.steps(sqlite_history, page)
        self.grow(sqlite_history, 2_001, 10_000)
        assert self.steps(sqlite_history, page) <= before * 1.2 + 20

    def test_following_reads_only_the_end(self, sqlite_history: Any) -> None:
        with sqlite_history.store.read() as connection:
            query = store_log.happened_after_query(Filter(Mode.SANDBOX), event_id=4711)
            text = query.compile(connection, compile_kwargs={"render_postcompile": True})
            raw = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (None,) * len(text.positiontup or ()))
            steps = [row[3] for row in raw]
        assert not [step for step in steps if step.startswith("SCAN")], steps
