"""What a line writes before a body goes out: this mail is marked, the next one begun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from nurture.store import groups
from nurture.store.attempts import Attempt
from nurture.store.engine import Connection
from nurture.store.gate import Refusal
from nurture.store.groups import Beginning, Marking
from nurture.vocabulary import Mode


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a turn: why the mark was refused, the try that was begun."""

    refusal: Refusal | None
    begun: Attempt | Refusal | None


@dataclass(frozen=True, slots=True)
class Turn:
    """One line's turn. ``today`` is the clinic's date."""

    owner: str
    mode: Mode
    now: datetime
    today: date
    mark: Marking | None = None
    begin: Beginning | None = None

    def write(self, connection: Connection) -> Written:
        """Alone."""
        (written,) = self.write_all(connection, [self])
        return written

    @staticmethod
    def write_all(connection: Connection, steps: Sequence[Turn]) -> list[Written]:
        """Many lines' turns of one worker, in few statements."""
        last = steps[-1]
        marks = [step.mark for step in steps if step.mark]
        beginnings = [step.begin for step in steps if step.begin]
        paused = groups.paused(connection, last.mode)
        owner, now, today = last.owner, last.now, last.today
        refusals = groups.mark(connection, marks, paused, owner=owner, now=now, today=today) if marks else {}
        begun = groups.begin(connection, beginnings, paused, owner=owner, now=now, today=today) if beginnings else {}
        return [
            Written(
                refusals.get(step.mark.claimed.id) if step.mark else None,
                begun[step.begin.claimed.id] if step.begin else None,
            )
            for step in steps
        ]
