from datetime import UTC, datetime, timedelta

from nurture.store import Store, jobs
from nurture.store.jobs import JobRun

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_run_is_seen_while_it_runs_and_when_it_ended(store: Store) -> None:
    with store.write() as connection:
        jobs.job_started(connection, "plan", "one", NOW)
        assert jobs.job_runs(connection) == (JobRun("plan", "one", NOW, None, None),)
        jobs.job_ended(connection, "plan", "one", NOW + MINUTE)
        assert jobs.job_runs(connection) == (JobRun("plan", "one", NOW, NOW + MINUTE, None),)


def test_an_error_stays_until_a_run_ends_well(store: Store) -> None:
    with store.write() as connection:
        jobs.job_started(connection, "plan", "one", NOW)
        jobs.job_ended(connection, "plan", "one", NOW, error="no space is left")
        jobs.job_started(connection, "plan", "one", NOW + MINUTE)
        assert jobs.job_runs(connection)[0].error == "no space is left"
        jobs.job_ended(connection, "plan", "one", NOW + MINUTE)
        assert jobs.job_runs(connection)[0].error is None


def test_an_older_process_does_not_end_the_run_of_a_newer_one(store: Store) -> None:
    with store.write() as connection:
        jobs.job_started(connection, "plan", "old", NOW)
        jobs.job_started(connection, "plan", "new", NOW + MINUTE)
        jobs.job_ended(connection, "plan", "old", NOW + 2 * MINUTE, error="too late")
        assert jobs.job_runs(connection) == (JobRun("plan", "new", NOW + MINUTE, None, None),)
