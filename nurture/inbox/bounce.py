"""Bounces: which mail did not arrive, for whom, and whether that is the address's fault."""

from __future__ import annotations

import re

from nurture.inbox.addresses import without_addresses
from nurture.inbox.bounce_kinds import bounce_kind, kind_in_words, reason_of
from nurture.inbox.delivery_status import RecipientStatus, has_delivery_status, recipient_statuses
from nurture.inbox.failure_notices import FailureNotice, failure_notice, notice_words
from nurture.inbox.judgement import BouncedRecipient, Judgement
from nurture.inbox.mail import Mail
from nurture.inbox.original import original_message_id
from nurture.inbox.ses_notification import ses_notification
from nurture.vocabulary import BounceKind, MailKind

_SAYS_NOTHING = re.compile(r"(?:smtp)?[;\s]*(?:[245]\d\d)?[ \-]*(?:[245]\.\d+\.\d+)?\W*")


def judge_bounce(mail: Mail) -> Judgement | None:
    """The judgement of a bounce; None where this is none."""
    notification = ses_notification(mail)
    if notification is not None and notification.recipients:
        return notification
    if has_delivery_status(mail):
        statuses = recipient_statuses(mail)
        if statuses:
            words = notice_words(mail)
            return _judgement(
                mail,
                [_from_status(status, words, len(statuses)) for status in statuses],
                "has a delivery report (RFC 3464)",
            )
    notice = failure_notice(mail)
    if notice is None:
        return None
    recipients = [_from_notice(address, beside, notice) for address, beside in notice.recipients]
    return _judgement(mail, recipients, "is a failure notice in a mail system's own words")


def _judgement(mail: Mail, recipients: list[BouncedRecipient], why: str) -> Judgement:
    told = "; ".join(f"{each.address} {each.bounce}" for each in recipients[:5]) or "names no address"
    return Judgement(
        MailKind.BOUNCE,
        f"it {why}: {told}",
        recipients=tuple(recipients),
        original_message_id=original_message_id(mail),
    )


def _from_status(status: RecipientStatus, words: str, count: int) -> BouncedRecipient:
    """The report's own reason; the notice's where the report gives none and is about one address only."""
    diagnostic = status.diagnostic
    if status.diagnostic_type == "x-unix":
        diagnostic = f"x-unix {diagnostic}"
    if _SAYS_NOTHING.fullmatch(diagnostic):
        diagnostic = f"{diagnostic} {words if count == 1 else ''}".strip()
    reason = reason_of(diagnostic, status=status.status, context=words if count == 1 else "")
    action = {"failure": "failed", "error": "failed", "fail": "failed"}.get(status.action, status.action)
    kind = bounce_kind(reason, action)
    return BouncedRecipient(status.address, kind, reason.status or status.status, action or None, status.diagnostic)


def _from_notice(address: str, beside: str, notice: FailureNotice) -> BouncedRecipient:
    reason = reason_of(without_addresses(beside), context=notice.words)
    if reason.code is None and kind_in_words(reason) is None:
        reason = reason_of(without_addresses(notice.words))  # the reason stands above the address
    if notice.delayed:
        kind, action = BounceKind.DELAYED, "delayed"
    elif notice.delivered:
        kind, action = BounceKind.DELIVERED, "delivered"
    else:
        kind, action = bounce_kind(reason), "failed"
    return BouncedRecipient(address, kind, reason.status, action, " ".join(beside.split())[:500])
