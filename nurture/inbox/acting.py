"""What shall happen after a bounce, a complaint, or a machine's answer. Pure.

A refusal of us is never the contact's fault, and who cannot prove that a mail is about one of ours changes nothing:
suppressing needs a signed token or a Message-ID of our own, for a forged bounce must not silence anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from nurture.vocabulary import BounceKind, MatchedBy

PROVEN = frozenset({MatchedBy.SIGNED_ADDRESS, MatchedBy.MESSAGE_ID, MatchedBy.RELAY_ID})
LONGEST_ABSENCE = timedelta(days=30)  # a return date that is farther away is taken for this


class Act(StrEnum):
    """What is done about an address."""

    SUPPRESS_HARD = "suppress_hard"  # it does not exist
    SUPPRESS_SOFT = "suppress_soft"  # it failed too often
    RECORD = "record"  # kept in the log, nothing else
    DOUBT = "doubt"  # kept in the log, and somebody shall look: nobody is suppressed
    BLAME_US = "blame_us"  # kept in the log, and the owner hears that our mail is refused


@dataclass(frozen=True, slots=True)
class SoftRule:
    """So many soft bounces, the first and the last at least so far apart, and no mail that arrived between."""

    after: int
    over: timedelta


@dataclass(frozen=True, slots=True)
class FloodRule:
    """More hard bounces of one edition than both: then its list, or whoever sends the bounces, is doubted."""

    more_than: int
    percent: float


@dataclass(frozen=True, slots=True)
class BounceHistory:
    """What is known when a bounce comes.

    ``soft_at``: soft bounces of the address since a reader last showed life, this one too, oldest first (UTC).
    ``edition_hard``: hard bounces of the edition that came back so far, without this; ``edition_sent``: its mails.
    """

    soft_at: tuple[datetime, ...]
    edition_hard: int
    edition_sent: int


def after_bounce(
    kind: BounceKind,
    *,
    matched_by: MatchedBy,
    same_address: bool,
    history: BounceHistory,
    soft: SoftRule,
    flood: FloodRule,
) -> Act:
    """What a bounce means for the address that our mail went to.

    ``same_address``: the bounce names it; else it was forwarded, and what failed is another mailbox.
    """
    if kind is BounceKind.SENDER:
        return Act.BLAME_US
    if kind in (BounceKind.DELAYED, BounceKind.DELIVERED):
        return Act.RECORD
    if matched_by not in PROVEN:
        return Act.RECORD
    if kind is BounceKind.HARD and same_address:
        hard = history.edition_hard + 1
        if hard > flood.more_than and hard * 100 > flood.percent * history.edition_sent:
            return Act.DOUBT
        return Act.SUPPRESS_HARD
    return Act.SUPPRESS_SOFT if _failed_too_often(history.soft_at, soft) else Act.RECORD


def _failed_too_often(at: Sequence[datetime], rule: SoftRule) -> bool:
    return len(at) >= rule.after and at[-1] - at[0] >= rule.over


@dataclass(frozen=True, slots=True)
class ComplaintRule:
    """More complaints than this share of a campaign's mails, and at least so many, pause it."""

    percent: float
    at_least: int


def too_many_complaints(complaints: int, sent: int, rule: ComplaintRule) -> bool:
    """Whether so many complaints, this one counted, about so many mails pause the campaign."""
    return complaints >= rule.at_least and complaints * 100 > rule.percent * sent


def absence_until(until: date | None, *, today: date) -> date | None:
    """The last day of an absence, as far as it is believed; None: no day was told, or it is over."""
    if until is None or until < today:
        return None
    return min(until, today + LONGEST_ABSENCE)


def may_leave_by_words(matched_by: MatchedBy | None) -> bool:
    """Whether "please remove me" counts: it answers one of our mails.

    Whoever has the mail could also follow its link, so it does not matter from which of their addresses they write.
    Without a trace of our mail anybody could write it in another's name; the owner is asked instead.
    """
    return matched_by in PROVEN
