"""What of a mail is kept. The mail itself never is; in a shared mailbox no word of what is none of ours."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import date

from nurture.inbox.judgement import Judgement
from nurture.inbox.mail import Mail
from nurture.store.inbound import Content
from nurture.workspace.mailbox import MailboxKind

# no UTF-8 and no PostgreSQL can hold them, and anybody can send them
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Link:
    """To which of our mails, and to whom, a mail belongs; ``matched_by`` is how we know."""

    matched_by: str
    delivery_id: int | None = None
    contact_id: int | None = None
    organization_id: int | None = None


def kept_content(mail: Mail, judgement: Judgement, link: Link | None, kind: MailboxKind) -> Content | None:
    """What the mail says, as far as it may be kept; None where it is somebody else's business (DESIGN 8)."""
    ours = link is not None and (link.delivery_id is not None or link.contact_id is not None)
    if kind is MailboxKind.SHARED and not ours:
        return None
    verdict = {
        field.name: _storable(getattr(judgement, field.name))
        for field in dataclasses.fields(judgement)
        if field.name not in ("why", "text")
    }
    return Content(
        sender=_text(mail.sender),
        subject=_text(mail.subject),
        message_id=_text(mail.fields.raw("message-id").strip().strip("<>")),
        why=_text(judgement.why) or "",
        judgement=verdict,
        text=_text(judgement.text),
        matched_by=link.matched_by if link else None,
        delivery_id=link.delivery_id if link else None,
        contact_id=link.contact_id if link else None,
        organization_id=link.organization_id if link else None,
    )


def _text(value: str | None) -> str | None:
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
