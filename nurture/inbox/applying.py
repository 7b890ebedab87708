"""What an understood mail changes: events, suppressions, absences, proposals. Twice equals once.

Everything happens in the caller's transaction, the one in which the mail is written down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from nurture.audience.leaving import Choice, Way, decide
from nurture.delivery import control
from nurture.delivery.brakes import too_many_dead
from nurture.inbox.acting import (
    PROVEN,
    BounceHistory,
    absence_until,
    after_bounce,
    may_leave_by_words,
    too_many_complaints,
)
from nurture.inbox.addresses import without_addresses
from nurture.inbox.matching import Match
from nurture.store import Connection, alerts, brakes, campaigns, editions, events, feedback, suppressions, uncertain
from nurture.store.brakes import dead_key
from nurture.store.leaving import find_mail
from nurture.store.matching import OurMail
from nurture.store.uncertain import Choice as Uncertain
from nurture.vocabulary import (
    AlertKind,
    BounceAct,
    BounceKind,
    DeliveryState,
    EventKind,
    Mode,
    ProposalKind,
    SuppressionReason,
    SuppressionScope,
)
from nurture.workspace.settings import Settings

COMPLAINTS_OVER = timedelta(days=30)  # complaints are counted over so long


@dataclass(frozen=True, slots=True)
class Bounced:
    """What a bounce says of one recipient; ``same_address``: of the one that our mail went to."""

    kind: BounceKind
    same_address: bool
    status: str | None = None  # RFC 3463
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Understood:
    """The mail that acts: ``key`` is the same each time it is read; ``received_at`` is UTC."""

    key: str
    match: Match
    settings: Settings
    received_at: datetime
    now: datetime


def bounce(connection: Connection, heard: Understood, bounced: Bounced) -> BounceAct | None:
    """Act on a bounce; None if it was done before, or no mail of ours is known for it."""
    mail = heard.match.mail
    if mail is None:
        return None
    _arrived_somewhere(connection, heard, mail)
    hard, sent = feedback.hard_bounces(connection, mail.edition_id)
    earlier = () if mail.contact_id is None else feedback.soft_bounces(connection, mail.contact_id, mode=mail.mode)
    act = after_bounce(
        bounced.kind,
        matched_by=heard.match.by,
        same_address=bounced.same_address,
        history=BounceHistory(tuple(sorted((*earlier, heard.received_at))), hard, sent),
        rules=heard.settings.bounces,
    )
    data = {
        "kind": bounced.kind,
        "proven": heard.match.by in PROVEN,
        "status": bounced.status,
        "matched_by": heard.match.by,
        "act": act,
        "words": bounced.words if mail.contact_id is not None else None,  # servers like to repeat the address
    }
    at = heard.received_at  # not when it is read: the loop may have stood still while they came
    if not feedback.record(connection, EventKind.BOUNCED, mail, at, key=f"bounce {heard.key}", data=data):
        return None
    if act in (BounceAct.SUPPRESS_HARD, BounceAct.SUPPRESS_SOFT):
        hard_bounced = act is BounceAct.SUPPRESS_HARD
        reason = SuppressionReason.HARD_BOUNCED if hard_bounced else SuppressionReason.SOFT_BOUNCED
        _suppress(connection, mail, reason, heard.now)
        _brake(connection, heard, mail)
    elif act is BounceAct.DOUBT:
        name = str(editions.get(connection, mail.edition_id).public_id)
        words = (
            f"{hard + 1} addresses of {name} are said not to exist; nobody more is suppressed before you have looked: "
            "nurture contacts repair"
        )
        alerts.raise_alert(connection, AlertKind.BOUNCES_DOUBTED, name, words, heard.now)
    elif act is BounceAct.BLAME_US:
        # servers like to repeat the address, and an alert outlives the person's erasure
        said = without_addresses(bounced.words or "") or bounced.status or "no reason"
        words = f"mails are refused because of us, not of the readers: {said}"
        sender = editions.get(connection, mail.edition_id).sender
        alerts.raise_alert(connection, AlertKind.MAIL_REFUSED, sender, words, heard.now)
    return act


def complaint(connection: Connection, heard: Understood) -> bool:
    """A reader pressed "spam": never again, and the campaign pauses when too many do. False: nothing new.

    Without proof that it is about a mail of ours nobody is silenced, but the owner hears of it.
    """
    mail = heard.match.mail
    if mail is None or heard.match.by not in PROVEN:
        return _ask_the_owner(connection, heard, "a complaint came that names no mail of ours")
    if not feedback.record(connection, EventKind.COMPLAINED, mail, heard.now, key=f"complaint {heard.key}", data={}):
        return False
    _suppress(connection, mail, SuppressionReason.COMPLAINED, heard.now)
    since = heard.now - COMPLAINTS_OVER
    about, sent = feedback.complaints(connection, mail.campaign, mode=mail.mode, since=since)
    if mail.mode is Mode.LIVE and too_many_complaints(about, sent, heard.settings.brakes.complaints):
        by = f"the brake on complaints: {about} of {sent} readers"
        if campaigns.pause(connection, mail.campaign, by=by, now=heard.now):
            name = mail.campaign
            words = f"{about} of {sent} readers complained about {name}, so it is paused: nurture resume {name}"
            alerts.raise_alert(connection, AlertKind.COMPLAINTS, name, words, heard.now)
    return True


def opt_out(connection: Connection, heard: Understood, words: str) -> bool:
    """Somebody writes that they want no more mail; ``words`` are kept. False: it is not proven, the owner is asked."""
    mail = heard.match.mail
    left = find_mail(connection, mail.delivery_id) if mail is not None else None
    if left is None or not may_leave_by_words(heard.match.by):
        _ask_the_owner(connection, heard, "somebody asks for no more mail, and answers none of ours")
        return False
    kept = words[:500] if left.contact_id is not None else None
    decide(connection, left, Choice.EVERYTHING, way=Way.REPLY, now=heard.now, words=kept)
    return True


def _ask_the_owner(connection: Connection, heard: Understood, what: str) -> bool:
    """A wish that nothing proves; True if nobody was asked about this person, or this colleague's mail, yet."""
    contact = heard.match.contact_id
    if contact is None:
        subject, shown = f"mail {heard.key[:12]}", ""
        who = f"a colleague at an organization of yours, received {heard.received_at:%Y-%m-%d %H:%M} UTC"
    else:
        subject = who = f"contact {contact}"
        shown = f"nurture contacts show {contact}, then "
    words = f"{what} ({who}): {shown}nurture contacts suppress ADDRESS"
    return alerts.raise_by_stranger(connection, AlertKind.LEAVE_UNPROVEN, subject, words, heard.now)


