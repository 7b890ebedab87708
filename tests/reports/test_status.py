"""`nurture status`: what is well, what comes, and each kind of trouble."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nurture.delivery.ownership import Owner
from nurture.reports.status import LoopStatus, Status, status, troubles
from nurture.store import Store, alerts, campaigns, jobs, workers
from nurture.vocabulary import AlertKind, DeliveryState, EditionState, WorkerRole
from nurture.workspace.workspace import Workspace

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
S = DeliveryState


@pytest.fixture
def loop(store: Store) -> Iterator[Owner]:
    """A loop that lives."""
    owner = Owner.register(store, NOW, role=WorkerRole.LOOP)
    yield owner
    owner.resign(store, NOW)


def look(store: Store, workspace: Workspace, now: datetime = NOW) -> Status:
    return status(store, workspace, now=now)


def test_all_is_well(loop: Owner, store: Store, history: Any, workspace: Workspace) -> None:
    which = history.edition()
    history.delivery(which, S.QUEUED)
    history.delivery(which, S.HELD)
    history.delivery(which, S.SENT)
    history.edition(occurrence="2026-11-03T09:30", state=EditionState.FINISHED)
    found = look(store, workspace)
    assert (found.trouble, found.troubles) == (False, ())
    assert [process.owner for process in found.loops] == [loop.name]
    assert (found.waiting, found.held, found.uncertain) == (2, 1, 0)
    assert [str(edition.public_id) for edition in found.under_way] == ["partner-news@2026-12-01T09:30"]
    assert [(edition.edition, edition.at) for edition in found.next_editions] == [
        ("partner-news@2027-01-05T09:30", datetime(2027, 1, 5, 14, 30, tzinfo=UTC))
    ]


def test_no_loop_was_ever_started(store: Store, workspace: Workspace) -> None:
    found = look(store, workspace)
    assert found.loops == ()
    assert found.trouble
    assert found.troubles == ("no loop is running, so nothing is planned or sent: start it with `nurture run`",)


def test_a_loop_that_said_good_bye(store: Store, workspace: Workspace) -> None:
    Owner.register(store, NOW, role=WorkerRole.LOOP).resign(store, NOW)
    assert look(store, workspace).loops == ()


def test_a_loop_that_was_killed(sqlite_store: Store, workspace: Workspace) -> None:
    """It never said good-bye, but its lock is free."""
    with sqlite_store.write() as connection:
        workers.register(connection, "killed", host="here", process=1, role=WorkerRole.LOOP, now=NOW)
    assert "no loop is running" in look(sqlite_store, workspace).troubles[0]


def test_a_loop_that_hangs(sqlite_store: Store, workspace: Workspace) -> None:
    """It holds its lock, but gives no sign of life."""
    owner = Owner.register(sqlite_store, NOW, role=WorkerRole.LOOP)
    found = look(sqlite_store, workspace, NOW + timedelta(minutes=7))
    assert found.loops[0].silent_for == timedelta(minutes=7)
    assert found.troubles[0].startswith("the loop hangs: no sign of life for 7 minutes; end process")
    owner.resign(sqlite_store, NOW)


def test_what_needs_a_person(loop: Owner, store: Store, history: Any, workspace: Workspace) -> None:
    history.delivery(history.edition(), S.UNCERTAIN)
    with store.write() as connection:
        jobs.job_started(connection, "plan", loop.name, NOW)
        jobs.job_ended(connection, "plan", loop.name, NOW, error="no space is left")
        jobs.job_started(connection, "feeds", loop.name, NOW)
        jobs.job_ended(connection, "feeds", loop.name, NOW, error="404")
        alerts.raise_alert(connection, AlertKind.JOB_FAILED, "feeds", "404", NOW)
        campaigns.pause(connection, "partner-news", by="owner", now=NOW)
    found = look(store, workspace)
    assert found.troubles == (
        "the job plan failed: no space is left",
        "job failed (feeds): 404",
        "1 delivery is uncertain, handed over without an answer: see `nurture uncertain list`",
    )
    assert found.paused == {"partner-news": NOW}
    assert [run.job for run in found.jobs] == ["feeds", "plan"]


def test_one_hanging_loop_beside_a_living_one_is_no_trouble() -> None:
    def loop(silent: timedelta) -> LoopStatus:
        return LoopStatus("owner", "here", 1, NOW, NOW, silent)

    hanging, living = loop(timedelta(hours=1)), loop(timedelta(0))
    assert list(troubles([hanging, living], [], [], undecided=0)) == []
    assert len(list(troubles([hanging], [], [], undecided=0))) == 1
