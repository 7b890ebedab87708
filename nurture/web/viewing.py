"""A mail as a page for a browser: composed again from what the delivery keeps.

Past patients' mails are shown as somebody unknown would get them, because a link can be passed on. The page notes
nothing: its links lead where they say.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Final

from starlette.responses import HTMLResponse, Response

from nurture.address import masked_address
from nurture.composing.edition import EditionContent
from nurture.composing.link_tokens import KeyRing, is_genuine, parse_token
from nurture.composing.message import Composer
from nurture.composing.recipient import Recipient, recipient_values
from nurture.delivery.messages import EditionLink, link_tokens
from nurture.errors import RenderError
from nurture.store import Connection, Store, editions
from nurture.store.log import DeliveryHistory, history
from nurture.vocabulary import Category, LinkPurpose
from nurture.web.answers import HEADERS

_AT_HAND: Final = 4  # composers; each holds its edition's images
# A mail has styles in its elements and its pictures inside; nothing else may be loaded or run.
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class Viewing:
    """Mails as pages. For several threads."""

    def __init__(self, store: Store, keys: Callable[[], KeyRing]) -> None:
        self._store, self._keys = store, keys
        self._composers: OrderedDict[int, Composer] = OrderedDict()
        self._lock = Lock()

    def page(self, text: str) -> Response | None:
        """The mail of a token; None for a link that is none of ours, or where nothing can be shown.

        Raises `StoreError`, `SecretError`.
        """
        token = parse_token(text)
        if token is None:
            return None
        ring = self._keys()
        with self._store.read() as connection:
            found = history(connection, token.number)
            genuine = is_genuine(token, ring, LinkPurpose.VIEW, found.recipient_key if found else "")
            if found is None or not genuine:
                return None
            composer = self._composer(connection, found.delivery.edition_id)
        recipient = _recipient(found, composer, ring) if composer else None
        if composer is None or recipient is None:
            return None
        try:
            html = composer.browser_html(composer.compose(recipient))
        except RenderError:
            return None  # a template that `nurture check` refuses: it cannot do without the reader's name
        return HTMLResponse(html, headers={**HEADERS, "Content-Security-Policy": _POLICY})

    def _composer(self, connection: Connection, edition_id: int) -> Composer | None:
        with self._lock:
            if edition_id not in self._composers:
                content = editions.content_of(connection, edition_id)
                if not content:
                    return None
                self._composers[edition_id] = Composer(EditionContent.from_json(content))
                while len(self._composers) > _AT_HAND:
                    self._composers.popitem(last=False)
            self._composers.move_to_end(edition_id)
            return self._composers[edition_id]


def _recipient(found: DeliveryHistory, composer: Composer, ring: KeyRing) -> Recipient | None:
    row = found.delivery
    if found.values is None or found.message_date is None or row.message_id is None or row.address is None:
        return None
    edition = EditionLink.of(row.edition_id, composer.content)
    return Recipient(
        delivery_id=row.id,
        message_id=row.message_id,
        date=found.message_date,
        address=row.address,
        variant=row.variant,
        values=_shown_values(found.values, row.address),
        news_ids=found.news_ids,
        tokens=link_tokens(ring.newest, edition, delivery_id=row.id, recipient_key=found.recipient_key, values={}),
    )


def _shown_values(values: Mapping[str, Any], address: str) -> Mapping[str, Any]:
    if Category.PAST_PATIENT not in values["contact"]["categories"]:
        return values
    return recipient_values({"address": masked_address(address), "categories": values["contact"]["categories"]})
