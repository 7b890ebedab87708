"""What a mail that came in leads to, by its kind; in the transaction in which it is written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.inbox import applying
from nurture.inbox.addresses import addresses_in
from nurture.inbox.applying import Bounced, Understood
from nurture.inbox.judgement import Judgement
from nurture.inbox.keeping import storable
from nurture.inbox.linking import answered_ids
from nurture.inbox.mail import Mail
from nurture.inbox.matching import same_address
from nurture.inbox.original import message_id
from nurture.inbox.reply import newest_words
from nurture.inbox.topics import topic_of
from nurture.store import Connection, replies
from nurture.store.replies import NewReply, OwnAnswer
from nurture.vocabulary import MailKind, Mode

INBOX = "INBOX"  # RFC 9051 5.1: in any case
_MOST_RECIPIENTS = 50  # of an answer of our own


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail and what it was taken for; ``account`` and ``folder`` are where it lies.

    ``from_outside``: mail of strangers lies there, too.
    """

    mail: Mail
    judgement: Judgement
    account: str
    folder: str
    mode: Mode
    from_outside: bool = True


def act(connection: Connection, arrived: Arrived, heard: Understood) -> None:
    """Do what follows from a mail that was matched."""
    kind = arrived.judgement.kind
    if kind is MailKind.BOUNCE:
        _bounce(connection, arrived.judgement, heard)
    elif kind is MailKind.COMPLAINT:
        applying.complaint(connection, heard)
    elif kind is MailKind.AUTOREPLY:
        told = arrived.judgement.automatic
        if told is not None:
            applying.auto_replied(
                connection, heard, kind=told.kind, until=told.until, new_address=storable(told.new_address)
            )
    elif kind is MailKind.REPLY:
        _reply(connection, arrived, heard)


def _bounce(connection: Connection, judgement: Judgement, heard: Understood) -> None:
    """One mail of ours has one reader; a report that names others is about a mailbox behind the reader's."""
    mail = heard.match.mail
    if mail is None or not judgement.recipients:
        return
    about = next(
        (each for each in judgement.recipients if same_address(mail, (each.address.casefold(),))),
        judgement.recipients[0],
    )
    bounced = Bounced(
        about.bounce,
        same_address=same_address(mail, (about.address.casefold(),)),
        status=storable(about.status),
        words=storable(about.words[:500]),
    )
    applying.bounce(connection, heard, bounced)


def _reply(connection: Connection, arrived: Arrived, heard: Understood) -> None:
    words = arrived.judgement.text or ""
    new = applying.replied(connection, heard)
    if arrived.judgement.opt_out:
        applying.opt_out(connection, heard, storable(words) or "")
    mail, fields = heard.match.mail, arrived.mail.fields
    if not new and mail is not None:
        return
    replies.take(
        connection,
        NewReply(
            key=heard.key,
            mode=arrived.mode if mail is None else mail.mode,
            received_at=heard.received_at,
            account=arrived.account,
            folder=arrived.folder,
            sender=fields.text("from"),
            address=arrived.mail.sender,
            subject=arrived.mail.subject,
            words=words,
            topic=topic_of(words, opt_out=arrived.judgement.opt_out),
            message_id=message_id(fields),
            references=answered_ids(arrived.mail),
            delivery_id=None if mail is None else mail.delivery_id,
            contact_id=heard.match.contact_id,
            organization_id=heard.match.organization_id,
        ),
    )


def answered(connection: Connection, arrived: Arrived, *, key: str, sent_at: datetime) -> None:
    """A mail that somebody of the clinic sent stops the clocks of what it answers.

    Anybody can send a mail in the clinic's name to its inbox, or to its junk. There it has to name what it answers,
    which a stranger does not know; elsewhere, as in Sent, its recipients are enough.
    """
    fields = arrived.mail.fields
    recipients = [address for name in ("to", "cc") for field in fields.every(name) for address in addresses_in(field)]
    if arrived.from_outside:
        recipients = []
    replies.answered(
        connection,
        OwnAnswer(
            key=key,
            sent_at=sent_at,
            sender=fields.text("from"),
            words=newest_words(arrived.mail),
            message_id=message_id(fields),
            answers=answered_ids(arrived.mail),
            recipients=recipients[:_MOST_RECIPIENTS],
            automatic=fields.raw("auto-submitted").strip().lower() not in ("", "no"),
        ),
        mode=arrived.mode,
    )
