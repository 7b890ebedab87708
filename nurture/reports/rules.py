"""A campaign's rule taken apart for one contact: which part holds, which does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from nurture.audience.segments import compile_condition, resolve_segment
from nurture.audience.words import in_words
from nurture.store import Connection
from nurture.store.contacts import matches
from nurture.vocabulary import Mode
from nurture.workspace.conditions import All, Any_, Condition, Not, SegmentReference
from nurture.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RulePart:
    """One part of a rule; ``depth`` 0 is the whole, 1 its parts, and so on."""

    depth: int
    holds: bool
    words: str


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """Asks the database, part by part, for one contact; ``today`` is the clinic's date."""

    connection: Connection
    workspace: Workspace
    contact_id: int
    today: date
    now: datetime
    mode: Mode

    def parts(self, condition: Condition, *, depth: int = 0, above: tuple[str, ...] = ()) -> Iterator[RulePart]:
        """The condition and all below it, parents first; segments are followed."""
        segments = self.workspace.segments
        holds = self._holds(condition)
        match condition:
            case All(items) if len(items) > 1:
                yield RulePart(depth, holds, "all of these:")
                yield from self._below(items, depth, above)
            case Any_(items) if len(items) > 1:
                yield RulePart(depth, holds, "one of these:")
                yield from self._below(items, depth, above)
            case All((item,)) | Any_((item,)):
                yield from self.parts(item, depth=depth, above=above)
            case Not(item):
                yield RulePart(depth, holds, "not this:")
                yield from self.parts(item, depth=depth + 1, above=above)
            case SegmentReference(name):
                yield RulePart(depth, holds, f"in segment {name}:")
                below = resolve_segment(name, segments, above)
                yield from self.parts(below, depth=depth + 1, above=(*above, name))
            case _:
                yield RulePart(depth, holds, in_words(condition, segments))

    def _below(self, items: tuple[Condition, ...], depth: int, above: tuple[str, ...]) -> Iterator[RulePart]:
        for item in items:
            yield from self.parts(item, depth=depth + 1, above=above)

    def _holds(self, condition: Condition) -> bool:
        where = compile_condition(
            condition, segments=self.workspace.segments, today=self.today, now=self.now, mode=self.mode
        )
        return matches(self.connection, self.contact_id, where)
