"""How many people of each category may be mailed, and why the others may not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from nurture.audience.consent import consent_allows, consent_mask
from nurture.store.engine import Connection
from nurture.store.readers import Reader, everybody, readers_of
from nurture.vocabulary import Category
from nurture.workspace.settings import Settings

_PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Reach:
    """The people of one category (None: of no category). The two kinds who are left out never overlap."""

    category: Category | None
    people: int
    suppressed: int
    without_consent: int

    @property
    def may_be_mailed(self) -> int:
        """The others."""
        return self.people - self.suppressed - self.without_consent


def reach(connection: Connection, settings: Settings, today: date) -> tuple[Reach, ...]:
    """Everybody who is neither archived nor erased, by category; who has several counts in each.

    ``today`` is the clinic's date. Who left single topics only may be mailed. The rule of consent is that of
    ``nurture.yaml``; a campaign may be stricter.
    """
    people: Counter[Category | None] = Counter()
    suppressed: Counter[Category | None] = Counter()
    without_consent: Counter[Category | None] = Counter()
    masks: dict[str | None, int] = {}
    after = 0
    while ids := everybody(connection, after_id=after, limit=_PAGE):
        for reader in readers_of(connection, ids, on=today, topic=""):
            categories = _categories(reader)
            if reader.categories not in masks:
                masks[reader.categories] = consent_mask(categories, settings.consent_required)
            counted: Sequence[Category | None] = categories or [None]
            people.update(counted)
            if reader.suppressed:
                suppressed.update(counted)
            elif not consent_allows(masks[reader.categories], reader.consents or 0):
                without_consent.update(counted)
        after = ids[-1]
    order: list[Category | None] = [*Category, None]
    return tuple(Reach(each, people[each], suppressed[each], without_consent[each]) for each in order if people[each])


def _categories(reader: Reader) -> list[Category]:
    return [Category(name) for name in reader.categories.split(",")] if reader.categories else []
