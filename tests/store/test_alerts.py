from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from nurture.store import Store, alerts
from nurture.vocabulary import AlertKind

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def test_raised_twice_equals_once_with_the_last_words(open_database: Callable[[], Store]) -> None:
    with open_database().write() as connection:
        assert alerts.raise_alert(connection, AlertKind.SENDER_STOPPED, "clinic", "535 wrong password", NOW)
    with open_database().write() as connection:
        assert not alerts.raise_alert(connection, AlertKind.SENDER_STOPPED, "clinic", "535 still wrong", LATER)
        (alert,) = alerts.open_alerts(connection)
    assert (alert.message, alert.raised_at, alert.seen_at) == ("535 still wrong", NOW, LATER)


def test_a_resolved_alert_can_come_back(store: Store) -> None:
    with store.write() as connection:
        alerts.raise_alert(connection, AlertKind.FEED_FAILED, "industry", "404", NOW)
        assert alerts.resolve_alert(connection, AlertKind.FEED_FAILED, "industry", LATER)
        assert not alerts.resolve_alert(connection, AlertKind.FEED_FAILED, "industry", LATER)
        assert alerts.open_alerts(connection) == ()
        assert alerts.raise_alert(connection, AlertKind.FEED_FAILED, "industry", "404", LATER)
        assert [alert.raised_at for alert in alerts.open_alerts(connection)] == [LATER]


def test_alerts_of_other_subjects_stay(store: Store) -> None:
    with store.write() as connection:
        for subject in ("plan", "deliver"):
            alerts.raise_alert(connection, AlertKind.JOB_FAILED, subject, "no space", NOW)
        alerts.resolve_alert(connection, AlertKind.JOB_FAILED, "plan", LATER)
        assert [alert.subject for alert in alerts.open_alerts(connection)] == ["deliver"]


def test_all_of_a_kind_end_but_not_those_about_something_else(store: Store) -> None:
    with store.write() as connection:
        for subject in ("pc_1: worker 2", "pc_1: worker 3", "pcx1: worker 2"):
            alerts.raise_alert(connection, AlertKind.WORKER_DIED, subject, "ended", NOW)
        alerts.raise_alert(connection, AlertKind.JOB_FAILED, "pc_1: worker 2", "no space", NOW)
        alerts.resolve_all(connection, AlertKind.WORKER_DIED, LATER, beginning="pc_1: ")
        left = [(alert.kind, alert.subject) for alert in alerts.open_alerts(connection)]
        assert left == [(AlertKind.WORKER_DIED, "pcx1: worker 2"), (AlertKind.JOB_FAILED, "pc_1: worker 2")]
        assert alerts.words_of(connection, AlertKind.WORKER_DIED, "pc_1: worker 2") is None
        assert alerts.words_of(connection, AlertKind.JOB_FAILED, "pc_1: worker 2") == "no space"


def test_of_two_that_tell_only_one_gets_an_alert(open_database: Callable[[], Store]) -> None:
    with open_database().write() as connection:
        alerts.raise_alert(connection, AlertKind.FEED_FAILED, "industry", "404", NOW)
        (found,) = alerts.untold(connection, "mailed_at")
    number = found.alert.id
    with open_database().write() as connection:
        assert alerts.take(connection, "mailed_at", [number], LATER) == (number,)
    with open_database().write() as connection:
        assert alerts.take(connection, "mailed_at", [number], LATER) == ()
        assert alerts.untold(connection, "mailed_at") == ()
        assert [each.alert.id for each in alerts.untold(connection, "commanded_at")] == [number]
        alerts.give_back(connection, "mailed_at", [number])
        assert alerts.mailings_since(connection, NOW) == 0
        assert alerts.take(connection, "mailed_at", [number], LATER) == (number,)
        assert alerts.mailings_since(connection, NOW) == 1


def test_a_person_closes_one_and_it_may_come_back(store: Store) -> None:
    with store.write() as connection:
        alerts.raise_alert(connection, AlertKind.FEED_FAILED, "industry", "404", NOW)
        (alert,) = alerts.open_alerts(connection)
        alerts.take(connection, "mailed_at", [alert.id], NOW)
        assert alerts.done(connection, alert.id, LATER) == alert
        assert alerts.done(connection, alert.id, LATER) is None
        assert alerts.raise_alert(connection, AlertKind.FEED_FAILED, "industry", "404", LATER)
        (back,) = alerts.untold(connection, "mailed_at")
    assert (back.alert.raised_at, back.last_told) == (LATER, NOW)
