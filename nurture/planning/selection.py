"""Who one edition is for: people streamed from the store, facts asked page by page, gates applied.

Questions are asked for a whole page at once, never for one contact, so a
million contacts are planned in flat memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from nurture.audience.consent import consent_mask
from nurture.audience.segments import compile_condition
from nurture.news.item import NewsItem, candidates
from nurture.planning.gates import Facts, NewsRule, Rules, near_since, pass_gates, variant_for
from nurture.planning.windows import Openings, zone_for
from nurture.store import Connection, history, news
from nurture.store.consents import consent_bits
from nurture.store.contacts import PersonRow, stream_people
from nurture.store.plans import PAGE_ROWS, PlannedDelivery
from nurture.store.suppressions import suppressions_of
from nurture.vocabulary import Category, Intent, Mode
from nurture.workspace.campaign import Campaign
from nurture.workspace.conditions import All, Any_, Compare, Condition, SegmentReference
from nurture.workspace.settings import Settings
from nurture.workspace.workspace import Workspace

# An edition keeps so many times the items that one mail carries; whoever has
# seen all of these gets none.
ITEMS_PER_MAIL = 5


class Selection:
    """One edition's rules, and what they make of people.

    ``at`` is the edition's time (in a forecast it lies ahead), ``now`` the
    present, ``items`` the news it may carry in order of preference.
    """

    def __init__(
        self, workspace: Workspace, campaign: str, *, mode: Mode, at: datetime, now: datetime, items: Sequence[NewsItem]
    ) -> None:
        self.campaign = workspace.campaigns[campaign]
        self.mode = mode
        self.at = at
        self.now = now
        self.zone = workspace.settings.zone
        moment = max(at, now)
        self.today = moment.astimezone(self.zone).date()
        self.where = compile_condition(
            self.campaign.to, segments=workspace.segments, today=self.today, now=moment, mode=mode
        )
        self._settings = workspace.settings
        self._openings = openings_of(self.campaign, workspace.settings)
        self._meant = categories_named(self.campaign.to, workspace.segments)
        self._rules = Rules(
            intent=self.campaign.intent,
            gives_before_ask=workspace.settings.limits.gives_before_ask,
            news=_news_rule(self.campaign, workspace.settings, items, self.today),
        )
        self._spans: dict[str, tuple[datetime, datetime, datetime | None]] = {}
        self._by_categories: dict[frozenset[Category], tuple[int, Category]] = {}

    def pages(self, connection: Connection, *, after_id: int = 0) -> Iterator[list[PersonRow]]:
        """Everybody who is meant, by ascending id; one snapshot if ``connection`` is one."""
        people = stream_people(connection, self.where, after_id=after_id)
        while page := list(islice(people, PAGE_ROWS)):
            yield page

    def facts(self, connection: Connection, page: Sequence[PersonRow], *, edition_id: int | None) -> Facts:
        """What the database knows about a page of people; ``edition_id`` None: the edition is only forecast."""
        ids = [person.id for person in page]
        gap = self._settings.limits.contact_gap
        organizations = {person.organization_id for person in page if person.organization_id is not None}
        rule = self._rules.news
        return Facts(
            taken=set()
            if edition_id is None
            else history.addresses_taken(connection, edition_id, [person.address_hash for person in page]),
            suppressed=suppressions_of(connection, page).keys(),
            consents=consent_bits(connection, ids, on=self.today),
            received={}
            if not gap
            else history.last_received(
                connection, ids, mode=self.mode, since=self.at - gap, now=self.now, but=edition_id
            ),
            gives=history.gives_since_ask(connection, sorted(organizations), mode=self.mode, but=edition_id)
            if self.campaign.intent is Intent.ASK and organizations
            else {},
            seen=news.seen(connection, ids, mode=self.mode) if rule is not None and rule.unseen else {},
        )

    def choose(self, page: Sequence[PersonRow], facts: Facts) -> list[PlannedDelivery]:
        """One row for each person of the page; adds the addresses that get the mail to ``facts.taken``."""
        return [self._decide(person, facts) for person in page]

    def _decide(self, person: PersonRow, facts: Facts) -> PlannedDelivery:
        not_before, not_after, too_near = self._span(person)
        mask, variant = self._mask_and_variant(person.categories)
        outcome = pass_gates(person, self._rules, facts, consent_mask=mask, near_since=too_near)
        if outcome.reason is None:
            facts.taken.add(person.address_hash)
        return PlannedDelivery(
            contact_id=person.id,
            organization_id=person.organization_id,
            address=person.address or "",
            address_hash=person.address_hash,
            domain=person.domain,
            variant=variant,
            reason=outcome.reason,
            consent_mask=mask,
            not_before=not_before,
            not_after=not_after,
            news=outcome.news,
        )

    def _mask_and_variant(self, categories: frozenset[Category]) -> tuple[int, Category]:
        found = self._by_categories.get(categories)
        if found is None:
            mask = consent_mask(categories, self._settings.consent_required, self.campaign.consent_required)
            found = self._by_categories[categories] = (mask, variant_for(categories, self._meant))
        return found

    def _span(self, person: PersonRow) -> tuple[datetime, datetime, datetime | None]:
        organization = person.organization
        zone = zone_for((person.time_zone, organization.time_zone if organization else None), default=self.zone)
        found = self._spans.get(zone.key)
        if found is None:
            span = self._openings.span(self.at, zone, earliest=self.now)
            if span is None:  # `due` has made sure that it opens for the clinic
                span = self._openings.span(self.at, self.zone, earliest=self.now) or (self.at, self.at)
            too_near = near_since(span[0], self._settings.limits.contact_gap, zone)
            found = self._spans[zone.key] = (*span, too_near)
        return found


def openings_of(campaign: Campaign, settings: Settings) -> Openings:
    """When mails of a campaign may leave: its own rules, else the settings'."""
    return Openings(
        window=(campaign.window or settings.window).hours,
        holidays=frozenset(settings.clinic.holidays),
        late=settings.late if campaign.late is None else campaign.late,
    )


def items_for(campaign: Campaign, items: Sequence[NewsItem], *, at: datetime, zone: ZoneInfo) -> tuple[NewsItem, ...]:
    """The news that an edition may carry, in order of preference; bounded, because it keeps them all."""
    query = campaign.content.news
    if query is None:
        return ()
    return candidates(items, query, today=at.astimezone(zone).date())[: query.max * ITEMS_PER_MAIL]


def categories_named(condition: Condition, segments: Mapping[str, Condition]) -> frozenset[Category]:
    """The categories that a condition asks for, also inside the segments that it names."""
    found: set[Category] = set()
    waiting, followed = [condition], set[str]()
    while waiting:
        node = waiting.pop()
        if isinstance(node, All | Any_):
            waiting.extend(node.items)
        elif isinstance(node, SegmentReference) and node.name not in followed and node.name in segments:
            followed.add(node.name)
            waiting.append(segments[node.name])
        elif isinstance(node, Compare) and node.field == "category" and node.operator in ("is", "in"):
            values = node.value if isinstance(node.value, tuple) else (node.value,)
            found.update(category for category in Category if category in values)
    return frozenset(found)


def _news_rule(campaign: Campaign, settings: Settings, items: Sequence[NewsItem], today: date) -> NewsRule | None:
    query = campaign.content.news
    if query is None:
        return None
    return NewsRule(
        items=items,
        unseen=query.unseen,
        maximum=query.max,
        back_to=today - settings.limits.news_reaches_back,
    )
