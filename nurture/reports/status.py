"""How the house stands: is the loop alive, what comes next, what needs a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nurture.delivery.guard import look as look_for_copy
from nurture.delivery.ownership import living
from nurture.planning.approving import Words
from nurture.planning.due import Decision, Due
from nurture.planning.outlook import look
from nurture.reports.alerts import in_words
from nurture.reports.pacing import Slowed, slowed
from nurture.store import Store, alerts, campaigns, jobs, meta, workers
from nurture.store.accounts import state_counts
from nurture.store.alerts import Alert
from nurture.store.editions import EditionId, EditionRow, list_editions
from nurture.store.jobs import JobRun
from nurture.store.uncertain import undecided_count
from nurture.store.workers import WorkerRow
from nurture.vocabulary import WAITING_STATES, AlertKind, DeliveryState, EditionState, Mode, WorkerRole
from nurture.workspace.workspace import Workspace

# The loop says that it lives every 30 seconds; silent for so long, it hangs.
SILENT = timedelta(minutes=3)
_LOOK_AHEAD = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class LoopStatus:
    """A process that plans and delivers, or one that helps it deliver.

    ``silent_for`` counts from its last sign of life; None on PostgreSQL, where
    the signs carry the server's time and a process that hangs loses its lease.
    """

    owner: str
    host: str
    process: int
    started_at: datetime
    seen_at: datetime
    silent_for: timedelta | None


@dataclass(frozen=True, slots=True)
class NextEdition:
    """An edition that comes; ``words`` say what keeps it back, or who let it go; "" if there is nothing to say."""

    edition: str
    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Status:
    """The house at one moment. ``paused`` has the campaigns and since when; "*" stands for all.

    ``slowed`` are senders and providers with a limit in their way, ``under_way``
    editions that are being planned or sent. ``troubles`` are in words; if there
    are any, a person is needed.
    """

    mode: Mode
    now: datetime
    loops: tuple[LoopStatus, ...]
    members: tuple[LoopStatus, ...]  # of `nurture run --workers`
    jobs: tuple[JobRun, ...]
    under_way: tuple[EditionRow, ...]
    next_editions: tuple[NextEdition, ...]
    alerts: tuple[Alert, ...]
    waiting: int
    held: int
    uncertain: int
    paused: Mapping[str, datetime]
    slowed: tuple[Slowed, ...]
    troubles: tuple[str, ...]
    copy: str | None = None  # why nothing leaves before somebody confirms the database; the first of the troubles

    @property
    def trouble(self) -> bool:
        """Whether `nurture status` ends with exit code 1."""
        return bool(self.troubles)


def status(store: Store, workspace: Workspace, *, now: datetime, next_editions: int = 10) -> Status:
    """Look at everything once, in one snapshot."""
    finding = look_for_copy(store)
    copy = finding.words(workspace.settings.zone) if finding else None
    with store.read() as connection:
        mode = meta.get_mode(connection)
        running = workers.not_ended(connection)
        alive = set(living(connection, store, [row.owner for row in running]))
        runs = jobs.job_runs(connection)
        open_alerts = alerts.open_alerts(connection)
        counts = state_counts(connection, mode=mode, states=[*WAITING_STATES, DeliveryState.UNCERTAIN])
        undecided = undecided_count(connection, mode=mode)
        paused = campaigns.paused_campaigns(connection)
        slow = slowed(connection, workspace.settings, mode=mode, now=now)
        under_way = list_editions(connection, mode=mode, states=[EditionState.PLANNING, EditionState.READY])
        coming = look(connection, workspace, now=now).due(until=now + _LOOK_AHEAD)
        words = Words.read(connection, workspace, mode=mode, now=now)
    present = now if store.dialect == "sqlite" else None
    loops, members = (
        tuple(_loop(row, present) for row in running if row.owner in alive and row.role is role)
        for role in (WorkerRole.LOOP, WorkerRole.MEMBER)
    )
    return Status(
        mode=mode,
        now=now,
        loops=loops,
        members=members,
        jobs=runs,
        under_way=under_way,
        next_editions=tuple(_coming(coming, words)[:next_editions]),
        alerts=open_alerts,
        waiting=sum(counts.get(state, 0) for state in WAITING_STATES),
        held=counts.get(DeliveryState.HELD, 0),
        uncertain=counts.get(DeliveryState.UNCERTAIN, 0),
        paused=paused,
        slowed=slow,
        troubles=((copy,) if copy else ()) + tuple(troubles(loops, runs, open_alerts, undecided=undecided)),
        copy=copy,
    )


def troubles(
    loops: Sequence[LoopStatus], runs: Sequence[JobRun], open_alerts: Sequence[Alert], *, undecided: int
) -> Iterable[str]:
    """What needs a person, in words. Pure."""
    if not loops:
        yield "no loop is running, so nothing is planned or sent: start it with `nurture run`"
    silences = [loop.silent_for for loop in loops if loop.silent_for is not None and loop.silent_for > SILENT]
    if loops and len(silences) == len(loops):
        minutes = min(silences) // timedelta(minutes=1)
        yield f"the loop hangs: no sign of life for {minutes} minutes; end process {loops[0].process} and start it anew"
    told = {alert.subject for alert in open_alerts}
    for run in runs:
        if run.error is not None and run.job not in told:
            yield f"the job {run.job} failed: {run.error}"
    for alert in open_alerts:
        yield in_words(alert)
    if undecided and not any(alert.kind is AlertKind.UNCERTAIN_DELIVERIES for alert in open_alerts):
        are = "1 delivery is" if undecided == 1 else f"{undecided} deliveries are"
        yield f"{are} uncertain, handed over without an answer: see `nurture uncertain list`"


def _loop(row: WorkerRow, now: datetime | None) -> LoopStatus:
    silent_for = None if now is None else max(now - row.seen_at, timedelta(0))
    return LoopStatus(row.owner, row.host, row.process, row.started_at, row.seen_at, silent_for)


def _coming(found: Iterable[tuple[str, Due]], words: Words) -> list[NextEdition]:
    """The next edition of each campaign, the earliest first; what is missed is none that comes."""
    seen: set[str] = set()
    coming: list[NextEdition] = []
    for campaign, due in found:
        if due.decision is not Decision.MISS and campaign not in seen:
            seen.add(campaign)
            name = EditionId(campaign, due.key)
            coming.append(NextEdition(str(name), due.occurrence.at, due.words or words.of(name)))
    return coming
