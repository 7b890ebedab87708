"""``nurture send --test``: what readers would get, through the sender's own account, to the clinic's own people.

In the sandbox as in live mode the mail leaves for real. Nothing of it is history: no edition, delivery, attempt or
event, no news seen, no lesson about the server. So a restored copy of the database may send tests, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nurture.address import AddressError, parse_address
from nurture.audience.suppressed import suppressed_addresses
from nurture.composing.dkim import Signer
from nurture.composing.headers import new_message_id
from nurture.composing.message import Composer
from nurture.composing.recipient import Recipient
from nurture.delivery import advice
from nurture.delivery.messages import OutgoingMessage
from nurture.errors import InputError
from nurture.service.account import account_of, answer_of, hand_over_now
from nurture.service.house import House
from nurture.service.stand_ins import StandIn, content_and_readers
from nurture.vocabulary import AttemptOutcome, Category
from nurture.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class TriedMail:
    """One test mail. ``answer`` has the server's words, or ours where it said nothing; ``advice`` what to do then.

    ``variants`` are the categories whose readers would get exactly this. Of an address that must not be mailed
    nothing is composed: no variants, no subject, no Message-ID.
    """

    to: str
    variants: tuple[Category, ...]
    subject: str
    message_id: str | None
    taken: bool
    answer: str
    advice: str


@dataclass(frozen=True, slots=True)
class MailTest:
    """What became of a campaign's test mails. ``signed_by`` are the DKIM keys, ``SELECTOR._domainkey.DOMAIN``."""

    campaign: str
    sender: str
    from_address: str
    server: str
    signed_by: tuple[str, ...]
    mails: tuple[TriedMail, ...]

    @property
    def all_taken(self) -> bool:
        """The mail server took every mail."""
        return all(mail.taken for mail in self.mails)


def send_test(house: House, campaign: str, *, to: str | None = None, reader: str | None = None) -> MailTest:
    """Send the mails of ``campaign`` to the ``test_recipients``, or to one of them.

    A mail for each category that the campaign writes to, composed for somebody made up; with ``reader`` (an address)
    the one mail that this contact would get. Raises `InputError` where there is nobody to send to, what `preview`
    raises, `SecretError` for a key or a password, and `SenderError` where the account cannot be used: nothing left.
    """
    settings = house.workspace.settings
    name = house.workspace.campaign(campaign).sender or settings.default_sender
    recipients = _recipients(house.workspace, to)
    account = account_of(house, name)
    sender, signer = account.sender, account.signer
    content, readers = content_and_readers(house, campaign, reader=reader)
    why_not = suppressed_addresses(house.store, house.workspace, recipients)
    writer = _Writer(house, Composer(content), signer)
    letters = [letter for to in recipients if to not in why_not for letter in writer.letters(to, readers)]
    endings = hand_over_now(house, account, [letter.message for letter in letters])
    refused = [
        TriedMail(
            *(to, (), "", None, False, f"not sent: this address is suppressed ({why.value.replace('_', ' ')})"),
            advice=f"nurture contacts lift {to} --because REASON, if that is over; or take it out of test_recipients",
        )
        for to, why in why_not.items()
    ]
    tried = [
        TriedMail(
            *(letter.message.envelope_to, letter.variants, letter.subject, letter.message.message_id),
            taken=ending.end.outcome is AttemptOutcome.SENT,
            answer=answer_of(ending),
            advice=advice.about_ending(ending, sender=name, from_address=sender.address),
        )
        for letter, ending in zip(letters, endings, strict=True)
    ]
    keys = tuple(key.record.name for key in signer.keys)
    return MailTest(campaign, name, sender.address, account.route.server, keys, (*tried, *refused))


@dataclass(frozen=True, slots=True)
class _Letter:
    variants: tuple[Category, ...]
    subject: str
    message: OutgoingMessage


class _Writer:
    """Composes and signs."""

    def __init__(self, house: House, composer: Composer, signer: Signer) -> None:
        self._now = house.clock.now()
        self._composer = composer
        self._signer = signer
        self._from = composer.content.shared["sender"]["address"]

    def letters(self, to: str, readers: Sequence[StandIn]) -> Iterator[_Letter]:
        """The mails for one address; what reads the same for several categories is one."""
        same: dict[tuple[str, str, str], list[tuple[Category, OutgoingMessage]]] = {}
        for reader in readers:
            message_id = new_message_id(self._from)
            composed = self._composer.compose(
                Recipient(0, message_id, self._now, to, reader.variant, reader.values, reader.news_ids)
            )
            raw = self._signer.sign(composed.raw, at=self._now) + composed.raw
            outgoing = OutgoingMessage(
                message_id, self._now, composed.envelope_from, composed.envelope_to, raw, reader.values
            )
            alike = (composed.subject, composed.text, composed.encoded_html)
            same.setdefault(alike, []).append((reader.variant, outgoing))
        for (subject, _, _), found in same.items():
            yield _Letter(tuple(variant for variant, _ in found), subject, found[0][1])


def _recipients(workspace: Workspace, to: str | None) -> tuple[str, ...]:
    """Who gets the mails, each once."""
    listed = {parse_address(each).key: each for each in workspace.settings.test_recipients}
    if not listed:
        example = "`test_recipients: [you@clinic.example]`"
        raise InputError(f"nobody gets test mails yet; write your own address into nurture.yaml: {example}")
    if to is None:
        return tuple(listed.values())
    try:
        key = parse_address(to).key
    except AddressError as error:
        raise InputError(f"{to}: {error}") from error
    if key not in listed:
        raise InputError(
            f"{to} is none of the test_recipients of nurture.yaml ({', '.join(listed.values())}); "
            "a test goes to nobody else"
        )
    return (listed[key],)
