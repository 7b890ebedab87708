"""What servers teach us about speed, written down for all workers and for the next start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from zoneinfo import ZoneInfo

from nurture.delivery.pacing import MINUTE, put_off, slower
from nurture.delivery.tokens import bucket_of, full_row, with_bucket
from nurture.store import pacing
from nurture.store.engine import Connection
from nurture.vocabulary import Mode


class Taught(Enum):
    """What an answer, or the lack of one, says about speed."""

    TOO_FAST = auto()  # "slow down": half the rate
    SILENT = auto()  # no answer within the timeouts: no mail for minutes
    ANSWERS = auto()  # a provider that was put off answers again


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson about a provider (with its ``domains``), or about the sender itself (`THE_SENDER`).

    ``words`` are the server's, for people. ``zone`` is the clinic's.
    """

    mode: Mode
    sender: str
    provider: str
    domains: tuple[str, ...]
    taught: Taught
    words: str
    now: datetime
    zone: ZoneInfo

    def write(self, connection: Connection) -> None:
        """Remember it."""
        row = pacing.lock(connection, self.mode, self.sender, self.provider)
        if row is None and self.taught is Taught.ANSWERS:
            return
        present = pacing.present(connection, self.now)
        row = row or pacing.lock_new(connection, full_row(self.mode, self.sender, self.provider, present, self.zone))
        if self.taught is Taught.ANSWERS:
            row = replace(row, put_off_until=None, put_offs=0)
        elif self.taught is Taught.SILENT:
            if row.put_off_until is not None and self.now < row.put_off_until:
                return  # what was under way when the first fell silent counts once
            until = self.now + put_off(row.put_offs + 1)
            since = row.slow_since or self.now
            row = replace(
                row, put_off_until=until, put_offs=row.put_offs + 1, slow_since=since, reason=self.words[:300]
            )
        else:
            seen = pacing.observed(
                connection, self.sender, domains=self.domains, since=self.now - MINUTE, until=self.now
            )
            bucket = bucket_of(row)
            learned = slower(bucket.learned, seen, now=present)
            row = with_bucket(row, replace(bucket, learned=learned, tokens=0.0, filled_at=present))
            row = replace(row, slow_since=row.slow_since or self.now, reason=self.words[:300])
        pacing.save(connection, row)
