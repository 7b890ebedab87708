"""What would be sent in the next days: when, to whom, who is left out and why. Writes nothing.

The days are played through in order: a mail of Tuesday counts for the caps of
Thursday, and news carried on Tuesday is seen on Thursday.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from nurture.news.catalogue import all_news
from nurture.news.item import NewsItem
from nurture.planning.approving import Words
from nurture.planning.due import Decision, Due
from nurture.planning.figures import Count, Figures
from nurture.planning.gates import REASONS_IN_WORDS, Facts
from nurture.planning.outlook import Outlook, look
from nurture.planning.selection import Selection, items_for
from nurture.store import Connection, Store
from nurture.store.contacts import PersonRow, people_by_id
from nurture.store.editions import EditionId
from nurture.store.plan_pages import PlannedDelivery
from nurture.store.readers import Reader
from nurture.vocabulary import CampaignKind, EditionReason, Intent, SkipReason
from nurture.workspace.campaign import Campaign
from nurture.workspace.durations import duration_in_words
from nurture.workspace.workspace import Workspace

# So many people are named in each list; the counts are always complete.
NAMES = 1000


@dataclass(frozen=True, slots=True)
class ForecastReader:
    """Somebody who is meant. ``reason`` None: gets the mail, from ``not_before`` (UTC) on, with these news."""

    contact_id: int
    name: str
    address: str
    organization: str | None
    not_before: datetime
    news: tuple[str, ...] = ()
    reason: SkipReason | None = None
    reason_in_words: str = ""


@dataclass(frozen=True, slots=True)
class ForecastEdition:
    """One edition as it would be made.

    ``due_at`` is in UTC, ``local`` the same in the clinic's zone. ``decision``
    and ``note`` say what stands in its way, ``skipped`` why nobody would get
    it. ``queued`` people of ``meant`` get it: ``recipients`` and ``left_out``
    name up to `NAMES` each, ``reasons`` counts all who are left out. With
    ``spread`` the mails leave one after the other over so much open time.
    """

    id: EditionId
    kind: CampaignKind
    intent: Intent
    due_at: datetime
    local: datetime
    decision: Decision
    note: str
    skipped: EditionReason | None
    meant: int
    queued: int
    recipients: tuple[ForecastReader, ...]
    left_out: tuple[ForecastReader, ...]
    reasons: Mapping[SkipReason, int]
    spread: timedelta | None = None

    @property
    def note_in_words(self) -> str:
        """What stands in its way, or why nobody gets it, or how its mails leave."""
        spread = f"spread over {duration_in_words(self.spread)} of open time" if self.spread else ""
        return self.note or (self.skipped or "").replace("_", " ") or spread

    @property
    def left_out_in_words(self) -> str:
        """How many are left out for which reason: ``3 suppressed, 1 no consent``; empty: nobody."""
        ordered = sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))
        return ", ".join(f"{number} {reason.replace('_', ' ')}" for reason, number in ordered)


def forecast(
    store: Store, workspace: Workspace, *, now: datetime, days: int, going_live: bool = False
) -> tuple[ForecastEdition, ...]:
    """The editions that are due or come in the next ``days`` days, in the order of time.

    Files and people are taken as they are now; ``going_live``: as if the clinic went live now.
    Raises `FilesError` if the news have problems.
    """
    with store.read() as connection:
        outlook = look(connection, workspace, now=now, going_live=going_live)
        play = _Play(connection, outlook, all_news(connection, workspace))
        return tuple(play.edition(name, due) for name, due in outlook.due(until=now + timedelta(days=days)))


def forecast_figures(store: Store, workspace: Workspace, campaign: str, due: Due, *, now: datetime) -> Figures:
    """One coming edition in numbers, after those that come before it. Raises `FilesError` if the news have problems."""
    with store.read() as connection:
        outlook = look(connection, workspace, now=now)
        play = _Play(connection, outlook, all_news(connection, workspace))
        for name, earlier in outlook.due(until=due.occurrence.at):
            if (name, earlier.key) == (campaign, due.key):
                break  # what is due at the same minute but made later takes nothing away from it
            play.edition(name, earlier)
        return play.people(campaign, due.occurrence.at).count.figures()


@dataclass(slots=True)
class _Played:
    """What the editions played so far would have changed."""

    received: dict[int, datetime] = field(default_factory=dict)
    seen: dict[int, frozenset[str]] = field(default_factory=dict)
    gives: Counter[int] = field(default_factory=Counter)
    asked: set[int] = field(default_factory=set)

    def over(self, facts: Facts, page: Sequence[Reader]) -> Facts:
        """The facts about a page as they will be then."""
        received, seen, gives = dict(facts.received), dict(facts.seen), dict(facts.gives)
        for person in page:
            if (at := self.received.get(person.id)) is not None:
                received[person.id] = max(at, received.get(person.id, at))
            if person.id in self.seen:
                seen[person.id] = self.seen[person.id] | seen.get(person.id, frozenset())
        for organization in {person.organization_id for person in page if person.organization_id is not None}:
            before = 0 if organization in self.asked else facts.gives.get(organization, 0)
            gives[organization] = before + self.gives[organization]
        return replace(facts, received=received, seen=seen, gives=gives)

    def count(self, sent: Sequence[tuple[Reader, PlannedDelivery]], intent: Intent) -> None:
        """Take an edition as sent."""
        for reader, planned in sent:
            self.received[reader.id] = planned.not_before
            if planned.news:
                self.seen[reader.id] = self.seen.get(reader.id, frozenset()) | set(planned.news)
        for organization in {reader.organization_id for reader, _ in sent if reader.organization_id is not None}:
            if intent is Intent.ASK:
                self.asked.add(organization)
                self.gives[organization] = 0
            else:
                self.gives[organization] += 1


@dataclass(slots=True)
class _People:
    """Who is meant by one edition, and what would become of them."""

    meant: int = 0
    sent: list[tuple[Reader, PlannedDelivery]] = field(default_factory=list)
    recipients: list[tuple[int, PlannedDelivery]] = field(default_factory=list)
    left_out: list[tuple[int, PlannedDelivery]] = field(default_factory=list)
    count: Count = field(default_factory=Count)

    def add(self, page: Sequence[Reader], rows: Sequence[PlannedDelivery]) -> None:
        self.meant += len(rows)
        for reader, planned in zip(page, rows, strict=True):
            names = self.recipients if planned.reason is None else self.left_out
            if planned.reason is None:
                self.sent.append((reader, planned))
                self.count.mails(
                    1, planned.variant, planned.news, not_before=planned.not_before, not_after=planned.not_after
                )
            else:
                self.count.left_out(1, planned.reason)
            if len(names) < NAMES:
                names.append((reader.id, planned))

    def skipped(self, campaign: Campaign) -> EditionReason | None:
        if not self.meant:
            return EditionReason.EMPTY_SEGMENT
        if not self.sent and self.count.reasons[SkipReason.NO_NEWS] and campaign.content.skip_if_empty:
            return EditionReason.NO_NEWS
        return None


class _Play:
    def __init__(self, connection: Connection, outlook: Outlook, news: Sequence[NewsItem]) -> None:
        self._connection = connection
        self._outlook = outlook
        self._news = news
        self._played = _Played()
        self._words = Words.read(connection, outlook.workspace, mode=outlook.mode, now=outlook.now)

    def edition(self, name: str, due: Due) -> ForecastEdition:
        campaign, at = self._outlook.workspace.campaigns[name], due.occurrence.at
        missed = due.decision is Decision.MISS
        people = _People() if missed else self.people(name, at)
        if due.decision is not Decision.CONFIRM:
            self._played.count(people.sent, campaign.intent)
        return ForecastEdition(
            id=EditionId(name, due.key),
            kind=campaign.kind,
            intent=campaign.intent,
            due_at=at,
            local=at.astimezone(self._outlook.zone),
            decision=due.decision,
            note=self._note(name, due),
            skipped=None if missed else people.skipped(campaign),
            meant=people.meant,
            queued=len(people.sent),
            recipients=self._named(people.recipients),
            left_out=self._named(people.left_out),
            reasons=people.count.reasons,
            spread=campaign.spread,
        )

    def _note(self, name: str, due: Due) -> str:
        if due.reason is EditionReason.PAUSED and due.occurrence.at > self._outlook.now:
            return "the campaign is paused"  # its time has not gone by yet
        return due.words or self._words.of(EditionId(name, due.key))

    def people(self, name: str, at: datetime) -> _People:
        """Who an edition would be for that is due ``at``, after those that were played."""
        outlook = self._outlook
        campaign = outlook.workspace.campaigns[name]
        items = items_for(campaign, self._news, at=max(at, outlook.now), zone=outlook.zone)
        selection = Selection(outlook.workspace, name, mode=outlook.mode, at=at, now=outlook.now, items=items)
        people, taken = _People(), set[int]()
        for ids in selection.pages(lambda: nullcontext(self._connection)):
            page = selection.readers(self._connection, ids)
            facts = self._played.over(selection.facts(self._connection, page, edition_id=None), page)
            people.add(page, selection.choose(page, replace(facts, taken=taken)))
        return people

    def _named(self, rows: Sequence[tuple[int, PlannedDelivery]]) -> tuple[ForecastReader, ...]:
        people = people_by_id(self._connection, [contact_id for contact_id, _ in rows])
        return tuple(_reader(people[contact_id], planned) for contact_id, planned in rows)


def _reader(person: PersonRow, row: PlannedDelivery) -> ForecastReader:
    return ForecastReader(
        contact_id=person.id,
        name=person.full_name or person.address or "",
        address=person.address or "",
        organization=person.organization.name if person.organization else None,
        not_before=row.not_before,
        news=row.news,
        reason=row.reason,
        reason_in_words=REASONS_IN_WORDS[row.reason] if row.reason else "",
    )
