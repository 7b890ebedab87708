"""The runs of the loop's jobs: seen by `nurture status`, and cheap when nothing happens."""

from datetime import UTC, datetime, timedelta

import pytest

from nurture.clock import DrivenClock
from nurture.errors import InputError
from nurture.service.house import open_house
from nurture.service.running import jobs
from nurture.store.alerts import open_alerts
from nurture.store.jobs import job_runs
from nurture.workspace.scaffold import Answers, init_workspace

NOW = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)
TICK = timedelta(seconds=2)


@pytest.fixture
def house(tmp_path):
    init_workspace(tmp_path / "clinic", Answers(), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
    with open_house(tmp_path / "clinic", clock=DrivenClock(NOW), create=True) as opened:
        yield opened


def run_of(house):
    with house.store.read() as connection:
        (found,) = job_runs(connection)
    return found


def alerts_of(house):
    with house.store.read() as connection:
        return [(alert.kind, alert.subject) for alert in open_alerts(connection)]


async def test_an_idle_loop_writes_once_a_minute(house):
    records = jobs.JobRecords(house, "one")
    recorded = set()
    for tick in range(60):  # two minutes
        house.clock.move_to(NOW + tick * TICK)
        async with records.run("deliver"):
            pass
        recorded.add(run_of(house).ended_at)
    assert sorted(recorded) == [NOW, NOW + timedelta(minutes=1)]


async def test_an_error_and_its_end_are_recorded_at_once(house):
    records = jobs.JobRecords(house, "one")
    async with records.run("plan"):
        pass
    house.clock.move_to(NOW + TICK)
    async with records.run("plan"):
        raise InputError("no space is left")
    assert run_of(house).error == "no space is left"
    assert alerts_of(house) == [("job_failed", "plan")]
    house.clock.move_to(NOW + 2 * TICK)
    async with records.run("plan"):
        pass
    assert run_of(house).error is None
    assert alerts_of(house) == []


async def test_a_bug_is_recorded_and_goes_on_up(house):
    records = jobs.JobRecords(house, "one")
    with pytest.raises(ZeroDivisionError):
        async with records.run("plan"):
            raise ZeroDivisionError("of ours")
    assert run_of(house).error == "ZeroDivisionError: of ours"


async def test_a_run_that_lasts_is_seen_while_it_lasts(house):
    async with jobs.JobRecords(house, "one").run("deliver"):
        assert (run_of(house).started_at, run_of(house).ended_at) == (NOW, None)
