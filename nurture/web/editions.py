"""What the readers' pages know of editions and mails without asking the database each time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nurture.clock import monotonic
from nurture.composing.edition import EditionContent
from nurture.composing.link_keys import read_link_keys
from nurture.composing.link_tokens import KeyRing, LinkToken
from nurture.delivery.messages import EditionLink
from nurture.store import Connection, Store, editions, visits
from nurture.store.visits import LinkedMail

_EDITIONS: Final = 64
_MAILS: Final = 10_000
_TOGETHER: Final = 0.001  # seconds in which more may come: one look for ten mails costs hardly more than for one
_KEYS_FOR: Final = 1.0  # seconds; a mail with a new key takes longer to its reader


@dataclass(frozen=True, slots=True)
class EditionPages:
    """What an edition keeps for its pages: its name for tokens, and where its links lead, by number."""

    link: EditionLink
    targets: tuple[str, ...]


class Editions:
    """Editions by id, read once: their content never changes. For several threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, EditionPages | None] = OrderedDict()

    def get(self, connection: Connection, edition_id: int) -> EditionPages | None:
        """The edition; None if there is none with such a content."""
        if edition_id not in self._known:
            content = editions.content_of(connection, edition_id)
            found = EditionContent.from_json(content) if content else None
            known = EditionPages(EditionLink.of(edition_id, found), found.targets) if found else None
            if known is None:
                return None  # not remembered: numbers that nobody has are without end
            self._known[edition_id] = known
            while len(self._known) > _EDITIONS:
                self._known.popitem(last=False)
        return self._known.get(edition_id)


@dataclass(frozen=True, slots=True)
class FoundMail:
    """A mail, and its edition's pages."""

    mail: LinkedMail
    edition: EditionPages | None


class Mails:
    """Mails by the number in their links; those that are asked for at the same time are looked up together.

    Of a mail is remembered what never changes, by its genuine token: a forged one is looked up each time, whether its
    number is a mail's or not.
    """

    def __init__(self, store: Store, known: Editions) -> None:
        self._store, self._editions = store, known
        self._remembered: OrderedDict[LinkToken, FoundMail] = OrderedDict()
        self._wanted: dict[int, asyncio.Future[FoundMail | None]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def find(self, token: LinkToken) -> FoundMail | None:
        """The mail with a token's number. Raises `StoreError`."""
        if (found := self._remembered.get(token)) is not None:
            return found
        number = token.number
        if number not in self._wanted:
            self._wanted[number] = asyncio.get_running_loop().create_future()
        wanted = self._wanted[number]
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(wanted)

    def remember(self, token: LinkToken, mail: FoundMail) -> None:
        """``token`` is genuine."""
        self._remembered[token] = mail
        while len(self._remembered) > _MAILS:
            self._remembered.popitem(last=False)

    async def _look(self) -> None:
        while self._wanted:
            await asyncio.sleep(_TOGETHER)
            wanted, self._wanted = self._wanted, {}
            try:
                found = await asyncio.to_thread(self._read, sorted(wanted))
            except Exception as error:  # noqa: BLE001 - whoever waits raises it
                for future in wanted.values():
                    future.set_exception(error)
                continue
            for number, future in wanted.items():
                future.set_result(found.get(number))

    def _read(self, numbers: list[int]) -> dict[int, FoundMail]:
        with self._store.read() as connection:
            mails = visits.linked_mails(connection, numbers)
            return {
                number: FoundMail(mail, self._editions.get(connection, mail.edition_id))
                for number, mail in mails.items()
            }


def remembered_keys(data: Path) -> Callable[[], KeyRing]:
    """Reads the keys in the folder ``data``, at most once a second. Raises `SecretError`."""
    known: tuple[float, KeyRing] | None = None

    def keys() -> KeyRing:
        nonlocal known
        now = monotonic()
        if known is None or now - known[0] >= _KEYS_FOR:
            known = (now, read_link_keys(data))
        return known[1]

    return keys
