"""What one edition means in numbers: how many mails of which kind, from when on, and who is left out why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from nurture.store import Connection, news, notices
from nurture.vocabulary import Category, SkipReason


@dataclass(frozen=True, slots=True)
class MailKind:
    """Mails that read alike but for their readers: the words for one category, with the same news."""

    variant: Category
    news_ids: tuple[str, ...]
    mails: int


@dataclass(frozen=True, slots=True)
class Figures:
    """One edition in numbers. ``kinds`` and ``starts`` count its mails, the most frequent and the earliest first.

    ``reasons`` count who is left out; ``expires_at`` is when the last mail must have left (UTC); None: no mail.
    """

    kinds: tuple[MailKind, ...]
    starts: Mapping[datetime, int]
    reasons: Mapping[SkipReason, int]
    expires_at: datetime | None

    @property
    def mails(self) -> int:
        """How many people get one."""
        return sum(self.starts.values())

    @property
    def left_out(self) -> int:
        """How many of those who are meant get none."""
        return sum(self.reasons.values())

    def one_of_each(self) -> tuple[MailKind, ...]:
        """For each category the mail that most of its readers get; the category with the most readers first."""
        most: dict[Category, MailKind] = {}
        readers: Counter[Category] = Counter()
        for kind in self.kinds:
            most.setdefault(kind.variant, kind)
            readers[kind.variant] += kind.mails
        return tuple(MailKind(each, most[each].news_ids, count) for each, count in readers.most_common())


class Count:
    """Adds up mails to `Figures`. ``reasons`` counts who is left out until now."""

    def __init__(self) -> None:
        self.reasons: Counter[SkipReason] = Counter()
        self._kinds: Counter[tuple[Category, tuple[str, ...]]] = Counter()
        self._starts: Counter[datetime] = Counter()
        self._expires_at: datetime | None = None

    def mails(
        self,
        number: int,
        variant: Category,
        news_ids: Sequence[str],
        *,
        not_before: datetime,
        not_after: datetime,
    ) -> None:
        """So many people get a mail."""
        self._kinds[variant, tuple(news_ids)] += number
        self._starts[not_before] += number
        self._expires_at = max(self._expires_at or not_after, not_after)

    def left_out(self, number: int, reason: SkipReason) -> None:
        """So many people get none."""
        self.reasons[reason] += number

    def figures(self) -> Figures:
        """All that was added."""
        kinds = tuple(MailKind(*kind, number) for kind, number in self._kinds.most_common())
        return Figures(kinds, dict(sorted(self._starts.items())), dict(self.reasons), self._expires_at)


def figures_of(connection: Connection, edition_id: int) -> Figures:
    """Those of an edition that is made."""
    groups = notices.planned_groups(connection, edition_id)
    lists = news.lists(connection, {group.news_list_id for group in groups})
    count = Count()
    for group in groups:
        if group.reason is not None:
            count.left_out(group.count, group.reason)
        else:
            count.mails(
                group.count,
                Category(group.variant),
                lists.get(group.news_list_id, ()),
                not_before=group.not_before,
                not_after=group.not_after,
            )
    return count.figures()
