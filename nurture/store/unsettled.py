"""Tries whose answer the database does not have, as somebody else than their worker finds them."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from nurture.store import deliveries
from nurture.store.attempts import Attempt, ClaimedDelivery
from nurture.store.schema import attempt
from nurture.vocabulary import AttemptOutcome

# Written by those who thought the worker dead: an answer that was read wins over these.
_GIVEN_UP = (AttemptOutcome.UNCERTAIN, AttemptOutcome.ABANDONED)


def find(
    connection: sa.Connection, attempt_id: int, *, delivery_id: int, claim: int, owner: str
) -> tuple[ClaimedDelivery, Attempt] | None:
    """The try of ``owner`` and its delivery, as it was claimed then.

    None if it is settled, or if this database does not know it: an older copy
    may have given its numbers to others, but never to the same owner.
    """
    tried = connection.execute(
        sa.select(attempt.c.number).where(
            attempt.c.id == attempt_id,
            attempt.c.delivery_id == delivery_id,
            attempt.c.claim == claim,
            attempt.c.owner == owner,
            attempt.c.outcome.is_(None) | attempt.c.outcome.in_(_GIVEN_UP),
        )
    ).one_or_none()
    if tried is None:
        return None
    (claimed,) = deliveries.as_claimed(connection, [delivery_id])
    assert claimed.message_id is not None, "the first try sets it"
    assert claimed.message_date is not None
    return (
        replace(claimed, claim=claim),
        Attempt(attempt_id, tried.number, claimed.message_id, claimed.message_date),
    )