def replied(connection: Connection, heard: Understood) -> bool:
    """A person answered; False: known already."""
    mail = heard.match.mail
    if mail is None:
        return False
    _arrived_somewhere(connection, heard, mail)
    data = {"matched_by": heard.match.by}
    return feedback.record(connection, EventKind.REPLIED, mail, heard.now, key=f"reply {heard.key}", data=data)


def auto_replied(
    connection: Connection, heard: Understood, *, kind: str, until: date | None, new_address: str | None
) -> bool:
    """A machine answered: an absence is kept, a change of address is proposed. False: known already.

    Who is away gets no mail, so an absence counts only where it proves that it answers a mail to the very person.
    """
    mail, contact_id = heard.match.mail, heard.match.contact_id
    data: dict[str, Any] = {"kind": kind, "until": until.isoformat() if until else None}
    if mail is not None:
        _arrived_somewhere(connection, heard, mail)
        if not feedback.record(
            connection, EventKind.AUTO_REPLIED, mail, heard.now, key=f"machine {heard.key}", data=data
        ):
            return False
    if contact_id is None:
        return False
    last_day = absence_until(until, today=heard.settings.today(heard.now))
    proven = heard.match.by in PROVEN and mail is not None and mail.contact_id == contact_id
    if last_day is not None and proven:
        feedback.away(connection, contact_id, last_day, heard.now)
    if kind in (ProposalKind.LEFT, ProposalKind.MOVED):
        feedback.propose(connection, contact_id, ProposalKind(kind), new_address, heard.now, key=heard.key)
    return True


def _arrived_somewhere(connection: Connection, heard: Understood, mail: OurMail) -> None:
    """Whoever has our Message-ID has our mail: a doubt about it is over."""
    if mail.state is DeliveryState.UNCERTAIN and heard.match.by in PROVEN:
        rows = uncertain.find(connection, Uncertain(mail.mode, ids=(mail.delivery_id,)))
        uncertain.settle(connection, rows, heard.now, arrived=True, by="a mail that came back")


# What a person decided is stronger than what a machine found out, and a complaint than all.
_STAYS: dict[SuppressionReason, Callable[[SuppressionReason], bool]] = {
    SuppressionReason.COMPLAINED: lambda found: found in (SuppressionReason.COMPLAINED, SuppressionReason.ERASED),
    SuppressionReason.HARD_BOUNCED: lambda found: found is not SuppressionReason.SOFT_BOUNCED,
    SuppressionReason.SOFT_BOUNCED: lambda found: True,
}


def _suppress(connection: Connection, mail: OurMail, reason: SuppressionReason, now: datetime) -> None:
    key, source = mail.recipient_key, f"mail {mail.delivery_id}"
    if mail.mode is Mode.SANDBOX:
        source = suppressions.REHEARSED + source
    found = suppressions.active_suppression(connection, SuppressionScope.ADDRESS, key)
    if found is not None:
        rehearsed = found.rehearsed and mail.mode is Mode.LIVE
        if _STAYS[reason](found.reason) and not rehearsed:
            return
        if mail.mode is Mode.SANDBOX and not found.rehearsed:
            return  # a rehearsal ends, and would end with it what it replaced
        suppressions.lift(connection, SuppressionScope.ADDRESS, key, because=f"{reason} weighs more", now=now)
    suppressions.suppress(
        connection, SuppressionScope.ADDRESS, key, shown=mail.address, reason=reason, source=source, now=now
    )
    events.record(
        connection,
        EventKind.SUPPRESSED,
        now,
        delivery_id=mail.delivery_id,
        contact_id=mail.contact_id,
        data={"reason": reason, "delivery": mail.delivery_id},
        dedupe_key=dead_key(mail.delivery_id)
        if reason is SuppressionReason.HARD_BOUNCED
        else f"{reason} of delivery {mail.delivery_id}",
    )


def _brake(connection: Connection, heard: Understood, mail: OurMail) -> None:
    """A list that is bad shows itself also by what bounces later."""
    if mail.mode is Mode.LIVE:
        tried, dead = brakes.tally(connection, mail.edition_id)
        because = too_many_dead(tried, dead, heard.settings.brakes.dead_addresses)
        if because is not None:
            control.hold_by_itself(connection, mail.edition_id, because=because, now=heard.now)
