"""Mails that are no campaign's, mostly to the clinic's own people: plain text, marked so that no machine answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.composing.headers import date_text, encode_mailbox, encode_text, header, one_word
from nurture.composing.mime import quoted_printable


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice to one address. ``message_id`` stands in angle brackets, ``date`` is aware.

    ``reply_to``: where an answer shall go; None: to the sender.
    """

    message_id: str
    date: datetime
    from_name: str
    from_address: str
    to: str
    subject: str
    text: str
    reply_to: str | None = None


def compose_notice(notice: Notice) -> bytes:
    """The whole mail, ready to be signed.

    RFC 3834 5 keeps automatic answers away by ``Auto-Submitted``, Exchange by its own field ([MS-OXCMAIL] 2.2.3.2.14).
    """
    answers = (("Reply-To", f"<{one_word(notice.reply_to)}>"),) if notice.reply_to else ()
    fields = (
        ("From", encode_mailbox(notice.from_name, notice.from_address, used=len("From: "))),
        *answers,
        ("To", f"<{one_word(notice.to)}>"),
        ("Subject", encode_text(notice.subject, used=len("Subject: "))),
        ("Date", date_text(notice.date)),
        ("Message-ID", notice.message_id),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "quoted-printable"),
    )
    head = "".join(header(name, value) for name, value in fields)
    return f"{head}\r\n{quoted_printable(notice.text.rstrip() + chr(10))}".encode("ascii")
