"""Delivery status notifications (RFC 3464, RFC 6533): one group of fields for each recipient."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nurture.inbox.addresses import bare_address
from nurture.inbox.decoding import decode_words
from nurture.inbox.mail import Mail, Part

_TYPES = ("message/delivery-status", "message/global-delivery-status")
_MAX_GROUPS = 20  # a mail of ours has one recipient
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{2,60})[ \t]*:[ \t]*(.*)")
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_ABOUT_RECIPIENT = frozenset({"final-recipient", "original-recipient", "x-actual-recipient", "action"})


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """One group of a report. ``diagnostic`` is on one line, without its type."""

    address: str
    action: str
    status: str | None
    diagnostic: str
    diagnostic_type: str


def has_delivery_status(mail: Mail) -> bool:
    """Whether a mail system says by its form that this is a report about a delivery."""
    return _status_part(mail) is not None


def recipient_statuses(mail: Mail) -> list[RecipientStatus]:
    """The groups that name an address, in their order; the same address twice counts once."""
    part = _status_part(mail)
    found: dict[str, RecipientStatus] = {}
    if part is not None:
        for group in _groups(part.text):
            status = _recipient_status(group)
            if status is not None:
                found.setdefault(status.address.lower(), status)
    return list(found.values())


def _status_part(mail: Mail) -> Part | None:
    """The part with the fields; some systems call it plain text (RFC 3464 2: they must not)."""
    if (part := mail.first(*_TYPES)) is not None:
        return part
    for part in mail.own_parts:
        if part.content_type in ("text/plain", "message/delivery", "application/octet-stream") and _has_fields(part):
            return part
    return None


def _has_fields(part: Part) -> bool:
    start = part.text[:20_000].lower()
    if not re.search(r"^(?:final|original)-recipient\s*:", start, re.MULTILINE):
        return False
    return re.search(r"^action\s*:\s*(?:failed|delayed|delivered|relayed|expanded)", start, re.MULTILINE) is not None


def _groups(text: str) -> Iterator[dict[str, str]]:
    """Groups of fields, parted by blank lines (RFC 3464 2.1).

    Some systems leave the blank line out, others put blank lines inside: a group
    also ends where a field would come twice, and one without an address goes on.
    """
    group: dict[str, str] = {}
    name = ""
    count = 0
    for line in text.split("\n"):
        if line[:1] in (" ", "\t") and line.strip():
            if name:
                group[name] = f"{group[name]} {line.strip()}"[:4000]
            continue
        field = _FIELD.match(line)
        if field is None:
            name = ""
            continue
        name = field[1].lower()
        if name in group and (name in _ABOUT_RECIPIENT or name == "status"):
            yield group
            count += 1
            if count >= _MAX_GROUPS:
                return
            group = {}
        group.setdefault(name, field[2].strip())
    yield group


def _recipient_status(group: dict[str, str]) -> RecipientStatus | None:
    names = ("final-recipient", "original-recipient", "x-actual-recipient")
    typed = [group.get(name, "") for name in names]
    # an X.400 or a local name says nothing to us where another field has the mail address
    address = next(filter(None, map(bare_address, map(decode_words, typed))), "")
    if not address:
        return None
    if typed[0].lstrip().startswith(("rfc822;@", "RFC822;@")) or "@" not in address:
        address = bare_address(typed[1]) or address
    kind, _, words = group.get("diagnostic-code", "").partition(";")
    if not words:
        kind, words = "", kind
    words = decode_words(" ".join(words.split()))
    comment = group.get("status", "")
    status = _STATUS.search(comment)
    action = group.get("action", "").lower().strip(" ;,.")
    return RecipientStatus(
        address,
        action.split()[0] if action else "",
        status[1] if status else None,
        f"{words} {_in_brackets(comment)}".strip(),
        kind.strip().lower(),
    )


def _in_brackets(comment: str) -> str:
    return comment.partition("(")[2].rstrip(") ")
