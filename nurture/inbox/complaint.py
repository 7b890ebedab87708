"""Complaints: a provider tells that somebody pressed "spam" or wants out (RFC 5965, RFC 6650), redacted or not.

A report about a failed signature (RFC 6591) has the same form and is no complaint.
"""

from __future__ import annotations

import re

from nurture.inbox.addresses import addresses_in
from nurture.inbox.judgement import Judgement
from nurture.inbox.mail import Fields, Mail
from nurture.inbox.original import fields_in, message_id, original_fields, original_message_id
from nurture.inbox.ses_notification import ses_notification
from nurture.vocabulary import MailKind

_ABOUT_US = frozenset({"auth-failure", "not-spam"})  # RFC 6591 3, RFC 6430: nobody complains
_JMRP = re.compile(
    r"^(?:complaint about message from|feedback loop|abuse report|spam report|junk e?-?mail report)\b", re.IGNORECASE
)
_PROVIDER = re.compile(
    r"staff@hotmail\.com|complaints?@|fbl@|feedback(?:loop)?@|abuse[-_.]?report|arf@|scomp@", re.IGNORECASE
)


def judge_complaint(mail: Mail) -> Judgement | None:
    """The judgement of a complaint, or of another report of that form; None where this is neither."""
    notification = ses_notification(mail)
    if notification is not None and notification.kind is MailKind.COMPLAINT:
        return notification
    report = _report(mail)
    if report is None:
        return _without_form(mail)
    kind = report.raw("feedback-type").strip().lower() or "abuse"
    reported = tuple(_addresses(mail, report))
    original = original_message_id(mail) or message_id(report, "original-message-id")
    if kind in _ABOUT_US:
        why = f"it is a provider's report ({kind}) about a mail, and nobody complains in it"
        return Judgement(MailKind.REPORT, why, reported=reported, original_message_id=original, feedback_type=kind)
    return Judgement(
        MailKind.COMPLAINT,
        f"it is a feedback report (RFC 5965) of the type {kind}",
        reported=reported,
        original_message_id=original,
        feedback_type=kind,
        opt_out=kind.startswith("opt-out"),  # opt-out, opt-out-list
    )


def _report(mail: Mail) -> Fields | None:
    """The fields of the feedback report; some providers call the part plain text."""
    part = mail.first("message/feedback-report")
    if part is None and mail.parameters.get("report-type", "").lower() == "feedback-report":
        part = next((each for each in mail.own_parts if "feedback-type" in fields_in(each)), None)
    return fields_in(part) if part is not None else None


def _addresses(mail: Mail, report: Fields) -> list[str]:
    """Who complained: as the report says, else to whom the mail went; nobody where all is redacted."""
    for name in ("original-rcpt-to", "removal-recipient", "recipient"):
        found = [address for value in report.every(name) for address in addresses_in(value)]
        if found:
            return list(dict.fromkeys(found))
    original = original_fields(mail)
    if original is None:
        return []
    found = [
        address
        for name in ("to", "x-hmxmroriginalrecipient")
        for value in original.every(name)
        for address in addresses_in(value)
    ]
    return list(dict.fromkeys(found))


def _without_form(mail: Mail) -> Judgement | None:
    """Providers that forward the mail and say "complaint" in the subject (Microsoft's JMRP), without any form."""
    original = original_fields(mail)
    if original is None or not (
        _PROVIDER.search(mail.sender) and (_JMRP.search(mail.subject) or "x-hmxmroriginalrecipient" in original)
    ):
        return None
    return Judgement(
        MailKind.COMPLAINT,
        "a provider passes a mail of ours on as a complaint",
        reported=tuple(_addresses(mail, Fields())),
        original_message_id=original_message_id(mail),
        feedback_type="abuse",
    )
