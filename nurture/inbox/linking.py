"""What a judged mail shows of ours: the traces by which it is matched. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from nurture.composing.link_tokens import tokens_in
from nurture.inbox.judgement import Judgement
from nurture.inbox.mail import Mail
from nurture.inbox.matching import Traces
from nurture.vocabulary import MailKind

_ID = re.compile(r"<\s*([^<>\s]{3,250})\s*>")
_MOST_TOKENS = 5
_MOST_IDS = 50  # a thread is known by fewer; more are an attack
_ABOUT_OTHERS = frozenset({MailKind.BOUNCE, MailKind.COMPLAINT, MailKind.REPORT})


def answered_ids(mail: Mail) -> tuple[str, ...]:
    """The Message-IDs that a mail answers: In-Reply-To, then References from the latest on (RFC 5322 3.6.4)."""
    direct = _ID.findall(mail.fields.raw("in-reply-to"))
    thread = _ID.findall(mail.fields.raw("references"))
    return tuple(dict.fromkeys([*direct, *reversed(thread)]))[:_MOST_IDS]


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
    own = () if judgement.kind in _ABOUT_OTHERS else tokens_in(mail.subject)[:_MOST_TOKENS]
    return Traces(own, _askable(ids), _askable(each.casefold() for each in addresses), received_at)


def _askable(values: Iterable[str]) -> tuple[str, ...]:
    """Without what no database could be asked for, which is nobody's of ours."""
    return tuple(dict.fromkeys(value for value in values if value.isprintable()))[:_MOST_IDS]
