"""To which of our mails, and to whom, a mail that came in belongs: the strongest trace counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nurture.composing.link_tokens import KeyRing, LinkToken, is_genuine
from nurture.store import Connection, matching
from nurture.store.matching import OurMail
from nurture.vocabulary import LinkPurpose, MatchedBy
from nurture.workspace.providers import KNOWN

# How old a mail may be to which an address alone links an answer.
ADDRESS_REACH = timedelta(days=60)
_SHARED_DOMAINS = frozenset(domain for domains in KNOWN.values() for domain in domains)


@dataclass(frozen=True, slots=True)
class Traces:
    """What a mail that came in shows of ours.

    ``tokens`` are what may be tokens of ours, whose signature nobody has checked yet; ``message_ids`` stand without
    angle brackets, those that it answers first; ``addresses`` (casefolded) are those that a bounce or complaint
    names, else the writer. ``received_at`` is UTC.
    """

    tokens: tuple[tuple[LinkPurpose, LinkToken], ...]
    message_ids: tuple[str, ...]
    addresses: tuple[str, ...]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Match:
    """What was found. ``contact_id`` is who wrote, or whom the bounce is about; None: a colleague, or nobody we know.

    ``mail`` None: no mail of ours went there lately.
    """

    by: MatchedBy
    mail: OurMail | None
    contact_id: int | None
    organization_id: int | None


def match(connection: Connection, traces: Traces, ring: KeyRing | None) -> Match | None:
    """Link a mail to what we sent; None if it has nothing to do with it. Without keys no token counts."""
    people = matching.people_at(connection, traces.addresses)
    for by, mail in (
        (MatchedBy.SIGNED, _first(_signed(connection, traces.tokens, ring))),
        (MatchedBy.MESSAGE_ID, _first(matching.by_message_ids(connection, traces.message_ids))),
        (MatchedBy.RELAY_ID, _first(matching.by_relay_ids(connection, traces.message_ids))),
    ):
        if mail is not None:
            return _of_mail(by, mail, traces, [person.contact_id for person in people])
    if people:
        since = traces.received_at - ADDRESS_REACH
        ids = [person.contact_id for person in people]
        mail = matching.last_to(connection, ids, since=since, until=traces.received_at)
        first = people[0]
        who = mail.contact_id if mail is not None else first.contact_id
        return Match(MatchedBy.ADDRESS, mail, who, first.organization_id)
    for address in traces.addresses:
        domain = address.rpartition("@")[2]
        if domain and domain not in _SHARED_DOMAINS:
            organization = matching.organization_at(connection, domain)
            if organization is not None:
                return Match(MatchedBy.ORGANIZATION, None, None, organization)
    return None


def _signed(
    connection: Connection, tokens: Sequence[tuple[LinkPurpose, LinkToken]], ring: KeyRing | None
) -> list[OurMail]:
    """The mails that only these genuine tokens came with."""
    if ring is None or not tokens:
        return []
    mails = {mail.delivery_id: mail for mail in matching.by_ids(connection, [token.number for _, token in tokens])}
    return [
        mails[token.number]
        for purpose, token in tokens
        if token.number in mails and is_genuine(token, ring, purpose, mails[token.number].recipient_key)
    ]


def _first(mails: Sequence[OurMail]) -> OurMail | None:
    return next(iter(mails), None)


def _of_mail(by: MatchedBy, mail: OurMail, traces: Traces, people: Sequence[int]) -> Match:
    """The reader, unless somebody else writes: a contact whom we know, or a colleague whom we do not."""
    if mail.contact_id in people or not traces.addresses or same_address(mail, traces.addresses):
        who = mail.contact_id
    else:
        who = next(iter(people), None)
    return Match(by, mail, who, mail.organization_id)


def same_address(mail: OurMail, addresses: Sequence[str]) -> bool:
    """Whether one of these (casefolded) is the address that our mail went to."""
    return mail.address is not None and mail.address.casefold() in addresses
