"""What comes back to the sample clinic in the demo: what partners, their machines and mail servers write.

The mails go into a Maildir as a mail server would put them there, and are read, judged and followed like any others.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from string import Template
from typing import Final

from nurture.service.house import House
from nurture.service.inbox import read_mailbox
from nurture.store import log, log_pages
from nurture.vocabulary import Category, DeliveryState, MailKind

MAILDIR: Final = "data/mailbox"
SETTINGS: Final = f"\nmailbox:\n  maildir: {MAILDIR}\n"
CAMPAIGN: Final = "partner-news"  # its first edition is answered
_SENT: Final = "Sent"
_SOON, _LATER = timedelta(hours=2), timedelta(hours=5)
_AWAY: Final = timedelta(days=12)  # longer than an edition may wait for somebody

_REFERRAL: Final = """\
From: $address
To: $clinic
Subject: Re: News for partners
Date: $date
Message-ID: <referral@$domain>
In-Reply-To: $message_id

Thank you. May I send you a runner with a sore knee this week?
"""
_OUT_OF_OFFICE: Final = """\
From: $address
To: $clinic
Subject: Automatic reply: News for partners
Date: $date
Message-ID: <away@$domain>
In-Reply-To: $message_id
Auto-Submitted: auto-replied

I am out of the office until $back and will answer when I am back.
"""
_BOUNCE: Final = """\
From: Mail Delivery System <MAILER-DAEMON@mx.riverbend.example>
To: $clinic
Subject: Undelivered Mail Returned to Sender
Date: $date
Message-ID: <bounce@mx.riverbend.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=part

--part
Content-Type: text/plain

<$address>: no such user here
--part
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.riverbend.example

Final-Recipient: rfc822; $address
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user here
--part
Content-Type: text/rfc822-headers

From: $clinic
To: $address
Message-ID: $message_id
--part--
"""
_COMPLAINT: Final = """\
From: Feedback <feedback@$domain>
To: $clinic
Subject: FW: News for partners
Date: $date
Message-ID: <complaint@$domain>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary=part

--part
Content-Type: text/plain

This is an abuse report for a mail that was received today.
--part
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Example-Feedback/1
Version: 1
--part
Content-Type: text/rfc822-headers

From: $clinic
To: $address
Message-ID: $message_id
--part--
"""
_STOP: Final = """\
From: $address
To: $clinic
Subject: Re: News for partners
Date: $date
Message-ID: <stop@$domain>
In-Reply-To: $message_id

Please stop sending me these. We have a therapist of our own now.
"""
# who writes what; the clinic answers the first of them
_WRITE: Final = {
    Category.HEALTHCARE_PROVIDER: _REFERRAL,
    Category.COMMUNITY_AGENCY: _OUT_OF_OFFICE,
    Category.PRIVATE_BUSINESS: _BOUNCE,
    Category.SPORTS_CLUB: _COMPLAINT,
    Category.SCHOOL: _STOP,
}
_ANSWER: Final = """\
From: $clinic
To: $address
Subject: Re: News for partners
Date: $date
Message-ID: <answer@$clinic_domain>
In-Reply-To: <referral@$domain>

Yes, gladly. She may call Maya at 503-555-0141; Thursday is free.
"""


@dataclass(frozen=True, slots=True)
class _Coming:
    """A mail that will lie in a folder of the mailbox from then on (UTC)."""

    at: datetime
    mail: str
    folder: str = ""


class DemoMail:
    """The clinic's mailbox, and those who write into it after the first edition of the partners' news."""

    def __init__(self, house: House) -> None:
        """Make the empty mailbox and note its end, as the first `nurture inbox read` does."""
        self._house = house
        self._coming: Sequence[_Coming] | None = None  # None: the edition has not left yet
        for folder in ("", _SENT):
            for part in ("cur", "new", "tmp"):
                (self._place(folder) / part).mkdir(parents=True)
        read_mailbox(house)

    @property
    def next_at(self) -> datetime | None:
        """When the next mail comes (UTC); None: none is known yet, or all have come."""
        return min((each.at for each in self._coming or ()), default=None)

    def play(self) -> dict[MailKind, int]:
        """Let come what comes up to now, and read the mailbox; how many mails of each kind are new."""
        now = self._house.clock.now()
        if self._coming is None:
            self._coming = self._written(now)
            return {}
        due = [each for each in self._coming if each.at <= now]
        if not due:
            return {}
        for number, each in enumerate(due):
            path = self._place(each.folder) / "new" / f"{now:%Y%m%d%H%M}.{number}.demo"
            path.write_text(each.mail, encoding="ascii")
            os.utime(path, (each.at.timestamp(), each.at.timestamp()))
        self._coming = [each for each in self._coming if each.at > now]
        return dict(read_mailbox(self._house).kinds)

    def _place(self, folder: str) -> Path:
        return self._house.root / MAILDIR / (f".{folder}" if folder else "")  # Maildir++

    def _written(self, now: datetime) -> Sequence[_Coming] | None:
        """What readers of the edition write, once it has left."""
        settings = self._house.workspace.settings
        clinic = settings.senders[settings.default_sender].address
        which = log_pages.Filter(self._house.mode(), campaign=CAMPAIGN, states=(DeliveryState.SENT,))
        with self._house.store.read() as connection:
            rows = log.page(connection, which, limit=1000)
        readers = {row.variant: row for row in rows if row.address and row.message_id}
        if not _WRITE.keys() <= readers.keys():
            return None
        coming = []
        for kind, template in _WRITE.items():
            reader = readers[kind]
            words = {
                "clinic": clinic,
                "clinic_domain": clinic.rpartition("@")[2],
                "address": reader.address,
                "domain": (reader.address or "").rpartition("@")[2],
                "message_id": reader.message_id,
                "date": format_datetime(now + _SOON),
                "back": f"{now + _AWAY:%B} {(now + _AWAY).day}",
            }
            coming.append(_Coming(now + _SOON, Template(template).substitute(words)))
            if template is _REFERRAL:
                answer = Template(_ANSWER).substitute(words, date=format_datetime(now + _LATER))
                coming.append(_Coming(now + _LATER, answer, folder=_SENT))
        return coming
