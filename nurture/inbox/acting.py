"""What shall happen after a bounce, a complaint, or a machine's answer. Pure.

A refusal of us is never the contact's fault, and who cannot prove that a mail is about one of ours changes nothing:
suppressing needs a signed token or a Message-ID of our own, for a forged bounce must not silence anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from nurture.vocabulary import BounceAct, BounceKind, MatchedBy
from nurture.workspace.brakes import Complaints
from nurture.workspace.feedback import Bounces, SoftBounces

PROVEN = frozenset({MatchedBy.SIGNED, MatchedBy.MESSAGE_ID, MatchedBy.RELAY_ID})
LONGEST_ABSENCE = timedelta(days=30)  # a return date that is farther away is taken for this


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
    rules: Bounces,
) -> BounceAct:
    """What a bounce means for the address that our mail went to.

    ``same_address``: the bounce names it; else it was forwarded, and what failed is another mailbox.
    """
    if kind is BounceKind.SENDER:
        return BounceAct.BLAME_US
    if kind in (BounceKind.DELAYED, BounceKind.DELIVERED):
        return BounceAct.RECORD
    if matched_by not in PROVEN:
        return BounceAct.RECORD
    if kind is BounceKind.HARD and same_address:
        hard = history.edition_hard + 1
        if hard > rules.flood.more_than and hard * 100 > rules.flood.percent * history.edition_sent:
            return BounceAct.DOUBT
        return BounceAct.SUPPRESS_HARD
    return BounceAct.SUPPRESS_SOFT if _failed_too_often(history.soft_at, rules.soft) else BounceAct.RECORD


def _failed_too_often(at: Sequence[datetime], rule: SoftBounces) -> bool:
    return len(at) >= rule.after and at[-1] - at[0] >= rule.over


def too_many_complaints(complaints: int, sent: int, rule: Complaints) -> bool:
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
