"""Who of the people that are meant gets the mail, and with which news. Pure.

Everybody who is meant passes the gates in this order: household, suppression,
purpose (past patients only), consent, pause, absence, frequency cap, give before ask,
news. The first gate that is closed names the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Protocol
from zoneinfo import ZoneInfo

from nurture.audience.consent import consent_allows
from nurture.news.item import NewsItem
from nurture.vocabulary import Category, Intent, SkipReason

REASONS_IN_WORDS: Mapping[SkipReason, str] = {
    SkipReason.HOUSEHOLD: "somebody else with the same address gets this edition",
    SkipReason.SUPPRESSED: "the address, its domain or the organization is suppressed",
    SkipReason.NO_CONSENT: "there is no consent that allows this mail",
    SkipReason.AWAY: "an automatic answer told of an absence that lasts longer than this mail can wait",
    SkipReason.NO_PURPOSE: "the reader is a past patient, and the campaign has no `purpose` (45 CFR 164.501)",
    SkipReason.NO_AUTHORIZATION: "the reader is a past patient, and others pay for it or sell by it, which needs "
    "an authorization signed by each patient (45 CFR 164.508(a)(3))",
    SkipReason.FREQUENCY_CAP: "another newsletter or broadcast is too near",
    SkipReason.GIVE_FIRST: "the organization had too little of use since the last time we asked for something",
    SkipReason.NO_NEWS: "there is no news that this reader has not seen",
    SkipReason.RENDER_ERROR: "the template failed for this reader",
    SkipReason.ARCHIVED: "the contact is archived",
    SkipReason.PAUSED: "the reader wants no mail before a day",
}


class Wish(Protocol):
    """What a reader chose; `store.wishes.Wish` fits."""

    @property
    def gap(self) -> int | None:
        """At most one mail in so many days."""
        ...

    def pauses(self, on: date) -> bool:
        """Whether there shall be no mail on that day."""
        ...


class Reader(Protocol):
    """What the gates look at; `store.readers.Reader` fits."""

    @property
    def id(self) -> int:
        """The contact."""
        ...

    @property
    def addressee(self) -> int:
        """The contact who stands for all with the same address."""
        ...

    @property
    def organization_id(self) -> int | None:
        """The contact's organization."""
        ...


@dataclass(frozen=True, slots=True)
class NewsRule:
    """Which items a reader may get. ``items`` are in the order of preference.

    Unseen news reaches back to ``back_to``; for a reader who has seen some,
    also to the oldest of those, so that nothing is lost that was left over.
    """

    items: Sequence[NewsItem]
    unseen: bool
    maximum: int
    back_to: date


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for the whole edition."""

    intent: Intent
    gives_before_ask: int
    news: NewsRule | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database knows about a page of readers.

    ``taken``: addressees whose address gets this edition already. ``consents``: bits
    of the consents that hold. ``away``: the last day of an absence. ``received``: when the last counted mail of
    another edition left, or will. ``gives``: by organization, editions of use
    since the last ask. ``seen``: ids of news by contact. ``wishes``: what readers chose.
    """

    taken: set[int] = field(default_factory=set)
    suppressed: Collection[int] = frozenset()
    consents: Mapping[int, int] = field(default_factory=dict)
    away: Mapping[int, date] = field(default_factory=dict)
    received: Mapping[int, datetime] = field(default_factory=dict)
    gives: Mapping[int, int] = field(default_factory=dict)
    seen: Mapping[int, Set[str]] = field(default_factory=dict)
    wishes: Mapping[int, Wish] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``reason`` None: gets the mail, with these news items in this order."""

    reason: SkipReason | None
    news: tuple[str, ...] = ()


def pass_gates(
    reader: Reader,
    rules: Rules,
    facts: Facts,
    *,
    refusal: SkipReason | None,
    consent_mask: int,
    near_since: datetime | None,
    paused: bool = False,
    returns_too_late: bool = False,
) -> Outcome:
    """What becomes of one reader; ``returns_too_late`` from an absence, for this edition.

    ``refusal``: why this campaign may not write to people of the reader's categories at all, if so.
    ``near_since`` (from the function): a mail at or after it is too near; None: no cap. ``paused``: by the reader.
    The caller adds the addressee to ``facts.taken`` for those who get the mail.
    """
    received = facts.received.get(reader.id)
    if reader.addressee in facts.taken:
        return Outcome(SkipReason.HOUSEHOLD)
    if reader.id in facts.suppressed:
        return Outcome(SkipReason.SUPPRESSED)
    if refusal is not None:
        return Outcome(refusal)
    if not consent_allows(consent_mask, facts.consents.get(reader.id, 0)):
        return Outcome(SkipReason.NO_CONSENT)
    if paused:
        return Outcome(SkipReason.PAUSED)
    if returns_too_late:
        return Outcome(SkipReason.AWAY)
    if received is not None and near_since is not None and received >= near_since:
        return Outcome(SkipReason.FREQUENCY_CAP)
    if (
        rules.intent is Intent.ASK
        and reader.organization_id is not None
        and facts.gives.get(reader.organization_id, 0) < rules.gives_before_ask
    ):
        return Outcome(SkipReason.GIVE_FIRST)
    if rules.news is None:
        return Outcome(None)
    news = choose_news(rules.news, facts.seen.get(reader.id, frozenset()))
    return Outcome(None, news) if news else Outcome(SkipReason.NO_NEWS)


def choose_news(rule: NewsRule, seen: Set[str]) -> tuple[str, ...]:
    """The ids of the items that a reader gets, in order, at most ``rule.maximum``."""
    if not rule.unseen:
        return tuple(item.id for item in rule.items[: rule.maximum])
    back_to = min((item.date for item in rule.items if item.id in seen), default=rule.back_to)
    back_to = min(back_to, rule.back_to)
    unseen = (item.id for item in rule.items if item.id not in seen and item.date >= back_to)
    return tuple(islice(unseen, rule.maximum))


def near_since(at: datetime, gap: timedelta, zone: ZoneInfo) -> datetime | None:
    """From when on an earlier mail is too near to one that leaves ``at``; None: there is no cap.

    A gap of whole days counts days of the calendar in ``zone``: with 3 days, a
    mail of Tuesday evening allows one on Friday morning. Others count hours.
    """
    if gap <= timedelta(0):
        return None
    if gap % timedelta(days=1):
        return at - gap + timedelta(microseconds=1)
    day = at.astimezone(zone).date() - gap + timedelta(days=1)
    return datetime.combine(day, time(), zone).astimezone(UTC)


def variant_for(categories: Collection[Category], meant: Collection[Category]) -> Category:
    """Whose words a reader gets: of the categories that the campaign names, else of her own, the first.

    A reader without any category gets the words for a private business.
    """
    for category in Category:
        if category in categories and category in meant:
            return category
    return next((category for category in Category if category in categories), Category.PRIVATE_BUSINESS)
