"""Conditions as expressions for the database.

Every leaf is true or false, never NULL, so ``not`` also finds people whose value
is missing. Values are always bound; names of columns come from the tables
below, names of custom attributes are checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from operator import ge, gt, le, lt
from typing import Any, Final

import sqlalchemy as sa

from nurture.audience.anniversaries import month_days
from nurture.errors import InputError, NotFoundError
from nurture.store.contacts import PersonRow, count_people, stream_people
from nurture.store.engine import Connection
from nurture.store.expressions import (
    AttributeDate,
    AttributeForm,
    AttributeNumber,
    AttributeText,
    AttributeUse,
    LowerCase,
    Membership,
)
from nurture.store.schema import contact, contact_category, contact_tag, delivery, event, organization
from nurture.store.visits import by_reader
from nurture.vocabulary import DeliveryState, EventKind, Mode
from nurture.workspace.conditions import (
    CONTACT_DATE_FIELDS,
    CONTACT_TEXT_FIELDS,
    KNOWN_FIELDS,
    All,
    Any_,
    Behaviour,
    Compare,
    Condition,
    Not,
    Operator,
    SegmentReference,
    Value,
    walk,
)
from nurture.workspace.dates import RelativeDate

Expression = sa.ColumnElement[bool]
EVERYBODY: Final[Expression] = sa.true()

_TRUE_WORDS: Final = ("true", "yes", "1")
_FALSE_WORDS: Final = ("false", "no", "0")
_ARRIVED: Final = (DeliveryState.SENT, DeliveryState.UNCERTAIN)
_EVENTS: Final = {
    "opened": EventKind.OPENED,
    "clicked": EventKind.CLICKED,
    "replied": EventKind.REPLIED,
    "bounced": EventKind.BOUNCED,
}


def compile_condition(
    condition: Condition, *, segments: Mapping[str, Condition], today: date, now: datetime, mode: Mode
) -> Expression:
    """The condition as an expression over ``store.schema.contact``.

    ``today`` is the clinic's date, which relative dates count from; ``now`` the
    instant that ``within`` counts back from; ``mode`` says which history counts.
    Raises `NotFoundError` for an unknown segment, `InputError` for a circle.
    """
    return _Compiler(segments, today, now, mode).compile(condition, ())


def count(connection: Connection, where: Expression) -> int:
    """How many people match: not archived, not erased."""
    return count_people(connection, where)


def examples(connection: Connection, where: Expression, *, limit: int = 5) -> tuple[PersonRow, ...]:
    """The first people that match, by id."""
    return tuple(stream_people(connection, where, limit=limit))


def attributes_used(conditions: Iterable[Condition]) -> frozenset[AttributeUse]:
    """The custom attributes that these conditions ask for, and how; segments they name are not followed."""
    nodes = (node for condition in conditions for node in walk(condition))
    compares = (node for node in nodes if isinstance(node, Compare) and node.field not in KNOWN_FIELDS)
    return frozenset((node.field, form) for node in compares for form in _forms(node))


def _forms(node: Compare) -> set[AttributeForm]:
    """The forms in which `_Compiler._attribute` reads the attribute."""
    match node.operator:
        case Operator.BELOW | Operator.ABOVE | Operator.AT_MOST | Operator.AT_LEAST:
            return {AttributeForm.NUMBER}
        case Operator.BEFORE | Operator.AFTER | Operator.ON_OR_BEFORE | Operator.ON_OR_AFTER | Operator.ANNIVERSARY:
            return {AttributeForm.DATE}
        case Operator.IS | Operator.NOT | Operator.IN:
            numbers = {isinstance(value, int | float) and not isinstance(value, bool) for value in _values(node)}
            return {AttributeForm.NUMBER if number else AttributeForm.TEXT for number in numbers}
    return {AttributeForm.TEXT}


def resolve_segment(name: str, segments: Mapping[str, Condition], above: tuple[str, ...]) -> Condition:
    """The condition of a segment; ``above`` are the segments that led here.

    Raises `NotFoundError` if there is none, `InputError` if it contains itself.
    """
    if name in above:
        raise InputError(f"the segment {name} contains itself: {' > '.join((*above, name))}")
    if name not in segments:
        raise NotFoundError(f"there is no segment {name}; there are {', '.join(sorted(segments)) or 'none'}")
    return segments[name]


class _Compiler:
    """Walks one tree with what its leaves need."""

    def __init__(self, segments: Mapping[str, Condition], today: date, now: datetime, mode: Mode) -> None:
        self._segments, self._today, self._now, self._mode = segments, today, now, mode

    def compile(self, condition: Condition, above: tuple[str, ...]) -> Expression:
        match condition:
            case All(items):
                return sa.and_(*(self.compile(item, above) for item in items)).self_group()
            case Any_(items):
                return sa.or_(*(self.compile(item, above) for item in items)).self_group()
            case Not(item):
                return sa.not_(self.compile(item, above))
            case SegmentReference(name):
                return self.compile(resolve_segment(name, self._segments, above), (*above, name))
            case Behaviour():
                return self._behaviour(condition)
            case Compare():
                return self._compare(condition)

    def _behaviour(self, node: Behaviour) -> Expression:
        """By the contact's own deliveries, through their index; events belong to a delivery and so to a mode."""
        conditions: list[Expression] = [delivery.c.contact_id == contact.c.id, delivery.c.mode == self._mode]
        if node.campaign is not None:
            conditions.append(delivery.c.campaign == node.campaign)
        since = None if node.within is None else self._now - node.within
        if node.kind == "received":
            conditions.append(delivery.c.state.in_(_ARRIVED))
            if since is not None:
                conditions.append(delivery.c.settled_at >= since)
            return sa.exists().select_from(delivery).where(*conditions).correlate(contact)
        conditions += [event.c.delivery_id == delivery.c.id, event.c.kind == _EVENTS[node.kind]]
        if node.kind in ("opened", "clicked"):
            conditions.append(by_reader(_EVENTS[node.kind], proxies=True))
        if since is not None:
            conditions.append(event.c.at >= since)
        return sa.exists().select_from(delivery, event).where(*conditions).correlate(contact)

    def _compare(self, node: Compare) -> Expression:
        if node.operator is Operator.NOT:
            return sa.not_(self._compare(Compare(node.field, Operator.IS, node.value)))
        if node.operator is Operator.EMPTY and node.value is True:
            return sa.not_(self._compare(Compare(node.field, Operator.EMPTY, value=False)))
        if node.field == "category":
            return self._member(contact_category, contact_category.c.category, node)
        if node.field == "tag":
            return self._member(contact_tag, contact_tag.c.tag, node)
        if node.field.startswith("org."):
            column = organization.c[node.field.removeprefix("org.")]
            return Membership(contact.c.organization_id, organization, organization.c.id, self._text(column, node))
        if node.field in CONTACT_DATE_FIELDS:
            return self._day(node) if node.field == "discharged_on" else self._instant(contact.c[node.field], node)
        if node.field in CONTACT_TEXT_FIELDS:
            return self._contact_text(node)
        return self._attribute(node)

    def _member(self, table: sa.Table, column: sa.Column[str], node: Compare) -> Expression:
        where = sa.true() if node.operator is Operator.EMPTY else column.in_(_values(node))
        return Membership(contact.c.id, table, table.c.contact_id, where)

    def _contact_text(self, node: Compare) -> Expression:
        if node.field in ("address", "domain"):
            # the indexed columns; addresses compare without case everywhere
            column = contact.c.address_key if node.field == "address" else contact.c.domain
            folded = tuple(str(value).casefold() for value in _values(node))
            value = folded if node.operator is Operator.IN else folded[0]
            return self._text(column, node if node.operator is Operator.EMPTY else _with(node, value))
        return self._text(contact.c[node.field], node)

    def _text(self, column: sa.ColumnElement[str], node: Compare) -> Expression:
        """``is``, ``in``, ``contains`` and "has a value" of a text; empty texts count as missing."""
        if node.operator is Operator.EMPTY:
            return sa.and_(column.is_not(None), column != "").self_group()
        if node.operator is Operator.CONTAINS:
            found = LowerCase(column).contains(_lower_ascii(str(node.value)), autoescape=True)
        else:
            found = column.in_([str(value) for value in _values(node)])
        return sa.and_(column.is_not(None), found).self_group()

    def _day(self, node: Compare) -> Expression:
        column = contact.c.discharged_on
        if node.operator is Operator.EMPTY:
            return column.is_not(None)
        if node.operator is Operator.ANNIVERSARY:
            found = month_days(self._today, _span(node))
            month_day = sa.extract("month", column) * 100 + sa.extract("day", column)
            return sa.and_(column.is_not(None), column < self._today, month_day.in_(sorted(found))).self_group()
        return sa.and_(column.is_not(None), self._ordered(column, node, lambda day: day)).self_group()

    def _instant(self, column: sa.Column[datetime], node: Compare) -> Expression:
        """An instant by its UTC date; the column is never NULL."""
        if node.operator is Operator.EMPTY:
            return sa.true()
        if node.operator is Operator.ANNIVERSARY:
            found = month_days(self._today, _span(node))
            month_day = sa.extract("month", column) * 100 + sa.extract("day", column)
            return sa.and_(column < _midnight(self._today), month_day.in_(sorted(found))).self_group()
        days = [self._date(value) for value in _values(node)]
        match node.operator:
            case Operator.BEFORE | Operator.ON_OR_AFTER:
                return _ORDERS[node.operator](column, _midnight(days[0]))
            case Operator.ON_OR_BEFORE:
                return column < _end(days[0])
            case Operator.AFTER:
                return column >= _end(days[0])
        spans = (sa.and_(column >= _midnight(day), column < _end(day)).self_group() for day in days)
        return sa.or_(*spans).self_group()

    def _attribute(self, node: Compare) -> Expression:
        text = AttributeText(node.field)
        match node.operator:
            case Operator.EMPTY | Operator.CONTAINS:
                return self._text(text, node)
            case Operator.BELOW | Operator.ABOVE | Operator.AT_MOST | Operator.AT_LEAST:
                number = AttributeNumber(node.field)
                return sa.and_(number.is_not(None), _ORDERS[node.operator](number, node.value)).self_group()
            case Operator.BEFORE | Operator.AFTER | Operator.ON_OR_BEFORE | Operator.ON_OR_AFTER:
                day = AttributeDate(node.field)
                return sa.and_(day.is_not(None), self._ordered(day, node, date.isoformat)).self_group()
            case Operator.ANNIVERSARY:
                day = AttributeDate(node.field)
                found = [f"{number // 100:02}-{number % 100:02}" for number in month_days(self._today, _span(node))]
                matches = sa.func.substr(day, 6, 5).in_(sorted(found))
                return sa.and_(day.is_not(None), day < self._today.isoformat(), matches).self_group()
        equal = [self._attribute_is(node.field, text, value) for value in _values(node)]
        return sa.and_(text.is_not(None), sa.or_(*equal).self_group()).self_group()

    def _attribute_is(self, name: str, text: AttributeText, value: object) -> Expression:
        """Imports keep every value as text; numbers and booleans are found however they are written."""
        if isinstance(value, bool):
            return LowerCase(text).in_(_TRUE_WORDS if value else _FALSE_WORDS)
        if isinstance(value, int | float):
            number = AttributeNumber(name)
            return sa.and_(number.is_not(None), number == float(value)).self_group()
        return text == (self._date(value).isoformat() if isinstance(value, date | RelativeDate) else str(value))

    def _ordered(self, column: sa.ColumnElement[Any], node: Compare, bind: Callable[[date], Any]) -> Expression:
        days = [bind(self._date(value)) for value in _values(node)]
        if node.operator in _ORDERS:
            return _ORDERS[node.operator](column, days[0])
        return column.in_(days)

    def _date(self, value: object) -> date:
        if isinstance(value, RelativeDate):
            return value.resolve(self._today)
        assert isinstance(value, date), f"{value!r} passed the parser as a date"
        return value


_ORDERS: Final[Mapping[Operator, Callable[[Any, Any], Expression]]] = {
    Operator.BEFORE: lt,
    Operator.BELOW: lt,
    Operator.ON_OR_BEFORE: le,
    Operator.AT_MOST: le,
    Operator.AFTER: gt,
    Operator.ABOVE: gt,
    Operator.ON_OR_AFTER: ge,
    Operator.AT_LEAST: ge,
}


def _values(node: Compare) -> tuple[Any, ...]:
    return node.value if isinstance(node.value, tuple) else (node.value,)


def _with(node: Compare, value: Value) -> Compare:
    return Compare(node.field, node.operator, value, node.path)


def _span(node: Compare) -> timedelta:
    assert isinstance(node.value, timedelta), f"{node.value!r} passed the parser as an anniversary"
    return node.value


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _end(day: date) -> datetime:
    return datetime.max.replace(tzinfo=UTC) if day == date.max else _midnight(day + timedelta(days=1))


def _lower_ascii(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)
