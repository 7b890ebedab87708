"""What of a mail is kept. The mail itself never is; in a shared mailbox no word of what is none of ours."""

from __future__ import annotations

import dataclasses
import re
from datetime import date

from nurture.inbox.judgement import Judgement
from nurture.inbox.mail import Mail
from nurture.inbox.matching import Match
from nurture.store.inbound import Content
from nurture.store.replies import MAX_WORDS
from nurture.workspace.mailbox import MailboxKind

# no UTF-8 and no PostgreSQL can hold them, and anybody can send them
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def kept_content(mail: Mail, judgement: Judgement, match: Match | None, kind: MailboxKind) -> Content | None:
    """What the mail says, as far as it may be kept; None where it is somebody else's business (DESIGN 8)."""
    delivery_id = match.mail.delivery_id if match is not None and match.mail is not None else None
    ours = match is not None and (delivery_id is not None or match.contact_id is not None)
    if kind is MailboxKind.SHARED and not ours:
        return None
    verdict = {
        field.name: _storable(getattr(judgement, field.name))
        for field in dataclasses.fields(judgement)
        if field.name not in ("why", "text")
    }
    return Content(
        sender=storable(mail.sender),
        subject=storable(mail.subject),
        message_id=storable(mail.fields.raw("message-id").strip().strip("<>")),
        why=storable(judgement.why) or "",
        judgement=verdict,
        text=storable(judgement.text[:MAX_WORDS] if judgement.text else None),
        matched_by=match.by if match else None,
        delivery_id=delivery_id,
        contact_id=match.contact_id if match else None,
        organization_id=match.organization_id if match else None,
    )


def storable(value: str | None) -> str | None:
    """Text as both databases can hold it; None for an empty one."""
    return _UNSTORABLE.sub("\ufffd", value) if value else None


def _storable(value: object) -> object:
    """As JSON: dataclasses by field, dates in ISO 8601."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _storable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [_storable(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value
