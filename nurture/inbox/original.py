"""Which mail of ours another mail is about: the Message-ID of what it carries or quotes."""

from __future__ import annotations

import re

from nurture.inbox.mail import Fields, Mail, Part
from nurture.inbox.parsing import split_head

_CARRIED = (
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/global-headers",
    "text/rfc822",
    "message/rfc2822",
)
ID = re.compile(r"<\s*([^<>\s]{3,250})\s*>")  # a Message-ID in a field (RFC 5322 3.6.4)
_QUOTED = re.compile(
    r"^[>\s]{0,8}(?:original[- ])?message-?id\s*:\s*<?([^<>\s]{3,250}@[^<>\s]{1,250})>?", re.IGNORECASE | re.MULTILINE
)


def message_id(fields: Fields, name: str = "message-id") -> str | None:
    """The id in such a field, without its angle brackets."""
    value = fields.raw(name)
    found = ID.search(value)
    if found:
        return found[1]
    return value.split()[0] if value.strip() else None


def original_fields(mail: Mail) -> Fields | None:
    """The header of the mail that came back; None where it is not carried as a part of its own."""
    for part in mail.parts:
        if part.content_type in _CARRIED:
            return fields_in(part)
    return None


def fields_in(part: Part) -> Fields:
    """The fields that a part's body begins with."""
    return split_head(part.body.replace(b"\r\n", b"\n").lstrip(b"\n"))[0]


def original_message_id(mail: Mail) -> str | None:
    """The Message-ID of the mail that came back, however it is carried; None where it is not."""
    fields = original_fields(mail)
    if fields is not None and (found := message_id(fields)):
        return found
    for part in mail.parts:
        if part.content_type.startswith(("text/", "message/")):
            quoted = _QUOTED.search(part.text)
            if quoted:
                return quoted[1]
    return None
