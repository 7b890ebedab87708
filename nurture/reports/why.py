"""`nurture why ADDRESS CAMPAIGN`: rule by rule, from the log and from what is known now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nurture.audience.consent import IMPOSSIBLE, consent_allows
from nurture.news.catalogue import all_news
from nurture.news.item import NewsItem
from nurture.planning.approving import Words
from nurture.planning.due import Due
from nurture.planning.gates import REASONS_IN_WORDS
from nurture.planning.outlook import look
from nurture.planning.selection import Selection, items_for
from nurture.reports.pacing import slowed, what_holds_back
from nurture.reports.rules import RuleCheck, RulePart
from nurture.reports.words import delivery_in_words, local, why_no_delivery
from nurture.store import Connection, Store, campaigns, meta
from nurture.store import log as store_log
from nurture.store.consents import ConsentRow, consents_of
from nurture.store.contacts import PersonRow, people_by_address
from nurture.store.editions import EditionId, EditionRow, list_editions
from nurture.store.log import AttemptRow, EventRow
from nurture.store.log_pages import Filter
from nurture.store.plan_pages import PlannedDelivery
from nurture.store.suppressions import SuppressionRow, suppressions_of
from nurture.vocabulary import CONSENT_BITS, WAITS_FOR_APPROVAL, DeliveryState, EventKind, Mode, SkipReason, Visitor
from nurture.workspace.campaign import Campaign
from nurture.workspace.consent_ends import law_that_ended
from nurture.workspace.providers import Providers
from nurture.workspace.workspace import Workspace

_LOOK_AHEAD = timedelta(days=92)
# What comes back after a mail left; the rest of the events the state tells.
_AFTERWARDS = (
    EventKind.BOUNCED,
    EventKind.OPENED,
    EventKind.CLICKED,
    EventKind.REPLIED,
    EventKind.COMPLAINED,
    EventKind.UNSUBSCRIBED,
    EventKind.RETURNED,
)


@dataclass(frozen=True, slots=True)
class Check:
    """One rule as it stands now; ``holds`` False: it keeps mail away."""

    name: str
    holds: bool
    words: str


@dataclass(frozen=True, slots=True)
class EditionAnswer:
    """What one edition did for the contact. ``delivery_id`` None: it has no delivery."""

    edition: str
    due_at: datetime
    words: str
    delivery_id: int | None
    attempts: tuple[AttemptRow, ...]
    afterwards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonAnswer:
    """One contact: the editions (latest first), the rules now, the campaign's rule part by part."""

    contact_id: int
    name: str
    editions: tuple[EditionAnswer, ...]
    checks: tuple[Check, ...]
    rule: tuple[RulePart, ...]


@dataclass(frozen=True, slots=True)
class Why:
    """The answer. ``answer`` is one sentence; several ``people`` share the address (a household)."""

    address: str
    campaign: str
    mode: Mode
    answer: str
    people: tuple[PersonAnswer, ...]
    next_edition: datetime | None
    next_words: str = ""  # what keeps the next edition back, or who let it go


def why(
    store: Store, workspace: Workspace, address: str, campaign: str, *, now: datetime, last_editions: int = 5
) -> Why:
    """Why somebody got a campaign's mail, or did not.

    Answers for the last editions, and for one that were planned now. Raises
    `NotFoundError` for a campaign that has neither a file nor an edition.
    """
    with store.read() as connection:
        mode = meta.get_mode(connection)
        editions = list_editions(connection, mode=mode, campaign=campaign, limit=last_editions)
        if not editions:
            workspace.campaign(campaign)
        question = _Question(connection, workspace, campaign, mode, now, editions)
        people = tuple(map(question.person, people_by_address(connection, [address.strip().casefold()]).values()))
        coming = _next_edition(connection, workspace, campaign, now=now)
        words = coming and Words.read(connection, workspace, mode=mode, now=now).of(EditionId(campaign, coming.key))
    at = coming.occurrence.at if coming else None
    return Why(address, campaign, mode, _answer(address, campaign, people), people, at, words or "")


