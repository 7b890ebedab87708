"""Visits on their way into the log: answered at once, written by one thread, all that came meanwhile in one COMMIT.

A visit is in memory for some 20 ms at a thousand a second, longer where more come than one core can answer; `close`
writes what is left. Forged tokens never get as far as the write lock, and neither does what is noted already.
"""

from __future__ import annotations

import hmac
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import sleep
from typing import Any, Final

from nurture.composing.link_tokens import KeyRing, LinkToken, is_genuine
from nurture.delivery.messages import EditionLink
from nurture.errors import NurtureError
from nurture.store import Connection, Store, visits
from nurture.store.visits import NotedVisit, VisitedMail
from nurture.vocabulary import LinkPurpose, Visitor
from nurture.web.visitors import (
    Judgement,
    Network,
    Touch,
    Visit,
    judge,
    judge_together,
    kind_of,
    program_family,
    shortened,
)

log = logging.getLogger("nurture")

WAITING: Final = 20_000  # visits in memory while the database cannot take them; what comes then is not counted
GATHER: Final = 0.010  # seconds in which more may come: few larger writes cost half of many small ones
TOGETHER: Final = 100
BREATH: Final = 8  # visits are judged in a row; then the thread that answers requests gets its turn
BREATH_TIME: Final = 0.001  # seconds
MOST_OF_EDITION: Final = 100_000  # opens of a shared pixel: its token is in many hands, and agents are free text
_COUNT_AFTER: Final = 1000  # of them, what is in the log is counted anew
AGAIN: Final = 1.0  # seconds until a write that failed is tried again


@dataclass(frozen=True, slots=True)
class TokenVisit:
    """A visit, and the token that it came with: of one mail, or of a whole edition."""

    token: LinkToken
    purpose: LinkPurpose
    visit: Visit


@dataclass(frozen=True, slots=True)
class _Found:
    """What shall be written: new rows with the mails that they are about, and what is judged anew."""

    rows: list[tuple[VisitedMail | None, dict[str, Any]]]
    anew: list[tuple[NotedVisit, dict[str, Any], str]]


