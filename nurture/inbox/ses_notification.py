"""What Amazon SES tells by mail in JSON: bounces, complaints and deliveries of clinics that send through it."""

from __future__ import annotations

import json
from typing import Any

from nurture.inbox.addresses import first_address
from nurture.inbox.bounce_kinds import bounce_kind, reason_of
from nurture.inbox.judgement import BouncedRecipient, Judgement
from nurture.inbox.mail import Mail
from nurture.vocabulary import BounceKind, MailKind

_MAX_OCTETS = 300_000
_MAX_RECIPIENTS = 20  # a mail of ours has one


def ses_notification(mail: Mail) -> Judgement | None:
    """The judgement of such a notification; None where this is none."""
    content = _json(mail.words)
    kind = content.get("notificationType") or content.get("eventType")
    about = content.get("mail")
    if not isinstance(about, dict):
        return None
    message_id = (
        about.get("commonHeaders", {}).get("messageId") if isinstance(about.get("commonHeaders"), dict) else None
    )
    message_id = str(message_id).strip("<> ") if message_id else None
    match kind:
        case "Complaint":
            complaint = _mapping(content, "complaint")
            return Judgement(
                MailKind.COMPLAINT,
                "it is a complaint that Amazon SES passes on",
                reported=tuple(_addresses(complaint.get("complainedRecipients"))),
                original_message_id=message_id,
                feedback_type=str(complaint.get("complaintFeedbackType") or "abuse"),
            )
        case "Delivery":
            delivered = [
                BouncedRecipient(address, BounceKind.DELIVERED, action="delivered")
                for address in _addresses(_mapping(content, "delivery").get("recipients"))
            ]
            return _bounce(delivered, message_id)
        case "Bounce":
            return _bounce(_bounced(_mapping(content, "bounce").get("bouncedRecipients")), message_id)
        case _:
            return None


def _bounce(recipients: list[BouncedRecipient], message_id: str | None) -> Judgement:
    why = "it is a delivery report of Amazon SES"
    return Judgement(MailKind.BOUNCE, why, recipients=tuple(recipients), original_message_id=message_id)


def _bounced(entries: object) -> list[BouncedRecipient]:
    found = []
    for entry in entries[:_MAX_RECIPIENTS] if isinstance(entries, list) else []:
        address = next(iter(_addresses([entry])), None)
        if address and isinstance(entry, dict):
            words, status = str(entry.get("diagnosticCode") or ""), entry.get("status")
            reason = reason_of(words, status=str(status) if status else None)
            action = str(entry.get("action") or "failed")
            found.append(BouncedRecipient(address, bounce_kind(reason, action), reason.status, action, words))
    return found


def _addresses(entries: object) -> list[str]:
    found = []
    for entry in entries if isinstance(entries, list) else []:
        value = entry.get("emailAddress") if isinstance(entry, dict) else entry
        if isinstance(value, str) and (address := first_address(value)):
            found.append(address)
    return found


def _json(words: str) -> dict[str, Any]:
    """The JSON object that the mail begins with, whose lines a mail program may have broken."""
    text = words.lstrip()
    if not text.startswith("{") or len(text) > _MAX_OCTETS:
        return {}
    for candidate in (text, text.replace("\n ", "").replace("\n", "")):
        try:
            content, _ = json.JSONDecoder().raw_decode(candidate)
        except (ValueError, RecursionError):
            continue
        return _message_of(content)
    return {}


def _message_of(content: object) -> dict[str, Any]:
    """The notification itself; SNS may wrap it as a string."""
    if not isinstance(content, dict):
        return {}
    inner = content.get("Message")
    if isinstance(inner, str):
        try:
            content = json.loads(inner)
        except (ValueError, RecursionError):
            return {}
    return content if isinstance(content, dict) else {}


def _mapping(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}
