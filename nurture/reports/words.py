"""What happened to a delivery or an edition, as people say it. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nurture.planning.gates import REASONS_IN_WORDS
from nurture.store.contacts import PersonRow
from nurture.store.editions import EditionRow
from nurture.store.log import AttemptRow, DeliveryRow
from nurture.vocabulary import AttemptOutcome, DeliveryState, EditionReason, EditionState, SkipReason

EDITION_REASONS = {
    EditionReason.NO_NEWS: "nobody had any news left to read",
    EditionReason.EMPTY_SEGMENT: "nobody matched the campaign's rule",
    EditionReason.TOO_LATE: "its time went by, and its grace too, while nothing was running",
    EditionReason.PAUSED: "its time went by while the campaign was paused",
    EditionReason.EDITED: "the campaign's file was changed or removed before it was planned",
    EditionReason.BY_HAND: "somebody canceled it",
}


def local(instant: datetime, zone: ZoneInfo) -> str:
    """An instant as wall time in the clinic's zone: ``2026-12-01 09:31``."""
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def working_time_in_words(length: timedelta) -> str:
    """Working time to the minute: ``3 h 05 min``."""
    hours, minutes = divmod(int(length.total_seconds()) // 60, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def answer_in_words(attempt: AttemptRow | None) -> str:
    """The server's last words: ``mail.example:25 answered 550 5.1.1 no such user``; without them, what is known."""
    if attempt is None:
        return ""
    if attempt.code is None:
        return attempt.answer or ""
    return f"{attempt.server or 'the server'} answered {attempt.said}"


def delivery_in_words(
    row: DeliveryRow, *, now: datetime, paused_at: datetime | None, zone: ZoneInfo, held_back: str = ""
) -> str:
    """What became of one delivery and what comes next; times in ``zone``.

    ``held_back``: the limit that a due mail of this kind waits for, in words.
    """
    answer = answer_in_words(row.last_attempt)
    window = f"{local(row.not_before, zone)} to {local(row.not_after, zone)}"
    reason = _reason(row.reason)
    match row.state:
        case DeliveryState.SENT:
            at = local(row.settled_at, zone) if row.settled_at else "an unknown time"
            return _joined(f"sent at {at}", answer)
        case DeliveryState.QUEUED:
            return _joined(_queued(row, answer, window, now=now, paused_at=paused_at, zone=zone), held_back)
        case DeliveryState.HELD:
            return _joined(f"held until `nurture retry {row.edition} --held` lets it go on", reason)
        case DeliveryState.SENDING:
            return "being sent right now"
        case DeliveryState.FAILED:
            return _joined("refused for good", answer or reason)
        case DeliveryState.SKIPPED:
            return _joined("left out", reason)
        case DeliveryState.CANCELED:
            return _joined("canceled", reason)
        case DeliveryState.EXPIRED:
            return _joined(f"its time ({window}) went by before it could leave", answer)
        case DeliveryState.UNCERTAIN:
            words = _joined("handed over, but no answer came back: it may have arrived or not", reason)
            if row.decided_at is not None:
                return f"{words}; left so by hand at {local(row.decided_at, zone)}"
            return f"{words}; decide with `nurture uncertain` (number {row.id})"


def _queued(
    row: DeliveryRow, answer: str, window: str, *, now: datetime, paused_at: datetime | None, zone: ZoneInfo
) -> str:
    if paused_at is not None:
        return f"waits: the campaign is paused since {local(paused_at, zone)}"
    if row.last_attempt is not None and row.last_attempt.outcome is AttemptOutcome.UNCERTAIN:
        return _joined(f"no answer came to the last try; it is sent again from {local(row.time, zone)} on", answer)
    if row.attempts and answer:
        return f"refused for now ({answer}); next try {local(row.time, zone)}"
    if row.time > now:
        return f"waits for its time: it may leave from {window}"
    return f"due since {local(row.time, zone)}, waits for `nurture run`"


def _reason(reason: str | None) -> str:
    if reason is None:
        return ""
    return REASONS_IN_WORDS[SkipReason(reason)] if reason in set(SkipReason) else reason


def _joined(words: str, more: str) -> str:
    return f"{words}; {more}" if more else words


def why_no_delivery(edition: EditionRow, person: PersonRow, *, matches_now: bool) -> str:
    """Why an edition has no delivery for a contact."""
    reason = EDITION_REASONS[edition.reason] if edition.reason else ""
    if edition.state is EditionState.PLANNING and edition.planned_through < person.id:
        return "it is being planned, and the plan has not come to this contact yet"
    if edition.state is EditionState.MISSED:
        return _joined("nobody got it", reason)
    if edition.state is EditionState.SKIPPED and not edition.planned:
        return _joined("it was skipped", reason)
    if edition.ready_at is None and edition.state is EditionState.CANCELED and edition.planned_through < person.id:
        return "it was canceled before the plan came to this contact"
    planned_at = edition.ready_at or edition.created_at
    if person.created_at > planned_at:
        return "the contact came in after it was planned"
    if person.archived_at is not None and person.archived_at <= planned_at:
        return "the contact was archived already"
    then = "the contact did not match the campaign's rule when it was planned"
    return f"{then}, but does now" if matches_now else f"{then}, and does not now"