def _answer(address: str, campaign: str, people: tuple[PersonAnswer, ...]) -> str:
    if not people:
        return (
            f"No contact has the address {address}: it was never imported, it was changed, or the contact was erased."
        )
    person = people[0]
    closed = next((check for check in person.checks if not check.holds), None)
    if person.editions:
        last = person.editions[0]
        return f"{last.edition}: {last.words}."
    if closed is not None:
        return f"{campaign} has no edition yet, and one would not go to {address}: {closed.words}."
    return f"{campaign} has no edition yet; one that were planned now would go to {address}."


def _next_edition(connection: Connection, workspace: Workspace, campaign: str, *, now: datetime) -> Due | None:
    if campaign not in workspace.campaigns:
        return None
    coming = look(connection, workspace, now=now).due(until=now + _LOOK_AHEAD)
    return next((due for name, due in coming if name == campaign and due.occurrence.at >= now), None)


class _Question:
    """What is asked about each contact of the address."""

    def __init__(
        self,
        connection: Connection,
        workspace: Workspace,
        campaign: str,
        mode: Mode,
        now: datetime,
        editions: tuple[EditionRow, ...],
    ) -> None:
        self.connection = connection
        self.workspace = workspace
        self.name = campaign
        self.mode = mode
        self.now = now
        self.editions = editions
        self.zone = workspace.settings.zone
        self.today = workspace.settings.today(now)
        self.slowed = slowed(connection, workspace.settings, mode=mode, now=now)
        self.providers = Providers(workspace.settings.providers)
        self.paused_at = campaigns.paused_since(campaigns.paused_campaigns(connection), campaign)

    def person(self, person: PersonRow) -> PersonAnswer:
        file = self.workspace.campaigns.get(self.name)
        rule: tuple[RulePart, ...] = ()
        if file is not None:
            asked = RuleCheck(self.connection, self.workspace, person.id, self.today, self.now, self.mode)
            rule = tuple(asked.parts(file.to))
        meant = bool(rule) and rule[0].holds
        return PersonAnswer(
            contact_id=person.id,
            name=person.full_name,
            editions=tuple(self._edition(edition, person, meant=meant) for edition in self.editions),
            checks=tuple(self._checks(person, file, meant=meant)),
            rule=rule,
        )

    def _edition(self, edition: EditionRow, person: PersonRow, *, meant: bool) -> EditionAnswer:
        which = Filter(self.mode, edition_id=edition.id, contact_ids=(person.id,))
        name, due_at = str(edition.public_id), edition.due_at
        for row in store_log.page(self.connection, which, limit=1):
            history = store_log.history(self.connection, row.id)
            slow = what_holds_back(self.slowed, edition.sender, self.providers.of(row.address))
            words = delivery_in_words(
                row,
                now=self.now,
                paused_at=self.paused_at,
                zone=self.zone,
                held_back=_held_words(edition)
                or (f"{slow.subject}: {slow.words}" if slow and row.time <= self.now else ""),
            )
            if row.state is DeliveryState.EXPIRED and edition.held_because == WAITS_FOR_APPROVAL:
                words = f"{words}; nobody approved the edition"
            later = [
                f"{event.kind}{_by_whom(event)} at {local(event.at, self.zone)}"
                for event in (history.events if history else ())
                if event.kind in _AFTERWARDS
            ]
            return EditionAnswer(name, due_at, words, row.id, history.attempts if history else (), tuple(later))
        return EditionAnswer(name, due_at, why_no_delivery(edition, person, matches_now=meant), None, (), ())

    def _checks(self, person: PersonRow, file: Campaign | None, *, meant: bool) -> Iterator[Check]:
        yield _archived(person, self.zone)
        if file is None:
            yield Check("campaign", False, f"the file campaigns/{self.name}.yaml is gone, so nothing new is planned")
            return
        words = "the campaign's rule means this contact" if meant else "the campaign's rule does not mean this contact"
        yield Check("rule", meant, words)
        suppressions = suppressions_of(self.connection, [person]).get(person.id, ())
        yield _suppressed([row for row in suppressions if row.topic in (None, file.topic)], self.zone)
        planned = self._planned_now(person, file)
        consents = consents_of(self.connection, [person.id]).get(person.id, ())
        held = sum({CONSENT_BITS[row.kind] for row in consents if row.holds(self.today)})
        yield Check(
            "consent", consent_allows(planned.consent_mask, held), _consent_words(planned.consent_mask, consents)
        )
        yield _limits(planned)
        if self.paused_at is not None:
            yield Check("pause", False, f"the campaign is paused since {local(self.paused_at, self.zone)}")

    def _planned_now(self, person: PersonRow, file: Campaign) -> PlannedDelivery:
        """The row that an edition planned now would have for this contact, were it meant."""
        items: tuple[NewsItem, ...] = ()
        if file.content.news is not None:
            items = items_for(file, all_news(self.connection, self.workspace), at=self.now, zone=self.zone)
        selection = Selection(self.workspace, self.name, mode=self.mode, at=self.now, now=self.now, items=items)
        readers = selection.readers(self.connection, [person.id], archived=True)
        (planned,) = selection.choose(readers, selection.facts(self.connection, readers, edition_id=None))
        return planned