class Noting:
    """The queue and its thread. ``edition`` gives the name of an edition whose shared pixel was asked for."""

    def __init__(
        self,
        store: Store,
        keys: Callable[[], KeyRing],
        own: Callable[[], tuple[Network, ...]],
        edition: Callable[[Connection, int], EditionLink | None],
    ) -> None:
        self._store, self._keys, self._own, self._edition = store, keys, own, edition
        self._waiting: deque[TokenVisit] = deque()
        self._room: dict[int, int] = {}  # opens of a shared pixel that may come before they are counted; -1: none
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="visits", daemon=True)
        self._thread.start()

    def put(self, asked: TokenVisit) -> None:
        """Take a visit; it is written soon. Never waits."""
        with self._changed:
            if len(self._waiting) < WAITING:
                self._waiting.append(asked)
                self._changed.notify()

    def close(self) -> None:
        """Write what is left; what the database cannot take now is lost, and said."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing.is_set():
                    self._changed.wait()
            if len(self._waiting) < TOGETHER:
                self._closing.wait(GATHER)
            with self._changed:
                if not self._waiting:
                    return
                group = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
            try:
                self._write(group)
            except NurtureError as error:
                log.warning("opens and clicks wait: %s", error)
                with self._changed:
                    if self._closing.is_set():
                        log.error("%d opens and clicks are lost: %s", len(self._waiting) + len(group), error)
                        return
                    self._waiting.extendleft(reversed(group))
                    self._changed.wait(AGAIN)

    def _write(self, group: Sequence[TokenVisit]) -> None:
        ring, own = self._keys(), self._own()
        with self._store.read() as connection:
            found = self._of_mails(connection, group, ring, own)
            found.rows.extend(self._of_editions(connection, group, ring, own))
        if not found.rows and not found.anew:
            return
        with self._store.write() as connection:
            ids = {mail.delivery_id for mail, _ in found.rows if mail}
            now = visits.find_mails(connection, sorted(ids), hold=True)  # who was erased this moment is not noted
            may = {number for number, mail in now.items() if mail.may_note}
            for visit, data, key in found.anew:  # first: a person's key may be free then
                visits.rejudge(connection, visit, data, key=key)
            visits.note(connection, [row for mail, row in found.rows if mail is None or mail.delivery_id in may])

    def _of_mails(
        self, connection: Connection, group: Sequence[TokenVisit], ring: KeyRing, own: Sequence[Network]
    ) -> _Found:
        asked = [one for one in group if one.purpose is not LinkPurpose.EDITION_OPEN]
        mails = visits.find_mails(connection, sorted({one.token.number for one in asked}))
        genuine: dict[int, list[Visit]] = {}
        for one in asked:
            mail = mails.get(one.token.number)
            if mail and mail.may_note and is_genuine(one.token, ring, one.purpose, mail.recipient_key):
                genuine.setdefault(mail.delivery_id, []).append(one.visit)
        earlier = visits.noted(connection, sorted(genuine)) if genuine else {}
        found = _Found([], [])
        for place, (number, new) in enumerate(genuine.items(), start=1):
            if place % BREATH == 0:
                sleep(BREATH_TIME)
            _judged(found, mails[number], earlier.get(number, []), new, own)
        return found

    def _of_editions(
        self, connection: Connection, group: Sequence[TokenVisit], ring: KeyRing, own: Sequence[Network]
    ) -> list[tuple[None, dict[str, Any]]]:
        """Opens that name nobody: neither network nor program is kept, only a keyed hash that tells visitors apart."""
        rows: list[tuple[None, dict[str, Any]]] = []
        for one in group:
            edition = self._edition(connection, one.token.number) if one.purpose is LinkPurpose.EDITION_OPEN else None
            if edition is None or not is_genuine(one.token, ring, one.purpose, edition.name):
                continue
            if not self._has_room(connection, edition.id):
                continue
            judgement = judge(one.visit, sent_at=datetime.min.replace(tzinfo=one.visit.at.tzinfo), own=own)
            who = f"{shortened(one.visit.address)} {one.visit.agent}".encode()
            digest = hmac.digest(ring.newest.secret, b"visitor of an edition\0" + who, "sha256").hex()[:16]
            key = visits.visit_key(one.visit.kind, f"e{edition.id}:{digest}", None, judgement.visitor)
            row = visits.new_visit(one.visit.kind, one.visit.at, _said(judgement), key=key, edition_id=edition.id)
            rows.append((None, row))
        return rows

    def _has_room(self, connection: Connection, edition_id: int) -> bool:
        room = self._room.get(edition_id, 0)
        if room == 0:
            left = MOST_OF_EDITION - visits.opens_of_edition(connection, edition_id)
            room = min(_COUNT_AFTER, left) if left > 0 else -1
        self._room[edition_id] = max(room - 1, -1) if room > 0 else room
        return room > 0


def _judged(
    found: _Found, mail: VisitedMail, earlier: Sequence[NotedVisit], new: Sequence[Visit], own: Sequence[Network]
) -> None:
    """Judge the new visits of one mail alone, then all of its visits together."""
    alone = [judge(visit, sent_at=mail.sent_at, own=own) for visit in new]
    touches = [Touch(old.data.get("link"), old.at, Visitor(old.data["visitor"])) for old in earlier]
    touches += [Touch(visit.link, visit.at, said.visitor) for visit, said in zip(new, alone, strict=True)]
    together = judge_together(touches)
    keys = set()
    for place, old in enumerate(earlier):
        if (anew := together.get(place)) is None:
            keys.add(_key(mail, touches[place].link, touches[place].visitor))
        else:
            keys.add(_key(mail, touches[place].link, anew.visitor))
            found.anew.append((old, {**old.data, **_said(anew)}, _key(mail, touches[place].link, anew.visitor)))
    for place, (visit, said) in enumerate(zip(new, alone, strict=True), start=len(earlier)):
        said = together.get(place, said)
        key = _key(mail, visit.link, said.visitor)
        if key not in keys:
            keys.add(key)
            data = _data(visit, said, mail.sent_at)
            row = visits.new_visit(visit.kind, visit.at, data, key=key, edition_id=mail.edition_id, mail=mail)
            found.rows.append((mail, row))


def _key(mail: VisitedMail, link: int | None, visitor: str) -> str:
    return visits.visit_key(kind_of(link), str(mail.delivery_id), link, visitor)


def _said(judgement: Judgement) -> Mapping[str, Any]:
    return {"visitor": judgement.visitor.value, "why": judgement.why, "sure": judgement.sure}


def _data(visit: Visit, judgement: Judgement, sent_at: datetime | None) -> dict[str, Any]:
    data: dict[str, Any] = {} if visit.link is None else {"link": visit.link}
    data |= _said(judgement)
    data |= {"program": program_family(visit.agent), "network": shortened(visit.address)}
    if sent_at is not None:
        data["after"] = round((visit.at - sent_at).total_seconds())
    return data
