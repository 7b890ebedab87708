"""From the YAML of a condition to its tree; every problem is kept with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Final

from nurture.vocabulary import Category
from nurture.workspace.conditions import (
    BEHAVIOURS,
    CONTACT_DATE_FIELDS,
    CONTACT_TEXT_FIELDS,
    KNOWN_FIELDS,
    ORGANIZATION_FIELDS,
    All,
    Any_,
    Behaviour,
    Compare,
    Condition,
    ConditionError,
    ConditionProblem,
    Not,
    Operator,
    Path,
    Scalar,
    SegmentReference,
    Value,
)
from nurture.workspace.dates import parse_anniversary, parse_date
from nurture.workspace.durations import parse_duration
from nurture.workspace.names import ATTRIBUTE, SLUG
from nurture.workspace.suggestions import did_you_mean

_NODES: Final = (All, Any_, Not, SegmentReference, Compare, Behaviour)
_DATE_OPERATORS: Final = (Operator.BEFORE, Operator.AFTER, Operator.ON_OR_BEFORE, Operator.ON_OR_AFTER)
_NUMBER_OPERATORS: Final = (Operator.BELOW, Operator.ABOVE, Operator.AT_MOST, Operator.AT_LEAST)
_TEXT_FIELDS: Final = (*CONTACT_TEXT_FIELDS, *ORGANIZATION_FIELDS)
_MAX_DEPTH: Final = 20  # far below what the database's expression depth allows (SQLite: 1000)
_MAX_NODES: Final = 500


class _UnusableError(Exception):
    """The part was noted as a problem; its parent leaves it out."""


def parse_condition(value: object) -> Condition:
    """The tree for what stands in the YAML (plain dicts, lists, scalars).

    Raises `ConditionError` with all problems, each at its path.
    """
    return ConditionParser().parse(value)


class ConditionParser:
    """Parses one condition and collects its problems."""

    def __init__(self) -> None:
        self._problems: list[ConditionProblem] = []
        self._nodes = 0

    def parse(self, value: object) -> Condition:
        """The tree; raises `ConditionError` with all problems."""
        if isinstance(value, _NODES):
            return value
        try:
            condition = self._condition(value, ())
        except _UnusableError:
            condition = None
        if self._problems or condition is None:
            raise ConditionError(tuple(self._problems))
        return condition

    def _refuse(self, path: Path, message: str, *, at_key: bool = False) -> _UnusableError:
        self._problems.append(ConditionProblem(path, message, at_key))
        return _UnusableError()

    def _condition(self, value: object, path: Path) -> Condition:
        self._nodes += 1
        if len(path) > _MAX_DEPTH * 2 or self._nodes > _MAX_NODES:
            # once, and no further: every part that follows would say the same
            raise ConditionError((ConditionProblem(path, "the condition is too large; put parts of it into segments"),))
        if isinstance(value, str):
            if not SLUG.fullmatch(value):
                raise self._refuse(path, f"{value!r} is not the name of a segment (a-z, 0-9 and -)")
            return SegmentReference(value, path)
        if isinstance(value, Mapping):
            return self._several(value.items(), self._entry, All, path)
        if isinstance(value, list | tuple):
            return self._list(value, Any_, path)
        raise self._refuse(path, "write a condition, for example `{category: sports_club}`, or the name of a segment")

    def _list(self, value: object, kind: type[All] | type[Any_], path: Path) -> Condition:
        if not isinstance(value, list | tuple):
            raise self._refuse(path, "write a list of conditions")
        return self._several(enumerate(value), lambda _, item, place: self._condition(item, place), kind, path)

    def _several(
        self,
        parts: Iterable[tuple[Any, object]],
        parse: Callable[[Any, object, Path], Condition],
        kind: type[All] | type[Any_],
        path: Path,
    ) -> Condition:
        """Parse every part, even after a bad one; ``parse`` gets the key or index, the value, and its path."""
        found, bad = [], False
        for step, value in parts:
            try:
                found.append(parse(step, value, (*path, step)))
            except _UnusableError:
                bad = True
        if bad:
            raise _UnusableError
        if not found:
            raise self._refuse(path, "an empty condition would mean everybody or nobody; say who is meant")
        return found[0] if len(found) == 1 else kind(tuple(found), path)

    def _entry(self, key: str, value: object, path: Path) -> Condition:
        if key == "all":
            return self._list(value, All, path)
        if key == "any":
            return self._list(value, Any_, path)
        if key == "not":
            return Not(self._condition(value, path), path)
        if key == "segment":
            if not isinstance(value, str):
                raise self._refuse(path, "write the name of a segment")
            return self._condition(value, path)
        if key in BEHAVIOURS:
            return self._behaviour(key, value, path)
        self._check_field(key, path)
        return self._comparison(key, value, path)

    def _behaviour(self, kind: str, value: object, path: Path) -> Condition:
        if isinstance(value, bool):
            ever = Behaviour(kind, path=path)
            return ever if value else Not(ever, path)
        if isinstance(value, str):
            value = {"campaign": value}
        if not isinstance(value, Mapping):
            raise self._refuse(path, f"write `{kind}: {{campaign: NAME, within: 60 days}}`, or `{kind}: true`")
        campaign, within = None, None
        for key, item in value.items():
            place = (*path, key)
            if key == "campaign" and isinstance(item, str) and SLUG.fullmatch(item):
                campaign = item
            elif key == "campaign":
                raise self._refuse(place, "write the name of one campaign (for several, use `any`)")
            elif key == "within":
                try:
                    within = parse_duration(item if isinstance(item, str) else str(item))
                except ValueError as error:
                    raise self._refuse(place, str(error)) from error
            else:
                hint = did_you_mean(str(key), ("campaign", "within"))
                raise self._refuse(place, f"unknown key `{key}`{hint}", at_key=True)
        return Behaviour(kind, campaign, within, path)

    def _check_field(self, name: str, path: Path) -> None:
        if name in KNOWN_FIELDS:
            return
        hint = did_you_mean(name, (*KNOWN_FIELDS, *BEHAVIOURS, "all", "any", "not", "segment"), cutoff=0.75)
        if hint:
            raise self._refuse(path, f"unknown field `{name}`{hint}", at_key=True)
        if name.startswith("org."):
            known = ", ".join(ORGANIZATION_FIELDS)
            raise self._refuse(path, f"unknown field `{name}`; organizations have {known}", at_key=True)
        if not ATTRIBUTE.fullmatch(name):
            message = f"`{name}` cannot be the name of a custom attribute (a-z, 0-9 and _)"
            raise self._refuse(path, message, at_key=True)

    def _comparison(self, name: str, value: object, path: Path) -> Condition:
        if not isinstance(value, Mapping):
            if isinstance(value, list | tuple):
                return Compare(name, Operator.IN, self._values(name, value, path), path)
            return Compare(name, Operator.IS, self._scalar(name, value, path), path)
        return self._several(
            value.items(), lambda key, item, place: self._operation(name, str(key), item, place), All, path
        )

    def _operation(self, name: str, key: str, value: object, path: Path) -> Condition:
        try:
            operator = Operator(key)
        except ValueError as error:
            hint = did_you_mean(key, tuple(Operator)) or f"; there are {', '.join(Operator)}"
            raise self._refuse(path, f"unknown comparison `{key}`{hint}", at_key=True) from error
        if operator is Operator.NOT and isinstance(value, Mapping):
            return Not(self._comparison(name, value, path), path)
        if operator is Operator.NOT and isinstance(value, list | tuple):
            return Not(Compare(name, Operator.IN, self._values(name, value, path), path), path)
        self._check_operator(name, operator, path)
        return Compare(name, operator, self._operand(name, operator, value, path), path)

    def _check_operator(self, name: str, operator: Operator, path: Path) -> None:
        dates = (*_DATE_OPERATORS, Operator.ANNIVERSARY)
        if name in ("category", "tag"):
            fits = operator in (Operator.IS, Operator.NOT, Operator.IN, Operator.EMPTY)
        elif name in CONTACT_DATE_FIELDS:
            fits = operator in (*dates, Operator.IS, Operator.NOT, Operator.IN, Operator.EMPTY)
        elif name in _TEXT_FIELDS:
            fits = operator not in (*dates, *_NUMBER_OPERATORS)
        else:
            fits = True
        if not fits:
            raise self._refuse(path, f"`{operator}` does not fit the field `{name}`", at_key=True)

    def _operand(self, name: str, operator: Operator, value: object, path: Path) -> Value:
        if operator is Operator.IN:
            return self._values(name, value, path)
        if operator is Operator.EMPTY:
            if not isinstance(value, bool):
                raise self._refuse(path, "write `empty: true` or `empty: false`")
            return value
        if operator in _NUMBER_OPERATORS:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise self._refuse(path, f"{value!r} is not a number")
            return value
        if operator is Operator.CONTAINS:
            if not isinstance(value, str) or not value.strip():
                raise self._refuse(path, "write the text to look for, quoted")
            return value
        try:
            if operator in _DATE_OPERATORS:
                return parse_date(value)
            if operator is Operator.ANNIVERSARY:
                return parse_anniversary(value)
        except ValueError as error:
            raise self._refuse(path, str(error)) from error
        return self._scalar(name, value, path)

    def _values(self, name: str, value: object, path: Path) -> tuple[Scalar, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise self._refuse(path, "write a list of values, for example `[gym, studio]`")
        found, bad = [], False
        for index, item in enumerate(value):
            try:
                found.append(self._scalar(name, item, (*path, index)))
            except _UnusableError:
                bad = True
        if bad:
            raise _UnusableError
        return tuple(found)

    def _scalar(self, name: str, value: object, path: Path) -> Scalar:
        if value is None:
            raise self._refuse(path, f"`{name}` has no value here; for contacts without one write `{{empty: true}}`")
        if name == "category":
            if value not in tuple(Category):
                hint = did_you_mean(str(value), tuple(Category)) or f"; there are {', '.join(Category)}"
                raise self._refuse(path, f"unknown category {value!r}{hint}")
            return Category(str(value))
        if name in CONTACT_DATE_FIELDS:
            try:
                return parse_date(value)
            except ValueError as error:
                raise self._refuse(path, str(error)) from error
        if (name == "tag" or name in _TEXT_FIELDS) and not isinstance(value, str):
            raise self._refuse(path, f"`{name}` is text, this is not; quote it")
        if not isinstance(value, str | int | float | bool | date):
            raise self._refuse(path, "write one value here")
        return value