def _archived(person: PersonRow, zone: ZoneInfo) -> Check:
    if person.archived_at is not None:
        return Check("contact", False, f"the contact is archived since {local(person.archived_at, zone)}")
    source = f", from the import {person.imported_from}" if person.imported_from else ""
    return Check("contact", True, f"the contact is there since {local(person.created_at, zone)}{source}")


def _suppressed(rows: Sequence[SuppressionRow], zone: ZoneInfo) -> Check:
    if not rows:
        return Check("suppression", True, "neither the address nor its domain nor the organization is suppressed")
    words = [
        f"the {f'topic {row.topic}' if row.topic else row.scope} is suppressed since {local(row.created_at, zone)}: "
        f"{row.reason.replace('_', ' ')} ({row.source})"
        for row in rows
    ]
    return Check("suppression", False, "; ".join(words))


def _consent_words(mask: int, consents: tuple[ConsentRow, ...]) -> str:
    if mask == 0:
        return "this mail needs no consent"
    if mask == IMPOSSIBLE:
        return "no consent is enough: the rules of this contact's categories and of the campaign exclude each other"
    needed = " or ".join(kind for kind, bit in CONSENT_BITS.items() if mask & bit)
    known = ", ".join(map(_one_consent, consents)) or "none"
    return f"this mail needs a consent that is {needed} (consent_required in the settings); recorded: {known}"


def _one_consent(row: ConsentRow) -> str:
    law = law_that_ended(row.kind, row.obtained_on, row.expires_on) if row.expires_on else None
    until = f", until {row.expires_on}{f' by {law}' if law else ''}" if row.expires_on else ""
    gone = ", withdrawn" if row.withdrawn_at else ""
    return f"{row.kind} of {row.obtained_on} ({row.source}{until}{gone})"


def _limits(planned: PlannedDelivery) -> Check:
    if planned.reason in (SkipReason.SUPPRESSED, SkipReason.NO_CONSENT):
        return Check("limits", True, "the limits of the house were not asked, because a rule above keeps mail away")
    if planned.reason is None:
        news = f", and there is news: {', '.join(planned.news)}" if planned.news else ""
        return Check("limits", True, f"no limit of the house keeps a mail away now{news}")
    name = "purpose" if planned.reason in (SkipReason.NO_PURPOSE, SkipReason.NO_AUTHORIZATION) else "limits"
    return Check(name, False, REASONS_IN_WORDS[planned.reason])


def _by_whom(event: EventRow) -> str:
    visitor = event.data.get("visitor", Visitor.PERSON)
    return "" if visitor == Visitor.PERSON else f" (by a program: {visitor})".replace("_", " ")


def _held_words(edition: EditionRow) -> str:
    if edition.held_at is None:
        return ""
    return f"but the edition is held: {edition.held_because} (nurture approve {edition.public_id})"
