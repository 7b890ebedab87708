"""What a mail is. Pure and in one order: own, bounce, complaint, machine report, way out, automatic answer, reply.

What is none of these is unknown.

Each judge says what it found, or None; the first word counts. Judging ends within a
second, whatever comes, and never raises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nurture.composing.link_tokens import tokens_in, without_tokens
from nurture.inbox.automatic import judge_automatic
from nurture.inbox.bounce import judge_bounce
from nurture.inbox.complaint import judge_complaint
from nurture.inbox.judgement import Judgement
from nurture.inbox.machine_report import judge_machine_report
from nurture.inbox.mail import Mail
from nurture.inbox.opt_out import asks_to_leave, is_command
from nurture.inbox.original import message_id
from nurture.inbox.parsing import parse_mail
from nurture.inbox.reply import newest_words
from nurture.vocabulary import MailKind

if TYPE_CHECKING:
    from nurture.workspace.settings import Settings  # `inbox classify` needs none, and starts in half the time


def _judge_way_out(mail: Mail) -> Judgement | None:
    """The mail that `List-Unsubscribe` asks for (RFC 2369 3.2); None where this is none.

    Mail programs write it for the reader who pressed their button and say so, in words or in Auto-Submitted. An
    automatic answer keeps our subject behind a word of its own; none has the one of our link, with a token.
    """
    if not tokens_in(mail.subject) or not is_command(without_tokens(mail.subject)):
        return None
    why = "its subject is the one of the way out in our mails"
    return Judgement(MailKind.REPLY, why, opt_out=True, text=newest_words(mail))


_JUDGES: tuple[Callable[[Mail], Judgement | None], ...] = (
    judge_bounce,
    judge_complaint,
    judge_machine_report,
    _judge_way_out,
    judge_automatic,
)


@dataclass(frozen=True, slots=True)
class Ourselves:
    """By what we know our own mails: the addresses that we send from and are answered at, in lower case."""

    addresses: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings) -> Ourselves:
        """The senders that nurture.yaml names."""
        senders = settings.senders.values()
        return cls(
            frozenset(address.lower() for each in senders for address in (each.address, each.reply_to) if address)
        )


def judge_octets(raw: bytes, *, ourselves: Ourselves = Ourselves()) -> Judgement:
    """Take a mail apart and judge it; never raises."""
    return judge_mail(parse_mail(raw), ourselves=ourselves)


def judge_mail(mail: Mail, *, ourselves: Ourselves = Ourselves()) -> Judgement:
    """The first judge's word that has one."""
    own = _own(mail, ourselves)
    if own is not None:
        return own
    for judge in _JUDGES:
        judgement = judge(mail)
        if judgement is not None:
            return judgement
    return _reply(mail)


def _own(mail: Mail, ourselves: Ourselves) -> Judgement | None:
    if mail.sender and mail.sender in ourselves.addresses:
        return Judgement(MailKind.OWN, f"{mail.sender} is an address of ours")
    # edition:campaign:kind:nurture, as composing writes it
    if mail.fields.raw("feedback-id").strip().endswith(":nurture") and "list-id" in mail.fields:
        return Judgement(MailKind.OWN, "nurture sent it: see its field Feedback-ID")
    return None


def _reply(mail: Mail) -> Judgement:
    answers = "in-reply-to" in mail.fields or "references" in mail.fields
    if not answers and "list-unsubscribe" in mail.fields and ("list-id" in mail.fields or "precedence" in mail.fields):
        return Judgement(MailKind.UNKNOWN, "it went to many: it has fields of mass mails and answers none of ours")
    words = newest_words(mail)
    files = any(part.attached for part in mail.own_parts)
    if not mail.sender:
        return Judgement(MailKind.UNKNOWN, "it names no sender", text=words or None)
    if not (words or mail.subject or files):
        return Judgement(MailKind.UNKNOWN, "there is nothing in it")
    return Judgement(
        MailKind.REPLY,
        "it answers a mail, and nothing says that a machine wrote it"
        if answers
        else "nothing says that a machine wrote it",
        original_message_id=message_id(mail.fields, "in-reply-to"),
        opt_out=asks_to_leave(words, subject=without_tokens(mail.subject)),
        text=words,
    )
