"""A condition in plain words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from nurture.workspace.conditions import (
    All,
    Any_,
    Behaviour,
    Compare,
    Condition,
    Not,
    Operator,
    SegmentReference,
    Value,
)
from nurture.workspace.dates import RelativeDate
from nurture.workspace.durations import duration_in_words

_FIELDS: Final = {
    "org.name": "organization",
    "tag": "tag",
    "category": "category",
    "external_id": "own number",
    "discharged_on": "discharge date",
    "created_at": "day of entry",
}
_BEHAVIOURS: Final = {
    "received": "received",
    "opened": "opened",
    "clicked": "clicked a link in",
    "replied": "replied to",
    "bounced": "bounced on",
}
_COMPARISONS: Final = {
    Operator.IS: "is",
    Operator.NOT: "is not",
    Operator.IN: "is",
    Operator.BEFORE: "is before",
    Operator.AFTER: "is after",
    Operator.ON_OR_BEFORE: "is on or before",
    Operator.ON_OR_AFTER: "is on or after",
    Operator.BELOW: "is below",
    Operator.ABOVE: "is above",
    Operator.AT_MOST: "is at most",
    Operator.AT_LEAST: "is at least",
    Operator.CONTAINS: "contains",
}


def in_words(condition: Condition, segments: Mapping[str, Condition]) -> str:
    """The condition as people say it: ``category is school, and not (replied to anything in the last 30 days)``.

    Segments are named and explained in brackets; one that does not exist, or
    contains itself, is only named.
    """
    return _words(condition, segments, ())


def _words(condition: Condition, segments: Mapping[str, Condition], above: tuple[str, ...]) -> str:
    match condition:
        case All(items):
            return ", and ".join(_grouped(item, segments, above) for item in items)
        case Any_(items):
            return ", or ".join(_grouped(item, segments, above) for item in items)
        case Not(item):
            return f"not ({_words(item, segments, above)})"
        case SegmentReference(name):
            if name in above or name not in segments:
                return f"in segment {name}"
            return f"in segment {name} ({_words(segments[name], segments, (*above, name))})"
        case Behaviour(kind, campaign, within):
            what = campaign or "anything"
            return f"{_BEHAVIOURS[kind]} {what}{f' in the last {duration_in_words(within)}' if within else ''}"
        case Compare():
            return _comparison(condition)


def _grouped(condition: Condition, segments: Mapping[str, Condition], above: tuple[str, ...]) -> str:
    text = _words(condition, segments, above)
    return f"({text})" if isinstance(condition, All | Any_) else text


def _comparison(node: Compare) -> str:
    name = _field(node.field)
    if node.operator is Operator.EMPTY:
        return f"{name} is missing" if node.value else f"{name} is there"
    if node.operator is Operator.ANNIVERSARY:
        return f"{name} has its anniversary {_span(node.value)}"
    return f"{name} {_COMPARISONS[node.operator]} {_value(node.value)}"


def _field(name: str) -> str:
    if name in _FIELDS:
        return _FIELDS[name]
    return name.replace("org.", "organization's ", 1).replace("_", " ")


def _value(value: Value) -> str:
    if isinstance(value, tuple):
        words = [_value(item) for item in value]
        return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    if isinstance(value, RelativeDate):
        return value.text
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _span(value: Value) -> str:
    if isinstance(value, timedelta) and value:
        return f"today or in the next {duration_in_words(value)}"
    return "today"
