"""Conditions: who is meant. A tree of frozen nodes that knows its places in the YAML.

A mapping means *all* of its entries, a list means *any* of its items, a string
names a segment::

    {all: [{category: [private_business, sports_club]}, {org.city: Salem}, {not: {replied: {within: 30 days}}}]}

``audience.segments`` turns the tree into an expression for the database; no
text of these files ever becomes SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date, timedelta
from enum import StrEnum
from typing import TypeAlias

from nurture.workspace.dates import RelativeDate

Path: TypeAlias = tuple[str | int, ...]
Scalar: TypeAlias = str | int | float | bool | date | RelativeDate
Value: TypeAlias = Scalar | timedelta | tuple[Scalar, ...]

BEHAVIOURS = ("received", "opened", "clicked", "replied", "bounced")
CONTACT_TEXT_FIELDS = (
    "external_id",
    "address",
    "domain",
    "title",
    "first_name",
    "last_name",
    "role",
    "phone",
    "language",
    "time_zone",
    "country",
)
CONTACT_DATE_FIELDS = ("discharged_on", "created_at")
ORGANIZATION_FIELDS = (
    "org.name",
    "org.phone",
    "org.site",
    "org.city",
    "org.region",
    "org.postal_code",
    "org.country",
    "org.time_zone",
    "org.owner",
)
KNOWN_FIELDS = ("category", "tag", *CONTACT_TEXT_FIELDS, *CONTACT_DATE_FIELDS, *ORGANIZATION_FIELDS)


class Operator(StrEnum):
    """How a field is compared with a value."""

    IS = "is"  # equal; for category and tag: has it
    NOT = "not"  # not equal, or empty; for category and tag: does not have it
    IN = "in"  # one of several; for category and tag: has one of them
    BEFORE = "before"  # earlier than a date
    AFTER = "after"  # later than a date
    ON_OR_BEFORE = "on_or_before"  # a date or earlier
    ON_OR_AFTER = "on_or_after"  # a date or later
    BELOW = "below"  # less than a number
    ABOVE = "above"  # more than a number
    AT_MOST = "at_most"  # a number or less
    AT_LEAST = "at_least"  # a number or more
    CONTAINS = "contains"  # the text holds these letters, whatever their case
    EMPTY = "empty"  # true: there is no value; false: there is one
    ANNIVERSARY = "anniversary"  # the date's day and month come today or in the next days


@dataclass(frozen=True, slots=True)
class All:
    """Every item holds."""

    items: tuple[Condition, ...]
    path: Path = dataclass_field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Any_:  # noqa: N801 - `Any` is taken by typing
    """At least one item holds."""

    items: tuple[Condition, ...]
    path: Path = dataclass_field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The item does not hold."""

    item: Condition
    path: Path = dataclass_field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class SegmentReference:
    """The condition of ``segments/NAME.yaml`` holds."""

    name: str
    path: Path = dataclass_field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """A field compared with a value.

    ``field`` is ``category``, ``tag``, a contact's column, ``org.`` and an
    organization's column, or the name of a custom attribute. ``value`` fits
    the operator: a tuple for ``in``, a date or `RelativeDate` for dates, a
    bool for ``empty``, a timedelta (0 = today) for ``anniversary``.
    """

    field: str
    operator: Operator
    value: Value
    path: Path = dataclass_field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happened between us and the contact.

    ``campaign`` None means any campaign, ``within`` None means ever.
    """

    kind: str
    campaign: str | None = None
    within: timedelta | None = None
    path: Path = dataclass_field(default=(), compare=False)


Condition: TypeAlias = All | Any_ | Not | SegmentReference | Compare | Behaviour


@dataclass(frozen=True, slots=True)
class ConditionProblem:
    """One thing wrong at ``path`` of a condition; ``at_key`` when the key itself is wrong, not its value."""

    path: Path
    message: str
    at_key: bool = False


class ConditionError(ValueError):
    """A condition that makes no sense; ``problems`` has all, ``path`` is the first one's place."""

    def __init__(self, problems: tuple[ConditionProblem, ...]) -> None:
        self.problems = problems
        self.path = problems[0].path
        super().__init__("; ".join(problem.message for problem in problems))


def walk(condition: Condition) -> Iterator[Condition]:
    """The node and all below it, parents first; segments are not followed."""
    waiting = [condition]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, All | Any_):
            waiting.extend(reversed(node.items))
        elif isinstance(node, Not):
            waiting.append(node.item)
