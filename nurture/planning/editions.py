"""Planning: what is due becomes an edition with one row for each person who is meant.

Any number of planners may run at once on one database, and any of them may die:
an edition is made once (unique key), its pages are written one by one under its
lock, and the next planner goes on where the last one stopped.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from nurture.audience.consent_ends import keep_consent_ends
from nurture.errors import ComposeError, FilesError, InputError
from nurture.news.catalogue import all_news
from nurture.news.item import NewsItem
from nurture.planning import approving
from nurture.planning.approving import first_mails
from nurture.planning.coming import Snapshot, content_now
from nurture.planning.due import Decision, Due
from nurture.planning.occurrences import NOMINAL_FORMAT, Occurrence
from nurture.planning.outlook import Outlook, loaded_campaigns, look
from nurture.planning.selection import Selection, openings_of
from nurture.store import Store, alerts, campaigns, deliveries, editions, meta, notices, plan_pages, plans
from nurture.store.alerts import Alert
from nurture.store.editions import EditionId, EditionRow
from nurture.store.plans import NewEdition
from nurture.vocabulary import WAITS_FOR_APPROVAL, AlertKind, CampaignKind, EditionReason, EditionState, Mode
from nurture.workspace.workspace import Workspace

# A half-planned edition whose file has changed is left to a living planner for so long.
STALE = timedelta(minutes=30)
_ABOUT_EDITIONS = (AlertKind.EDITION_MISSED, AlertKind.CONFIRM_EDITION, AlertKind.BROKEN_FILES)


@dataclass(frozen=True, slots=True)
class Undone:
    """An edition that was not planned, and why, in words."""

    id: EditionId
    words: str


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What one run did: editions planned (also those resumed), recorded as missed, waiting, with problems."""

    planned: list[EditionRow] = field(default_factory=list)
    missed: list[Undone] = field(default_factory=list)
    waiting: list[Undone] = field(default_factory=list)
    problems: list[Undone] = field(default_factory=list)


def plan_due(store: Store, workspace: Workspace, *, now: datetime, snapshot: Snapshot) -> PlanReport:
    """Plan every edition that is due, finish plans that were killed, record what was missed.

    ``snapshot`` gives the content that an edition keeps. When it raises
    `ComposeError` (or the news have problems), an alert says so and the edition
    is tried again until its grace is over. Doing it twice equals once.
    """
    report = PlanReport()
    planner = _Planner(store, workspace, now, snapshot, report)
    outlook = planner.look()
    planner.finish_killed_plans(outlook.mode)
    for name, due in outlook.due():
        planner.take(outlook.mode, name, due)
    if report.planned:
        with store.write() as connection:
            editions.finish_drained(connection, mode=outlook.mode, now=now)
    return report


def plan_now(store: Store, workspace: Workspace, campaign: str, *, now: datetime, snapshot: Snapshot) -> EditionId:
    """Make an edition of a campaign now, whatever its schedule; mails still wait for their windows.

    A newsletter's is named ``now-<UTC time>``. A broadcast's has its number, so it
    cannot go twice; one that was missed starts anew. Raises `NotFoundError`,
    `InputError` (paused, sent already), `ComposeError` or `FilesError`.
    """
    workspace.campaign(campaign)
    planner = _Planner(store, workspace, now, snapshot, PlanReport())
    mode = planner.look().mode
    with store.read() as connection:
        if campaigns.is_paused(connection, campaign):
            raise InputError(f"{campaign} is paused; let it go on with: nurture resume {campaign}")
    row = planner.make_by_hand(mode, campaign)
    planner.fill(row)
    return row.public_id


