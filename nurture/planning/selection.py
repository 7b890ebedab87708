"""Who one edition is for: ids from the store, then page by page people and facts, and the gates applied.

Questions are asked for a whole page at once, never for one contact, and what is
the same for many is decided once, so a million contacts are planned in flat
memory in less than a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from hashlib import blake2b
from zoneinfo import ZoneInfo

from nurture.audience.consent import consent_mask
from nurture.audience.segments import compile_condition
from nurture.news.item import NewsItem, candidates
from nurture.planning.gates import Facts, NewsRule, Rules, near_since, pass_gates, variant_for
from nurture.planning.windows import Openings, zone_for
from nurture.store import Connection, feedback, history, news, wishes
from nurture.store.plan_pages import PAGE_ROWS, PlannedDelivery
from nurture.store.readers import Reader, meant_ids, readers_of
from nurture.store.wishes import Wish
from nurture.vocabulary import Category, Intent, Mode, SkipReason
from nurture.workspace.campaign import Campaign
from nurture.workspace.conditions import All, Any_, Compare, Condition, SegmentReference
from nurture.workspace.patients import refusal_for_past_patients
from nurture.workspace.settings import Settings
from nurture.workspace.workspace import Workspace

# An edition keeps so many times the items that one mail carries; whoever has
# seen all of these gets none.
ITEMS_PER_MAIL = 5
# A spread edition leaves in so many parts: rows that are alike are written together.
SPREAD_STEPS = 100
IDS_A_LOOK = 500_000  # four megabytes


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
        self._meant_categories = categories_named(self.campaign.to, workspace.segments)
        self._rules = Rules(
            intent=self.campaign.intent,
            gives_before_ask=workspace.settings.limits.gives_before_ask,
            news=_news_rule(self.campaign, workspace.settings, items, self.today),
        )
        # what is decided once for all who are alike
        self._spans: dict[tuple[str | None, str | None], tuple[datetime, datetime, datetime | None]] = {}
        self._by_categories: dict[str | None, tuple[int, Category, SkipReason | None]] = {}
        self._not_for_patients = refusal_for_past_patients(self.campaign)
        self._planned: dict[tuple[object, ...], PlannedDelivery] = {}
        self._starts: dict[tuple[str | None, str | None], tuple[datetime, ...]] = {}
        self._name = campaign
        self._carriers: Sequence[int] | None = None

    def pages(
        self, reading: Callable[[], AbstractContextManager[Connection]], *, after_id: int = 0
    ) -> Iterator[Sequence[int]]:
        """The ids of everybody who is meant, ascending, page by page.

        ``reading`` opens a snapshot. Each is short, for `IDS_A_LOOK` people: a
        long one keeps SQLite's write-ahead file growing while the rows are written.
        """
        while ids := self._meant(reading, after_id):
            for start in range(0, len(ids), PAGE_ROWS):
                yield ids[start : start + PAGE_ROWS]
            after_id = ids[-1]

    def _meant(self, reading: Callable[[], AbstractContextManager[Connection]], after_id: int) -> Sequence[int]:
        with reading() as connection:
            return meant_ids(connection, self.where, after_id=after_id, limit=IDS_A_LOOK)

    def readers(
        self,
        connection: Connection,
        ids: Sequence[int],
        *,
        plan_began: datetime | None = None,
        archived: bool = False,
    ) -> list[Reader]:
        """Those people as they are now; with ``plan_began``, until the end of this write transaction of the plan."""
        return readers_of(
            connection, ids, on=self.today, topic=self.campaign.topic, plan_began=plan_began, archived=archived
        )

    def facts(self, connection: Connection, readers: Sequence[Reader], *, edition_id: int | None) -> Facts:
        """What the database knows about a page of readers."""
        ids = [reader.id for reader in readers]
        gap = self._settings.limits.contact_gap
        chosen = wishes.wishes(connection, ids, on=self.today)
        organizations = {reader.organization_id for reader in readers if reader.organization_id is not None}
        return Facts(
            taken=set()
            if edition_id is None
            else history.addressees_taken(connection, edition_id, [reader.addressee for reader in readers]),
            suppressed={reader.id for reader in readers if reader.suppressed},
            consents={reader.id: reader.consents for reader in readers if reader.consents},
            away=feedback.absences(connection, ids, on=self.today),
            received=self._received(connection, ids, gap, edition_id)
            | self._received(connection, *_own_gaps(chosen, gap), edition_id),
            wishes=chosen,
            gives=history.gives_since_ask(connection, sorted(organizations), mode=self.mode, but=edition_id)
            if self.campaign.intent is Intent.ASK and organizations
            else {},
            seen=news.seen(connection, ids, editions=self._carriers_of_its_news(connection)),
        )

    def _received(
        self, connection: Connection, ids: Sequence[int], gap: timedelta, edition_id: int | None
    ) -> dict[int, datetime]:
        if not gap or not ids:
            return {}
        return history.last_received(connection, ids, mode=self.mode, since=self.at - gap, now=self.now, but=edition_id)

    def _carriers_of_its_news(self, connection: Connection) -> Sequence[int]:
        rule = self._rules.news
        if rule is None or not rule.unseen:
            return ()
        if self._carriers is None:
            self._carriers = news.carriers(connection, [item.id for item in rule.items], mode=self.mode)
        return self._carriers

    def choose(self, readers: Sequence[Reader], facts: Facts) -> list[PlannedDelivery]:
        """What becomes of each reader; adds the addressees who get the mail to ``facts.taken``."""
        return [self._decide(reader, facts) for reader in readers]

    def _decide(self, reader: Reader, facts: Facts) -> PlannedDelivery:
        zones = (reader.time_zone, reader.organization_time_zone)
        not_before, not_after, too_near = self._spans.get(zones) or self._span(zones)
        if self.campaign.spread is not None:
            not_before = self._starts[zones][self._step_of(reader.id)]
        returns = self._returns(zones, facts.away[reader.id]) if reader.id in facts.away else None
        if returns is not None:
            not_before = max(not_before, returns)
        categories = reader.categories
        mask, variant, refusal = self._by_categories.get(categories) or self._by_category(categories)
        paused = False
        if (wish := facts.wishes.get(reader.id)) is not None:
            zone = zone_for(zones, default=self.zone)
            paused = wish.pauses(not_before.astimezone(zone).date())
            own = near_since(not_before, timedelta(days=wish.gap or 0), zone)
            too_near = min(filter(None, (too_near, own)), default=None)
        outcome = pass_gates(
            reader,
            self._rules,
            facts,
            refusal=refusal,
            consent_mask=mask,
            near_since=too_near,
            paused=paused,
            returns_too_late=returns is not None and returns > not_after,
        )
        if outcome.reason is None:
            facts.taken.add(reader.addressee)
        alike = (zones, categories, outcome.reason, outcome.news, not_before)
        planned = self._planned.get(alike)
        if planned is None:
            planned = self._planned[alike] = PlannedDelivery(
                variant=variant,
                reason=outcome.reason,
                consent_mask=mask,
                not_before=not_before,
                not_after=not_after,
                news=outcome.news,
            )
        return planned

    def _returns(self, zones: tuple[str | None, str | None], last_day: date) -> datetime | None:
        return self._openings.after_absence(last_day, zone_for(zones, default=self.zone))

    def _by_category(self, joined: str | None) -> tuple[int, Category, SkipReason | None]:
        categories = frozenset(map(Category, joined.split(","))) if joined else frozenset()
        mask = consent_mask(categories, self._settings.consent_required, self.campaign.consent_required)
        refusal = self._not_for_patients if Category.PAST_PATIENT in categories else None
        found = self._by_categories[joined] = (mask, variant_for(categories, self._meant_categories), refusal)
        return found

    def _span(self, zones: tuple[str | None, str | None]) -> tuple[datetime, datetime, datetime | None]:
        zone = zone_for(zones, default=self.zone)
        span = self._openings.span(self.at, zone, earliest=self.now)
        if span is None:  # `due` has made sure that it opens for the clinic
            span = self._openings.span(self.at, self.zone, earliest=self.now) or (self.at, self.at)
        too_near = near_since(span[0], self._settings.limits.contact_gap, zone)
        if self.campaign.spread is not None:
            self._starts[zones] = self._openings.starts(*span, zone, spread=self.campaign.spread, steps=SPREAD_STEPS)
        found = self._spans[zones] = (*span, too_near)
        return found

    def _step_of(self, contact_id: int) -> int:
        """Where a reader comes in a spread edition: by chance, but the same whenever it is asked."""
        drawn = blake2b(f"{self._name}/{self.at.isoformat()}/{contact_id}".encode(), digest_size=4).digest()
        return int.from_bytes(drawn) * SPREAD_STEPS >> 32


def _own_gaps(chosen: Mapping[int, Wish], gap: timedelta) -> tuple[list[int], timedelta]:
    """Who wants mail less often than the clinic's ``gap`` allows, and how far back one must look for them."""
    rare = {contact_id: timedelta(days=wish.gap) for contact_id, wish in chosen.items() if wish.gap is not None}
    return [contact_id for contact_id, own in rare.items() if own > gap], max(rare.values(), default=gap)


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
