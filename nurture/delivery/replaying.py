"""Journals into the database: what was answered is settled before anybody takes the rows back."""

from __future__ import annotations

import logging
from pathlib import Path

from nurture.delivery.journal import Journal, find_left
from nurture.delivery.kept import KeptAnswer
from nurture.delivery.ledger import Ledger
from nurture.delivery.relay_ids import relay_id
from nurture.delivery.settling import Settlement
from nurture.delivery.transaction import Ending
from nurture.errors import NurtureError
from nurture.store import attempts, unsettled
from nurture.store.attempts import AttemptEnd
from nurture.store.engine import Connection
from nurture.vocabulary import AttemptOutcome

log = logging.getLogger("nurture.delivery")


class Replay:
    """Settles what this worker's journal and those of dead workers hold, while no mail is in hand."""

    def __init__(self, ledger: Ledger, journal: Journal, owner: str) -> None:
        self._ledger = ledger
        self._journal = journal
        self._owner = owner
        self._told: set[Path] = set()
        self._broken: set[int] = set()  # attempts whose answer only fails

    async def run(self) -> None:
        """Replay all. Raises `StoreError` if the database does not take them yet; nothing is lost by that."""
        for answer in list(self._journal.kept.values()):
            if await self._settle(self._owner, answer):
                self._journal.clear(answer.attempt_id)
        for left in find_left(self._journal.path.parent, but=self._journal.path):
            done = False
            try:
                found = left.read()
                settled = [await self._settle(left.owner, answer) for answer in found.answers]
                self._tell(left.path, spoiled=found.spoiled, foreign=found.foreign)
                done = all(settled) and not found.foreign
            finally:
                left.close(done=done)

    async def _settle(self, owner: str, answer: KeptAnswer) -> bool:
        """False: a bug keeps this one out. It stays in the journal; the others, and all mail, go on."""
        try:
            changed = await self._ledger.write(lambda connection: settle_kept(connection, owner, answer))
        except NurtureError:
            raise
        except Exception:
            if answer.attempt_id not in self._broken:
                log.exception("the answer to delivery %d cannot be written; its mail is uncertain", answer.delivery_id)
            self._broken.add(answer.attempt_id)
            return False
        if changed:
            log.warning("the answer to delivery %d was in the journal and is written now", answer.delivery_id)
        return True

    def _tell(self, path: Path, *, spoiled: int, foreign: int) -> None:
        if path in self._told or not (spoiled or foreign):
            return
        self._told.add(path)
        if spoiled:
            log.warning("torn or damaged answers in %s: %d; their mails will be uncertain", path, spoiled)
        if foreign:
            log.error(
                "answers in %s that another version of nurture wrote: %d; let that one run once, "
                "or decide about their mails by hand and remove the file",
                path,
                foreign,
            )


def settle_kept(connection: Connection, owner: str, answer: KeptAnswer) -> bool:
    """Settle one try of ``owner`` as its answer says; whether that changed anything.

    Twice equals once. An answer to a try that this database does not know (a
    journal beside an older copy of it) changes nothing.
    """
    found = unsettled.find(
        connection, answer.attempt_id, delivery_id=answer.delivery_id, claim=answer.claim, owner=owner
    )
    if found is None:
        return False
    claimed, tried = found
    taken_as = relay_id(answer.words) if answer.outcome is AttemptOutcome.SENT else None
    end = AttemptEnd(answer.outcome, answer.phase, answer.code, answer.enhanced, answer.words, taken_as)
    if answer.outcome is AttemptOutcome.STOPPED:
        return attempts.settle(connection, claimed, tried, end, now=answer.at, next_attempt_at=answer.again_at)
    Settlement(claimed, tried, Ending(end, answer.verdict), answer.at, lambda at: answer.again_at or at).write(
        connection
    )
    return True
