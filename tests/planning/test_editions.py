"""From files and people to editions with one row for each person who is meant."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from nurture.errors import ComposeError, InputError, NotFoundError, Problem
from nurture.store import alerts, asking, campaigns, editions, meta
from nurture.store.editions import EditionId
from nurture.store.schema import delivery, event
from nurture.vocabulary import AlertKind, EditionReason, EditionState, EventKind, Mode

DECEMBER = "partner-news@2026-12-01T09:30"  # a Tuesday; 14:30 UTC
JANUARY = "partner-news@2027-01-05T09:30"


def open_alerts(clinic) -> set[tuple[str, str]]:
    with clinic.store.read() as connection:
        return {(alert.kind, alert.subject) for alert in alerts.open_alerts(connection)}


def test_an_edition_is_planned_once_when_its_time_comes(any_clinic):
    clinic = any_clinic
    clinic.campaign("partner-news")
    people = clinic.people(3)
    assert not clinic.plan("2026-11-25T12:00").planned
    assert not clinic.plan("2026-12-01T14:29").planned
    assert [str(row.public_id) for row in clinic.plan("2026-12-01T14:30").planned] == [DECEMBER]
    assert not clinic.plan("2026-12-01T14:31").planned
    made = clinic.edition(DECEMBER)
    assert (made.state, made.planned, made.topic, made.sender) == (EditionState.READY, 3, "partner-news", "clinic")
    assert clinic.rows(DECEMBER) == dict.fromkeys(people, ("queued", None))
    with clinic.store.read() as connection:
        content = editions.content_of(connection, made.id)
        planned = connection.execute(sa.select(event.c.data).where(event.c.kind == EventKind.PLANNED)).scalar_one()
        rows = connection.execute(sa.select(delivery)).all()
    assert content == {"campaign": "partner-news", "news": [], "at": "2026-12-01T09:30"}
    assert planned == {"planned": 3, "skipped": 0}
    assert {row.not_before.isoformat() for row in rows} == {"2026-12-01T14:30:00+00:00"}
    assert {row.not_after.isoformat() for row in rows} == {"2026-12-04T14:30:00+00:00"}
    assert {row.recipient_key for row in rows} == {f"hash of {row.address}" for row in rows}


def test_nothing_is_written_while_nothing_happens(clinic):
    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    version = sa.text("PRAGMA data_version")
    with clinic.store.read() as connection:
        connection.execute(version)
    with clinic.store.read() as watcher:
        before = watcher.execute(sa.text("SELECT count(*), max(last_seen_at) FROM campaign_version")).one()
    clinic.plan("2026-11-25T12:01")
    with clinic.store.read() as watcher:
        assert watcher.execute(sa.text("SELECT count(*), max(last_seen_at) FROM campaign_version")).one() == before


def test_readers_in_other_zones_get_it_in_their_own_working_hours(clinic):
    clinic.campaign("partner-news")
    gym = clinic.organization("Gym", time_zone="America/Los_Angeles")
    (here,), (west,), (east,) = (
        clinic.people(1),
        clinic.people(1, organization_id=gym),
        clinic.people(1, organization_id=gym, time_zone="Asia/Tokyo"),
    )
    clinic.plan("2026-11-25T12:00")
    clinic.plan("2026-12-01T14:30")
    with clinic.store.read() as connection:
        starts = {row.contact_id: f"{row.not_before:%d %H:%M}" for row in connection.execute(sa.select(delivery))}
    assert starts == {here: "01 14:30", west: "01 16:00", east: "01 23:00"}


def test_what_was_slept_through_goes_late_but_not_at_night(clinic):
    clinic.campaign("partner-news")
    clinic.people(1)
    clinic.plan("2026-11-25T12:00")
    clinic.plan("2026-12-03T02:00")  # 21:00 on Wednesday evening
    with clinic.store.read() as connection:
        row = connection.execute(sa.select(delivery)).one()
    assert row.not_before.isoformat() == "2026-12-03T13:00:00+00:00"
    assert row.not_after.isoformat() == "2026-12-04T14:30:00+00:00"


def test_what_was_slept_through_for_too_long_is_recorded_as_missed(any_clinic):
    clinic = any_clinic
    clinic.campaign("partner-news")
    clinic.people(1)
    clinic.plan("2026-11-25T12:00")
    report = clinic.plan("2027-01-20T12:00")
    assert [str(undone.id) for undone in report.missed] == [DECEMBER, JANUARY]
    missed = clinic.edition(DECEMBER)
    assert (missed.state, missed.reason, missed.planned) == (EditionState.MISSED, EditionReason.TOO_LATE, 0)
    assert open_alerts(clinic) == {(AlertKind.EDITION_MISSED, DECEMBER), (AlertKind.EDITION_MISSED, JANUARY)}
    assert not clinic.plan("2027-01-20T12:01").missed
    clinic.plan("2027-02-02T14:30")  # the next one goes out: the alerts have told what they had to tell
    assert open_alerts(clinic) == set()


def test_nothing_before_the_first_load_is_ever_planned(clinic):
    clinic.people(1)
    clinic.campaign("partner-news")
    clinic.plan("2026-12-01T14:31")
    clinic.plan("2026-12-02T15:00")
    assert clinic.names() == {}


def test_nothing_before_going_live_is_ever_planned_and_the_sandbox_does_not_count(clinic):
    clinic.people(1)
    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    clinic.plan("2026-12-01T14:30")
    with clinic.store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, clinic.now + timedelta(minutes=1))
    clinic.plan("2026-12-01T14:32")
    assert len(clinic.names()) == 1
    clinic.plan("2027-01-05T14:30")
    assert clinic.edition(JANUARY, mode=Mode.LIVE).planned == 1


def test_a_broadcast_goes_once_until_its_number_is_raised(clinic):
    clinic.people(1)
    clinic.campaign("open-house", kind="broadcast", schedule="2026-12-01 at 09:30")
    clinic.plan("2026-11-25T12:00")
    clinic.plan("2026-12-01T14:30")
    clinic.deliver()
    clinic.campaign("open-house", kind="broadcast", schedule="2026-12-08 at 09:30")
    clinic.plan("2026-12-02T14:30")
    clinic.plan("2026-12-08T14:30")
    assert clinic.names() == {"open-house@1": "ready"}
    clinic.campaign("open-house", kind="broadcast", schedule="2026-12-15 at 09:30", edition="2")
    clinic.plan("2026-12-09T14:30")
    clinic.plan("2026-12-15T14:30")
    assert clinic.names() == {"open-house@1": "finished", "open-house@2": "ready"}


def test_an_edited_schedule_asks_before_a_second_edition_in_its_period(clinic):
    clinic.people(1)
    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    clinic.plan("2026-12-01T14:30")
    clinic.deliver()
    clinic.campaign("partner-news", schedule="second tuesday at 09:30")
    clinic.plan("2026-12-02T12:00")
    second = "partner-news@2026-12-08T09:30"
    assert [str(undone.id) for undone in clinic.plan("2026-12-08T14:30").waiting] == [second]
    assert open_alerts(clinic) == {(AlertKind.CONFIRM_EDITION, second)}
    with clinic.store.write() as connection:
        assert not asking.answer(connection, "partner", now=clinic.now)
        assert asking.answer(connection, "partner-news", now=clinic.now)
        assert not asking.answer(connection, "partner-news", now=clinic.now)  # once is enough
    clinic.plan("2026-12-08T15:30")
    assert clinic.names() == {DECEMBER: "finished", second: "ready"}
    assert open_alerts(clinic) == set()


def test_a_question_that_nobody_answers_ends_as_missed(clinic):
    clinic.people(1)
    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    clinic.plan("2026-12-01T14:30")
    clinic.campaign("partner-news", schedule="second tuesday at 09:30")
    clinic.plan("2026-12-02T12:00")
    clinic.plan("2026-12-08T14:30")
    clinic.plan("2026-12-12T14:30")
    second = "partner-news@2026-12-08T09:30"
    assert clinic.edition(second).state == EditionState.MISSED
    assert open_alerts(clinic) == {(AlertKind.EDITION_MISSED, second)}


def test_a_renamed_file_asks(clinic):
    clinic.people(1)
    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    (clinic.root / "campaigns/partner-news.yaml").rename(clinic.root / "campaigns/news-for-partners.yaml")
    clinic.plan("2026-11-26T12:00")
    report = clinic.plan("2026-12-01T14:30")
    assert [undone.words for undone in report.waiting] == ["the file equals partner-news, which has vanished"]
    with clinic.store.write() as connection:
        campaigns.confirm(connection, "news-for-partners", mode=Mode.SANDBOX, now=clinic.now)
    clinic.plan("2026-12-01T14:31")
    assert clinic.names() == {"news-for-partners@2026-12-01T09:30": "ready"}


def test_a_copied_file_does_not_ask(clinic):
    clinic.people(1)
    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    clinic.campaign("more-news")
    clinic.plan("2026-11-26T12:00")
    clinic.plan("2026-12-01T14:30")
    assert set(clinic.names()) == {DECEMBER, "more-news@2026-12-01T09:30"}


@pytest.mark.parametrize("edited", ["2026-12-01T14:25", "2026-12-01T14:29:50"])
def test_an_edit_just_before_its_time_delays_an_edition_until_the_file_is_quiet(clinic, edited):
    clinic.people(1)
    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    clinic.plan("2026-12-01T14:24")
    moment = clinic.now.fromisoformat(edited).replace(tzinfo=clinic.now.tzinfo)
    clinic.campaign("partner-news", subject="Better news", changed=moment)
    assert [u.words for u in clinic.plan("2026-12-01T14:30:10").waiting] == [
        "the file was changed less than 10 minutes ago"
    ]
    clinic.plan("2026-12-01T14:41")
    assert clinic.names() == {DECEMBER: "ready"}


def test_a_pause_stops_planning_and_what_passes_meanwhile_is_missed(any_clinic):
    clinic = any_clinic
    clinic.people(1)
    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    with clinic.store.write() as connection:
        assert campaigns.pause(connection, campaigns.ALL, by="owner", now=clinic.now)
        assert not campaigns.pause(connection, campaigns.ALL, by="owner", now=clinic.now)
        assert campaigns.is_paused(connection, "partner-news")
    clinic.plan("2026-12-01T14:30")
    missed = clinic.edition(DECEMBER)
    assert (missed.state, missed.reason) == (EditionState.MISSED, EditionReason.PAUSED)
    assert open_alerts(clinic) == set()  # it was meant
    with pytest.raises(InputError, match="nurture resume partner-news"):
        clinic.send_now("partner-news")
    with clinic.store.write() as connection:
        assert campaigns.resume(connection, campaigns.ALL)
        assert not campaigns.resume(connection, campaigns.ALL)
    clinic.plan("2027-01-05T14:30")
    assert clinic.edition(JANUARY).state == EditionState.READY


def test_what_was_due_before_the_pause_waits_for_its_end(clinic):
    clinic.people(1)
    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    with clinic.store.write() as connection:
        campaigns.pause(connection, "partner-news", by="owner", now=clinic.now.replace(month=12, day=1, hour=15))
    assert [undone.words for undone in clinic.plan("2026-12-01T15:30").waiting] == ["the campaign is paused"]
    with clinic.store.write() as connection:
        campaigns.resume(connection, "partner-news")
    clinic.plan("2026-12-01T16:30")
    assert clinic.edition(DECEMBER).state == EditionState.READY


def test_a_template_that_cannot_be_composed_raises_an_alert_and_is_tried_again(clinic):
    def broken(*_):
        raise ComposeError([Problem("templates/emails/note.mjml", 3, 1, "unknown tag")])

    clinic.people(1)
    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    report = clinic.plan("2026-12-01T14:30", snapshot=broken)
    assert "note.mjml:3:1" in report.problems[0].words
    assert open_alerts(clinic) == {(AlertKind.BROKEN_FILES, DECEMBER)}
    assert clinic.names() == {}
    clinic.plan("2026-12-01T15:00")
    assert clinic.names() == {DECEMBER: "ready"}
    assert open_alerts(clinic) == set()


def test_a_template_that_stays_broken_ends_as_missed(clinic):
    def broken(*_):
        raise ComposeError([Problem("templates/emails/note.mjml", 3, 1, "unknown tag")])

    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    clinic.plan("2026-12-01T14:30", snapshot=broken)
    clinic.plan("2026-12-08T14:30", snapshot=broken)
    assert clinic.names() == {DECEMBER: "missed"}
    assert open_alerts(clinic) == {(AlertKind.EDITION_MISSED, DECEMBER)}


def test_a_clock_that_jumps_back_sends_nothing_twice(clinic):
    clinic.people(1)
    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    clinic.plan("2026-12-01T14:30")
    clinic.plan("2026-12-01T08:00")
    clinic.plan("2026-12-01T14:30")
    assert clinic.names() == {DECEMBER: "ready"}


def test_a_clock_that_was_far_ahead_loses_nothing(clinic):
    clinic.people(1)
    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    clinic.campaign("partner-news", subject="Seen by a wrong clock")
    clinic.plan("2027-06-15T12:00")
    clinic.plan("2026-11-26T12:00")
    assert clinic.names() == {}
    clinic.plan("2026-12-01T14:30")
    assert clinic.names() == {DECEMBER: "ready"}


def test_nobody_who_is_meant_means_an_edition_that_says_so(clinic):
    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    clinic.plan("2026-12-01T14:30")
    made = clinic.edition(DECEMBER)
    assert (made.state, made.reason, made.planned) == (EditionState.SKIPPED, EditionReason.EMPTY_SEGMENT, 0)


def test_send_makes_an_edition_now(any_clinic):
    clinic = any_clinic
    clinic.people(2)
    clinic.campaign("partner-news")
    made = clinic.send_now("partner-news", "2026-11-25T15:00:05")
    assert str(made) == "partner-news@now-20261125T150005Z"
    assert clinic.edition(str(made)).planned == 2
    assert EditionId.parse(str(made)) == made
    with pytest.raises(InputError, match="wait a second"):
        clinic.send_now("partner-news")  # two hands in one second: the other one's edition is not taken for ours
    assert str(clinic.send_now("partner-news", "2026-11-25T15:00:06")) != str(made)
    with pytest.raises(NotFoundError, match="partner-news"):
        clinic.send_now("partner-new")


def test_send_never_sends_a_broadcast_twice_but_can_send_one_that_was_missed(clinic):
    clinic.people(1)
    clinic.campaign("open-house", kind="broadcast", schedule="2026-12-01 at 09:30")
    clinic.plan("2026-11-25T12:00")
    clinic.plan("2026-12-10T12:00")
    assert clinic.names() == {"open-house@1": "missed"}
    assert str(clinic.send_now("open-house")) == "open-house@1"
    assert clinic.names() == {"open-house@1": "ready"}
    with pytest.raises(InputError, match="edition: 2"):
        clinic.send_now("open-house")


@pytest.mark.parametrize("text", ["", "partner-news", "@2026-12-01T09:30", "partner-news@"])
def test_what_is_not_an_edition_is_refused(text):
    with pytest.raises(InputError, match="is not an edition"):
        EditionId.parse(text)