class _Planner:
    """One run over one set of files."""

    def __init__(
        self, store: Store, workspace: Workspace, now: datetime, snapshot: Snapshot, report: PlanReport
    ) -> None:
        self.store = store
        self.workspace = workspace
        self.now = now
        self.snapshot = snapshot
        self.report = report
        self.zone = workspace.settings.zone
        self._news: tuple[NewsItem, ...] | None = None
        self._alerts: tuple[Alert, ...] | None = None

    def look(self) -> Outlook:
        """Record which versions of the files are there and what they say of consents, then read what decides."""
        keep_consent_ends(self.store, self.workspace.settings)
        loaded = loaded_campaigns(self.workspace)
        with self.store.read() as connection:
            mode = meta.get_mode(connection)
            known = campaigns.versions(connection, mode=mode)
            ahead = plans.has_missed_after(connection, mode=mode, now=self.now)
        if ahead or campaigns.needs_recording(known, loaded, now=self.now):
            with self.store.write() as connection:
                campaigns.record_versions(connection, loaded, mode=mode, now=self.now)
                plans.forget_missed_after(connection, mode=mode, now=self.now)
        with self.store.read() as connection:
            return look(connection, self.workspace, now=self.now)

    def finish_killed_plans(self, mode: Mode) -> None:
        """Go on with what a planner left half done; give up what fits its file no more."""
        with self.store.read() as connection:
            half = editions.list_editions(connection, mode=mode, states=[EditionState.PLANNING])
        for row in reversed(half):
            if self.workspace.digests.get(row.campaign) == row.campaign_digest:
                self._attempt(row.public_id, partial(self.fill, row))
            elif self.now - row.created_at > STALE:
                words = "its file was changed or removed while it was planned; nothing of it was sent"
                with self.store.write() as connection:
                    if editions.mark_canceled(connection, row.id, EditionReason.EDITED, now=self.now):
                        deliveries.cancel(connection, row.id, self.now)
                        alerts.raise_alert(connection, AlertKind.EDITION_MISSED, str(row.public_id), words, self.now)
                self.report.missed.append(Undone(row.public_id, words))

    def take(self, mode: Mode, name: str, due: Due) -> None:
        """Do with one due occurrence what was decided."""
        public_id = EditionId(name, due.key)
        if due.decision is Decision.PLAN:
            self._attempt(public_id, partial(self._plan, mode, name, due))
        elif due.decision is Decision.MISS:
            self._miss(mode, name, due)
        else:
            self.report.waiting.append(Undone(public_id, due.words))
            if due.decision is Decision.CONFIRM:
                words = f"{due.words}; if it shall go: nurture resume {name}"
                self._raise(AlertKind.CONFIRM_EDITION, public_id, words)

    def _attempt(self, public_id: EditionId, work: Callable[[], None]) -> None:
        try:
            work()
        except (ComposeError, FilesError) as error:
            self.report.problems.append(Undone(public_id, str(error)))
            self._raise(AlertKind.BROKEN_FILES, public_id, f"it cannot be planned: {error}")

    def _plan(self, mode: Mode, name: str, due: Due) -> None:
        new, content = self._prepare(mode, name, due.key, due.occurrence, due.expires_at)
        with self.store.write() as connection:
            campaigns.lock_planning(connection)
            row = plans.create(connection, new, content, now=self.now)
            if row is not None:
                approving.begin(connection, self.workspace, row, content, now=self.now)
            row = row or editions.find(connection, new.id, mode=mode)
        if row is not None:
            self.fill(row)

    def make_by_hand(self, mode: Mode, name: str) -> EditionRow:
        """The edition that `plan_now` fills."""
        campaign = self.workspace.campaigns[name]
        span = openings_of(campaign, self.workspace.settings).span(self.now, self.zone)
        if span is None:
            raise InputError(f"the window of {name} never opens, so nothing of it could leave")
        key = f"now-{self.now:%Y%m%dT%H%M%SZ}"
        if campaign.kind is CampaignKind.BROADCAST:
            key = str(campaign.edition)
        wall = self.now.astimezone(self.zone).strftime(NOMINAL_FORMAT)
        new, content = self._prepare(mode, name, key, Occurrence(wall, self.now), span[1])
        with self.store.write() as connection:
            row = plans.create(connection, new, content, now=self.now)
            if row is None and (there := editions.find(connection, new.id, mode=mode)) is not None:
                row = plans.reopen(connection, there.id, new=new, content=content, now=self.now)
                if row is None:
                    way_out = "wait a second and send it again"
                    if there.held_because == WAITS_FOR_APPROVAL:
                        way_out = f"it {WAITS_FOR_APPROVAL}: nurture approve {there.public_id}"
                    elif campaign.kind is CampaignKind.BROADCAST:
                        way_out = f"to send it again write `edition: {campaign.edition + 1}` in campaigns/{name}.yaml"
                    raise InputError(
                        f"{there.public_id} is {there.state} already "
                        f"(planned {there.created_at:%Y-%m-%d %H:%M} UTC); {way_out}"
                    )
            if row is not None:
                # whoever says "now" has let it go; an earlier hold of it is over
                notices.end_hold(connection, new.id, mode=mode)
                editions.note_approval(connection, row.id, by="nurture send", now=self.now)
        if row is None:
            raise InputError(f"{new.id} was taken back while it was made; try again")
        return row

    def _prepare(
        self, mode: Mode, name: str, key: str, occurrence: Occurrence, expires_at: datetime
    ) -> tuple[NewEdition, Mapping[str, Any]]:
        campaign = self.workspace.campaigns[name]
        items, content = content_now(
            self.workspace, name, self._all_news(), occurrence, now=self.now, snapshot=self.snapshot
        )
        new = self._new_edition(mode, name, key, due_at=occurrence.at, expires_at=expires_at)
        if campaign.content.news is not None:
            new = replace(new, news_ids=[item.id for item in items])
        return new, content

    def _new_edition(self, mode: Mode, name: str, key: str, *, due_at: datetime, expires_at: datetime) -> NewEdition:
        campaign = self.workspace.campaigns[name]
        return NewEdition(
            id=EditionId(name, key),
            mode=mode,
            kind=campaign.kind,
            topic=campaign.topic,
            intent=campaign.intent,
            sender=campaign.sender or self.workspace.settings.default_sender,
            due_at=due_at,
            expires_at=expires_at,
            campaign_digest=self.workspace.digests[name],
        )

    def fill(self, row: EditionRow) -> None:
        """Write the rows that are missing, then let the workers in; does nothing for an edition that is ready."""
        if row.state is not EditionState.PLANNING:
            return
        selection = Selection(
            self.workspace, row.campaign, mode=row.mode, at=row.due_at, now=self.now, items=self._items_of(row)
        )
        for page in selection.pages(self.store.read, after_id=row.planned_through):
            with self.store.write_in_turn() as connection:
                campaigns.lock_planning(connection)
                held = editions.lock(connection, row.id)
                if held.state is not EditionState.PLANNING:
                    return
                if page[-1] <= held.planned_through:
                    continue
                rest = page[bisect(page, held.planned_through) :]
                readers = selection.readers(connection, rest, plan_began=held.created_at)
                planned = selection.choose(readers, selection.facts(connection, readers, edition_id=row.id))
                plan_pages.add_page(
                    connection, held, zip(readers, planned, strict=True), through=rest[-1], now=self.now
                )
        with self.store.write() as connection:
            ready = plans.make_ready(
                connection,
                row.id,
                skip_if_empty=selection.campaign.content.skip_if_empty,
                now=self.now,
                first=first_mails(self.workspace.settings, row.mode, max(self.now, row.due_at)),
            )
            for alert in self._open_alerts():
                if alert.kind in _ABOUT_EDITIONS and alert.subject.startswith(f"{row.campaign}@"):
                    alerts.resolve_alert(connection, alert.kind, alert.subject, self.now)
        self.report.planned.append(ready)

    def _miss(self, mode: Mode, name: str, due: Due) -> None:
        new = self._new_edition(mode, name, due.key, due_at=due.occurrence.at, expires_at=due.expires_at)
        with self.store.write() as connection:
            if not plans.record_missed(connection, new, due.reason or EditionReason.TOO_LATE, now=self.now):
                return
            for kind in (AlertKind.CONFIRM_EDITION, AlertKind.BROKEN_FILES):
                alerts.resolve_alert(connection, kind, str(new.id), self.now)
            if due.reason is not EditionReason.PAUSED:  # a pause was meant, so nobody needs to be told
                words = f"{due.words}; to send it all the same: nurture send {name}"
                alerts.raise_alert(connection, AlertKind.EDITION_MISSED, str(new.id), words, self.now)
        self.report.missed.append(Undone(new.id, due.words))

    def _raise(self, kind: AlertKind, public_id: EditionId, words: str) -> None:
        """Raise an alert, but write nothing where it stands there already: this runs every few seconds."""
        subject = str(public_id)
        if not any(
            (alert.kind, alert.subject, alert.message) == (kind, subject, words) for alert in self._open_alerts()
        ):
            with self.store.write() as connection:
                alerts.raise_alert(connection, kind, subject, words, self.now)

    def _open_alerts(self) -> tuple[Alert, ...]:
        if self._alerts is None:
            with self.store.read() as connection:
                self._alerts = alerts.open_alerts(connection)
        return self._alerts

    def _all_news(self) -> tuple[NewsItem, ...]:
        if self._news is None:
            with self.store.read() as connection:
                self._news = all_news(connection, self.workspace)
        return self._news

    def _items_of(self, row: EditionRow) -> list[NewsItem]:
        """The news that the edition keeps; what is gone meanwhile is left out."""
        if not row.news_ids:
            return []
        known = {item.id: item for item in self._all_news()}
        return [known[news_id] for news_id in row.news_ids if news_id in known]
