"""A plain mail of the program to the clinic's own people, not to readers: no template, no way out, no history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.composing import headers
from nurture.composing.mime import quoted_printable
from nurture.workspace.settings import Sender

_MARK = (
    "Auto-Submitted: auto-generated\r\n"  # RFC 3834 5: nobody's vacation answers it
    "MIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Notice:
    """What the program has to say; ``text`` has LF line ends."""

    subject: str
    text: str

    def mail(self, sender: Sender, to: str, *, message_id: str, date: datetime) -> bytes:
        """The whole mail to one address, unsigned (RFC 5322). ``date`` is aware."""
        mailbox = headers.encode_mailbox(sender.name, sender.address, used=len("From: "))
        fields = (
            headers.header("From", mailbox),
            headers.header("To", headers.folded("To", f"<{headers.one_word(to)}>")),
            headers.header("Subject", headers.encode_text(self.subject, used=len("Subject: "))),
            headers.header("Date", headers.date_text(date)),
            headers.header("Message-ID", message_id),
        )
        return ("".join(fields) + _MARK + quoted_printable(self.text)).encode("ascii")
