"""What goes slowly, or not at all for a while, because of a limit: of the clinic's, or one that a server taught us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from nurture.delivery.pacing import Allowance, allowance, draw, effective_rate
from nurture.delivery.tokens import bucket_of
from nurture.reports.words import local
from nurture.store import Connection, deliveries, pacing
from nurture.store.pacing import THE_SENDER, PaceRow
from nurture.vocabulary import Mode
from nurture.workspace.providers import Providers
from nurture.workspace.settings import Sender, Settings


@dataclass(frozen=True, slots=True)
class Slowed:
    """A sender that has a limit in its way; ``provider`` "" stands for all its mail.

    ``waiting`` mails are due and held back. Instants are UTC; ``until`` None: it
    goes on all the time, only slower.
    """

    sender: str
    provider: str
    words: str
    waiting: int
    since: datetime | None = None
    until: datetime | None = None

    @property
    def subject(self) -> str:
        """Who is slowed."""
        return f"sender {self.sender}" + (f" to {self.provider}" if self.provider else "")


def slowed(connection: Connection, settings: Settings, *, mode: Mode, now: datetime) -> tuple[Slowed, ...]:
    """Every sender and provider whose mails wait for a limit now, or that a server slowed down."""
    providers = Providers(settings.providers)
    rows = {(row.sender, row.provider): row for row in pacing.all_rows(connection, mode)}
    for name, sender in settings.senders.items():
        if not allowance(sender.limits, settings.today(now)).is_free:
            rows.setdefault((name, THE_SENDER), _untouched(mode, name, settings, now))
    found = []
    for (name, provider), row in sorted(rows.items()):
        for each in _reasons(row, settings.senders.get(name), providers, settings.zone, now):
            domains = providers.domains(provider) if provider else ()
            waiting = deliveries.due_count(connection, mode=mode, sender=name, now=now, domains=domains)
            if waiting or row.learned is not None or row.put_off_until is not None:
                found.append(replace(each, waiting=waiting))
    return tuple(found)


def _untouched(mode: Mode, sender: str, settings: Settings, now: datetime) -> PaceRow:
    return PaceRow(mode, sender, THE_SENDER, float("inf"), now, settings.today(now))


def _reasons(
    row: PaceRow, sender: Sender | None, providers: Providers, zone: ZoneInfo, now: datetime
) -> Iterator[Slowed]:
    today = now.astimezone(zone).date()
    if row.provider:
        allowed = Allowance(providers.limits(row.provider).per_minute)
    else:
        allowed = allowance(sender.limits, today) if sender else Allowance()
    if row.put_off_until is not None and row.put_off_until > now:
        words = f"does not answer; the next try is at {local(row.put_off_until, zone)}{_because(row)}"
        yield Slowed(row.sender, row.provider, words, 0, row.slow_since, row.put_off_until)
        return
    drawn = draw(bucket_of(row), allowed, 1, now=now, zone=zone)
    learned = drawn.bucket.learned
    if drawn.day_is_over:
        yield Slowed(
            row.sender, row.provider, _day_words(sender, allowed, today, drawn.again_at, zone), 0, None, drawn.again_at
        )
    elif learned is not None:
        since = f" since {local(row.slow_since, zone)}" if row.slow_since else ""
        rate = effective_rate(allowed, learned)
        words = f"slowed to {rate:.0f} mails a minute{since}; it speeds up by itself{_because(row)}"
        yield Slowed(row.sender, row.provider, words, 0, row.slow_since)
    elif allowed.per_minute is not None:
        yield Slowed(row.sender, row.provider, f"sends at most {allowed.per_minute:.0f} mails a minute", 0)


def _day_words(
    sender: Sender | None, allowed: Allowance, today: date, again_at: datetime | None, zone: ZoneInfo
) -> str:
    plan = sender.limits.warm_up if sender else None
    again = f"; it goes on at {local(again_at, zone)}" if again_at else ""
    if plan is not None and today < plan.start:
        return f"its warm-up begins on {plan.start}"
    if plan is not None and allowed.per_day != (sender.limits.per_day if sender else None):
        day = (today - plan.start).days + 1
        return f"the limit of {allowed.per_day} mails for day {day} of its warm-up is reached{again}"
    return f"the limit of {allowed.per_day} mails a day is reached{again}"


def _because(row: PaceRow) -> str:
    return f" ({row.reason})" if row.reason else ""


def what_holds_back(found: tuple[Slowed, ...], sender: str, provider: str) -> Slowed | None:
    """What keeps a due mail of a sender to a provider waiting; the provider's reason is told first."""
    by_place: Mapping[tuple[str, str], Slowed] = {(each.sender, each.provider): each for each in found}
    return by_place.get((sender, provider)) or by_place.get((sender, THE_SENDER))
