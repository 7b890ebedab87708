"""The next days played through without a trace."""

from datetime import timedelta

import sqlalchemy as sa

from nurture.planning.forecast import forecast
from nurture.store import campaigns
from nurture.store.schema import metadata
from nurture.vocabulary import Category, EditionReason, SkipReason


def look_ahead(clinic, days: int):
    return forecast(clinic.store, clinic.workspace, now=clinic.now, days=days)


def everything(clinic) -> dict[str, list]:
    with clinic.store.read() as connection:
        return {table.name: connection.execute(sa.select(table)).all() for table in metadata.sorted_tables}


def test_when_to_whom_who_is_left_out_and_why_and_nothing_is_written(any_clinic):
    clinic = any_clinic
    gym = clinic.organization("Gym")
    clinic.campaign("partner-news", to="{category: [private_business, past_patient]}", purpose="general_health")
    clinic.people(1, first_name="Maria", last_name="Silva", organization_id=gym)
    clinic.people(1, Category.PAST_PATIENT, title="Mr.", last_name="Doe")
    before = everything(clinic)
    (found,) = look_ahead(clinic, 20)
    assert everything(clinic) == before
    assert str(found.id) == "partner-news@2026-12-01T09:30"
    assert (f"{found.due_at:%H:%M}", f"{found.local:%a %H:%M}") == ("14:30", "Tue 09:30")
    assert [(reader.name, reader.organization) for reader in found.recipients] == [("Maria Silva", "Gym")]
    assert [(r.name, r.reason, r.reason_in_words) for r in found.left_out] == [
        ("Mr. Doe", SkipReason.NO_CONSENT, "there is no consent that allows this mail")
    ]
    assert (found.meant, found.queued, found.left_out_in_words) == (2, 1, "1 no consent")


def test_the_forecast_of_a_month_is_what_the_month_brings(any_clinic):
    clinic = any_clinic
    gym, club = clinic.organization("Gym"), clinic.organization("Club", time_zone="America/Los_Angeles")
    clinic.people(2, organization_id=gym)
    clinic.people(1, organization_id=club)
    clinic.people(1)
    clinic.news("item1", day="2026-11-20")
    clinic.news("item2", day="2026-12-08")
    clinic.campaign("partner-news", content="{news: {max: 1}}")
    clinic.campaign("weekly", schedule="every thursday at 10:00", content="{news: {max: 1}}")
    clinic.campaign("offer", intent="ask", kind="broadcast", schedule="2026-12-04 at 09:30")
    clinic.campaign("second-offer", intent="ask", kind="broadcast", schedule="2026-12-15 at 09:30")
    clinic.campaign("third-offer", intent="ask", kind="broadcast", schedule="2026-12-22 at 09:30")
    clinic.plan("2026-11-25T12:00")
    expected = {str(edition.id): (edition.queued, dict(edition.reasons)) for edition in look_ahead(clinic, 30)}
    played = {}
    for edition in look_ahead(clinic, 30):
        clinic.plan(f"{edition.due_at:%Y-%m-%dT%H:%M}")
        rows = clinic.rows(str(edition.id)).values()
        reasons = [reason for state, reason in rows if state == "skipped"]
        played[str(edition.id)] = (len(rows) - len(reasons), {reason: reasons.count(reason) for reason in reasons})
        clinic.deliver()
    assert len(expected) == 9
    assert played == expected
    assert {reason for _, reasons in expected.values() for reason in reasons} == {
        SkipReason.FREQUENCY_CAP,
        SkipReason.GIVE_FIRST,
        SkipReason.NO_NEWS,
    }


def test_what_stands_in_the_way_is_told(clinic):
    clinic.campaign("partner-news")
    (found,) = look_ahead(clinic, 20)
    assert found.skipped is EditionReason.EMPTY_SEGMENT
    clinic.people(1)
    with clinic.store.write() as connection:
        campaigns.pause(connection, "partner-news", by="owner", now=clinic.now)
    (found,) = look_ahead(clinic, 20)
    assert (found.note, found.queued) == ("the campaign is paused", 0)


def test_a_renamed_file_is_seen_before_any_planner_has(clinic):
    clinic.people(1)
    clinic.campaign("partner-news")
    clinic.plan("2026-11-25T12:00")
    (clinic.root / "campaigns/partner-news.yaml").rename(clinic.root / "campaigns/other.yaml")
    (found,) = look_ahead(clinic, 20)
    assert found.note == "the file equals partner-news, which has vanished"
    assert found.queued == 1


def test_a_spread_is_told_and_its_first_and_last_mail_are_hours_apart(clinic):
    clinic.campaign("partner-news", spread="4 hours")
    clinic.people(200)
    (found,) = look_ahead(clinic, 20)
    assert found.note_in_words == "spread over 4 hours of open time"
    times = [reader.not_before for reader in found.recipients]
    assert timedelta(hours=3.5) <= max(times) - min(times) < timedelta(hours=4)
