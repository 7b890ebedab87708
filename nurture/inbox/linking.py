"""What a judged mail shows of ours: the traces by which it is matched. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from nurture.composing.link_tokens import LinkToken, tokens_in
from nurture.composing.return_path import returned_tokens
from nurture.inbox.judgement import Judgement
from nurture.inbox.mail import Mail
from nurture.inbox.matching import Traces
from nurture.inbox.original import ID
from nurture.vocabulary import LinkPurpose, MailKind

_ARRIVED_AT = ("to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-forwarded-to")
_MOST_TOKENS = 5
_MOST_IDS = 50  # a thread is known by fewer; more are an attack
_ABOUT_OTHERS = frozenset({MailKind.BOUNCE, MailKind.COMPLAINT, MailKind.REPORT})
_TO_THE_RETURN_PATH = _ABOUT_OTHERS | {MailKind.AUTOREPLY}  # RFC 3834 4


def answered_ids(mail: Mail) -> tuple[str, ...]:
    """The Message-IDs that a mail answers: In-Reply-To, then References from the latest on (RFC 5322 3.6.4)."""
    direct = ID.findall(mail.fields.raw("in-reply-to"))
    thread = ID.findall(mail.fields.raw("references"))
    return tuple(dict.fromkeys([*direct, *reversed(thread)]))[:_MOST_IDS]


def tokens_that_came_back(mail: Mail) -> tuple[LinkToken, ...]:
    """The tokens in the addresses at which a mail arrived; servers tell them in fields of several names."""
    return returned_tokens(value for name in _ARRIVED_AT for value in mail.fields.every(name))


def traces(mail: Mail, judgement: Judgement, received_at: datetime) -> Traces:
    """By what the mail may belong to one of ours.

    A report about other mails names whom it is about; what its own head says comes from whoever wrote the report.
    """
    original = (judgement.original_message_id,) if judgement.original_message_id else ()
    if judgement.kind in _ABOUT_OTHERS:
        addresses = [each.address for each in judgement.recipients] or list(judgement.reported)
        ids = (*original, *answered_ids(mail))
    else:
        addresses = [mail.sender] if mail.sender else []
        ids = (*answered_ids(mail), *original)
    if judgement.kind in _TO_THE_RETURN_PATH:
        own = [(LinkPurpose.BOUNCE, token) for token in tokens_that_came_back(mail)]
    else:
        own = [(LinkPurpose.LEAVE, token) for token in tokens_in(mail.subject)]
    return Traces(
        tuple(own[:_MOST_TOKENS]), _askable(ids), _askable(each.casefold() for each in addresses), received_at
    )


def _askable(values: Iterable[str]) -> tuple[str, ...]:
    """Without what no database could be asked for, which is nobody's of ours."""
    return tuple(dict.fromkeys(value for value in values if value.isprintable()))[:_MOST_IDS]
