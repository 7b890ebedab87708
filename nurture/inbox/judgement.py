"""What a mail is, in the words that all of the house uses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from nurture.vocabulary import AutomaticKind, BounceKind, MailKind


@dataclass(frozen=True, slots=True)
class BouncedRecipient:
    """What became of a mail for one address.

    ``status`` is the enhanced code (RFC 3463) and ``action`` the word (RFC 3464
    2.3.3) of the report; either may be missing. ``words`` is the server's own
    reason, on one line.
    """

    address: str
    bounce: BounceKind
    status: str | None = None
    action: str | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Automatic:
    """An automatic answer: what it tells, until when somebody is away, whom to write to instead."""

    kind: AutomaticKind
    until: date | None = None  # the first day on which the person is there again, or the last one away
    new_address: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one mail was taken for, and ``why``, in a sentence that its owner understands."""

    kind: MailKind
    why: str
    recipients: tuple[BouncedRecipient, ...] = ()  # of a bounce
    reported: tuple[str, ...] = ()  # the addresses that a complaint or a report about one mail names
    original_message_id: str | None = None  # of the mail that it is about, without angle brackets
    automatic: Automatic | None = None
    feedback_type: str | None = None  # RFC 5965 7.3
    opt_out: bool = False
    text: str | None = None  # the newest words of a reply or an automatic answer
