"""From a claimed delivery to the bytes of its mail."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nurture.composing.dkim import Signer
from nurture.composing.edition import EditionContent
from nurture.composing.headers import new_message_id
from nurture.composing.link_keys import read_link_keys
from nurture.composing.link_tokens import LinkKey, make_token
from nurture.composing.message import Composer
from nurture.composing.recipient import INERT, LinkTokens, Recipient, recipient_values
from nurture.composing.tracking import tracked
from nurture.errors import ComposeError, Problem
from nurture.store import editions
from nurture.store.attempts import ClaimedDelivery
from nurture.store.contacts import PersonRow
from nurture.store.engine import Connection
from nurture.vocabulary import LinkPurpose, Tracked

TRACKED = "tracked"  # in the values that a delivery keeps, `Tracked`; not there: nothing
EDITIONS_AT_HAND = 16  # composers kept; each holds its edition's images (at most 1 MB)


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A mail that is ready to leave, with what must be stored to compose it again."""

    message_id: str
    date: datetime
    envelope_from: str
    envelope_to: str
    raw: bytes
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EditionLink:
    """An edition as the token of its shared pixel names it; ``name`` tells it from one with the number anew.

    ``verp``: its mails have return paths of their own.
    """

    id: int
    name: str
    verp: bool = False

    @classmethod
    def of(cls, edition_id: int, content: EditionContent) -> EditionLink:
        """The edition with this content."""
        name = f"{content.shared['campaign']['name']}@{content.shared['edition'].get('key', '')}"
        return cls(edition_id, name, verp=content.shared.get("pages", {}).get("verp", False))


class EditionComposers:
    """The composers of the editions that are being sent. ``data`` is the folder with the keys of links."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._composers: OrderedDict[int, tuple[Composer, LinkKey | None, EditionLink]] = OrderedDict()

    def missing(self, edition_id: int) -> bool:
        """Whether `load` must come before `compose`."""
        return edition_id not in self._composers

    def load(self, connection: Connection, edition_id: int) -> None:
        """Make the composer of an edition from the content it keeps; raises `ComposeError`.

        All lines ask at once when an edition begins; the first one makes it.
        """
        if not self.missing(edition_id):
            return
        content = editions.content_of(connection, edition_id)
        if not content:
            raise ComposeError([Problem("edition", 0, 0, "it has no content to send")])
        found = EditionContent.from_json(content)
        self._composers[edition_id] = Composer(found), link_key(found, self._data), EditionLink.of(edition_id, found)
        while len(self._composers) > EDITIONS_AT_HAND:
            self._composers.popitem(last=False)

    def compose(self, claimed: ClaimedDelivery, person: PersonRow, *, signer: Signer, now: datetime) -> OutgoingMessage:
        """The mail as it shall leave, signed; a retry gets the Message-ID and Date of the first try.

        Raises `RenderError` if it cannot be composed for this person.
        """
        composer, key, edition = self._composers[claimed.edition_id]
        self._composers.move_to_end(claimed.edition_id)
        sender = composer.content.shared["sender"]["address"]
        message_id = claimed.message_id or new_message_id(sender)
        date = claimed.message_date or now
        values = reader_values(composer.content, person)
        message = composer.compose(
            Recipient(
                delivery_id=claimed.id,
                message_id=message_id,
                date=date,
                address=claimed.address or "",
                variant=claimed.variant,
                values=values,
                news_ids=claimed.news_ids,
                tokens=link_tokens(
                    key, edition, delivery_id=claimed.id, recipient_key=claimed.recipient_key, values=values
                ),
            )
        )
        raw = signer.sign(message.raw, at=date) + message.raw
        return OutgoingMessage(message_id, date, message.envelope_from, message.envelope_to, raw, values)


def link_key(content: EditionContent, data: Path) -> LinkKey | None:
    """The key that signs the links of an edition's mails; None where they have none.

    The edition keeps the key's id, so each try of a mail has the same bytes. Raises `SecretError`.
    """
    page = content.shared.get("pages")
    if page is None:
        return None
    ring = read_link_keys(data)
    return ring.find(page["key"]) or ring.newest


def link_tokens(
    key: LinkKey | None, edition: EditionLink, *, delivery_id: int, recipient_key: str, values: Mapping[str, Any]
) -> LinkTokens:
    """The tokens of one mail's links; inert ones without a key. ``values`` are those that the delivery keeps."""
    if key is None:
        return INERT

    def token(purpose: LinkPurpose) -> str:
        return make_token(key, purpose, delivery_id, recipient_key)

    click = pixel = ""
    what = values.get(TRACKED)
    if what == Tracked.PERSON:
        click, pixel = token(LinkPurpose.CLICK), f"o/{token(LinkPurpose.OPEN)}"
    elif what == Tracked.EDITION:
        pixel = f"e/{make_token(key, LinkPurpose.EDITION_OPEN, edition.id, edition.name)}"
    return LinkTokens(
        leave=token(LinkPurpose.LEAVE),
        view=token(LinkPurpose.VIEW),
        preferences=token(LinkPurpose.PREFERENCES),
        click=click,
        pixel=pixel,
        bounce=token(LinkPurpose.BOUNCE) if edition.verp else "",
    )


def reader_values(content: EditionContent, person: PersonRow) -> dict[str, Any]:
    """What the delivery keeps of its reader: the templates' values, and what the mail tells when it is read."""
    values = recipient_values(person)
    rules = content.shared.get("pages", {}).get("tracking")
    if rules is not None:
        organization = person.organization
        what = tracked(
            rules,
            categories=person.categories,
            country=person.country or (organization.country if organization else None),
            may_track=person.may_track,
        )
        if what is not Tracked.NOTHING:
            values[TRACKED] = what.value
    return values
