"""Several planners at once, and planners that die: each reader once, and ``planned`` is right."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa

from nurture.planning.editions import plan_due
from nurture.store import editions
from nurture.store.schema import contact, delivery
from nurture.vocabulary import Category, DeliveryState, EditionState, Mode

DECEMBER = "partner-news@2026-12-01T09:30"
PEOPLE = 60
PAGE = 7


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    """Many pages with few people, so that planners meet often."""
    monkeypatch.setattr("nurture.planning.selection.PAGE_ROWS", PAGE)


def snapshot(campaign, news, occurrence):
    return {"campaign": campaign, "at": occurrence.nominal, "news": []}


def count_rows(clinic, name: str) -> int:
    with clinic.store.read() as connection:
        return connection.scalar(
            sa.select(sa.func.count()).select_from(delivery).where(delivery.c.edition_id == clinic.edition(name).id)
        )


def test_three_planners_at_once_plan_each_reader_once(any_clinic, open_database):
    clinic = any_clinic
    clinic.campaign("partner-news")
    clinic.campaign("open-house", kind="broadcast", schedule="2026-12-01 at 09:30")
    people = clinic.people(PEOPLE)
    clinic.plan("2026-11-25T12:00")
    clinic.now += timedelta(days=6, hours=2, minutes=30)
    stores = [open_database() for _ in range(3)]
    workspace, barrier = clinic.workspace, Barrier(3)

    def plan(store):
        barrier.wait()
        return plan_due(store, workspace, now=clinic.now, snapshot=snapshot)

    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(plan, stores))
    assert not any(report.problems or report.missed for report in reports)
    assert sorted(clinic.rows(DECEMBER)) == sorted(clinic.rows("open-house@1")) == people
    assert clinic.edition(DECEMBER).planned == clinic.edition("open-house@1").planned == PEOPLE
    with clinic.store.read() as connection:
        queued = connection.execute(
            sa.select(delivery.c.contact_id).where(delivery.c.state == DeliveryState.QUEUED)
        ).scalars()
        # nobody gets two mails at once, whoever planned which page
        assert sorted(queued) == people


def test_people_who_come_meanwhile_do_not_break_the_counts(any_clinic):
    clinic = any_clinic
    clinic.campaign("partner-news")
    clinic.people(30)
    clinic.plan("2026-11-25T12:00")
    more = ThreadPoolExecutor(1)

    def busy(campaign, news, occurrence):
        # another thread enters people while this one plans
        more.submit(lambda: [clinic.people(1) for _ in range(40)])
        return snapshot(campaign, news, occurrence)

    clinic.plan("2026-12-01T14:30", snapshot=busy)
    more.shutdown()
    made = clinic.edition(DECEMBER)
    assert made.state == EditionState.READY
    assert made.planned == count_rows(clinic, DECEMBER) >= 30


def test_who_is_erased_while_the_plan_runs_leaves_no_address_behind(any_clinic):
    clinic = any_clinic
    clinic.campaign("partner-news")
    (first, second, third) = clinic.people(3)
    clinic.plan("2026-11-25T12:00")
    streamed = []

    def erase_in_the_middle(connection, cursor, text, parameters, context, executemany):
        if text.startswith("SELECT contact.id \nFROM contact") and not streamed:
            streamed.append(text)
            with clinic.store.write() as writing:
                gone = {"address": None, "address_key": None, "domain": None, "erased_at": clinic.now}
                writing.execute(sa.update(contact).where(contact.c.id == second).values(**gone))

    sa.event.listen(sa.Engine, "after_cursor_execute", erase_in_the_middle)
    try:
        clinic.plan("2026-12-01T14:30")
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", erase_in_the_middle)
    assert streamed
    assert set(clinic.rows(DECEMBER)) == {first, third}


# the statement at which the planner dies, and how many of them it gets through
PHASES = [
    ("INSERT INTO campaign_version", 1),
    ("INSERT INTO edition ", 1),
    ("INSERT INTO delivery ", 1),
    ("UPDATE edition SET planned_through", 2),
    ("UPDATE edition SET state", 1),
]


def killed(clinic, database_url: str, statement: str, times: int) -> int:
    """Plan in a process that is killed at a statement; its return code."""
    script = Path(__file__).with_name("killed_planner.py")
    arguments = [database_url, str(clinic.root), clinic.now.isoformat(), str(PAGE), statement, str(times)]
    return subprocess.run([sys.executable, str(script), *arguments], check=False).returncode


@pytest.mark.parametrize(("statement", "times"), PHASES)
def test_a_planner_that_is_killed_is_gone_on_with(any_clinic, database_url, statement, times):
    clinic = any_clinic
    clinic.campaign("partner-news")
    people = clinic.people(3 * PAGE - 1)
    if "version" not in statement:
        clinic.plan("2026-11-25T12:00")
    clinic.now += timedelta(days=6, hours=2, minutes=30)
    assert killed(clinic, database_url, statement, times) == -signal.SIGKILL
    if "version" in statement:  # a first load that did not happen: the next one is the first
        clinic.plan()
        assert clinic.names() == {}
        return
    with clinic.store.read() as connection:
        half = editions.list_editions(connection, mode=Mode.SANDBOX)
    assert all(row.state == EditionState.PLANNING and row.planned is None for row in half)
    clinic.plan()
    made = clinic.edition(DECEMBER)
    assert (made.state, made.planned) == (EditionState.READY, len(people))
    assert sorted(clinic.rows(DECEMBER)) == people


def half_planned(clinic, database_url) -> None:
    """Leave an edition in state planning, with its first page written."""
    clinic.campaign("partner-news")
    clinic.people(PAGE + 1)
    clinic.plan("2026-11-25T12:00")
    clinic.now += timedelta(days=6, hours=2, minutes=30)
    assert killed(clinic, database_url, "INSERT INTO delivery ", 2) == -signal.SIGKILL
    assert clinic.edition(DECEMBER).planned_through > 0


def test_a_half_planned_edition_whose_file_has_changed_is_given_up_in_the_end(any_clinic, database_url):
    clinic = any_clinic
    half_planned(clinic, database_url)
    clinic.campaign("partner-news", to="{category: school}", changed=clinic.now)
    clinic.people(1, Category.SCHOOL)
    clinic.plan("2026-12-01T14:35")
    assert clinic.edition(DECEMBER).state == EditionState.PLANNING  # its planner may still live
    report = clinic.plan("2026-12-01T15:05")
    assert [str(undone.id) for undone in report.missed] == [DECEMBER]
    made = clinic.edition(DECEMBER)
    assert (made.state, made.reason, made.planned) == ("canceled", "edited", count_rows(clinic, DECEMBER))
    assert {state for state, _ in clinic.rows(DECEMBER).values()} == {"canceled"}


def test_nobody_is_written_to_twice_when_the_next_planner_sees_other_people(any_clinic, database_url):
    clinic = any_clinic
    half_planned(clinic, database_url)
    before = set(clinic.rows(DECEMBER))
    with clinic.store.write() as connection:  # some are archived, some came
        connection.execute(sa.update(contact).where(contact.c.id == min(before)).values(archived_at=clinic.now))
    (new,) = clinic.people()
    clinic.plan()
    rows = clinic.rows(DECEMBER)
    assert before | {new} <= set(rows)
    assert clinic.edition(DECEMBER).planned == len(rows) == PAGE + 2
