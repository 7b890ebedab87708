"""Expressions over contacts that SQLite and PostgreSQL write differently."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
# SQLAlchemy's inspector leaves out indices on expressions, with a warning
_INDICES: Final = {
    "sqlite": sa.text("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'contact'"),
    "postgresql": sa.text(
        "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 'contact'"
    ),
}
_DATE_GLOB: Final = "-".join("[0-9]" * digits for digits in (4, 2, 2))


class Membership(sa.ColumnElement[bool]):
    """Whether ``members`` has a row for the outer row. Never NULL.

    ``key`` is a column of the outer table, ``member`` the column of ``members``
    that equals it, ``where`` what else must hold. SQLite answers IN best, from
    the inner table's index; PostgreSQL plans EXISTS as a join, but a large IN
    under OR or NOT as a scan for each row.
    """

    type = sa.Boolean()
    inherit_cache = False

    def __init__(
        self, key: sa.Column[Any], members: sa.Table, member: sa.Column[Any], where: sa.ColumnElement[bool]
    ) -> None:
        self.by_in = sa.and_(key.is_not(None), key.in_(sa.select(member).select_from(members).where(where)))
        self.by_exists = sa.exists().select_from(members).where(member == key, where).correlate(key.table)

    def self_group(self, against: Any = None) -> Membership:  # noqa: ANN401 - as the base class has it
        """Itself: the base class would write ``= 1`` after it, and SQLite would not look it up by the key."""
        return self


@compiles(Membership)
def _membership(element: Membership, compiler: SQLCompiler, **options: object) -> str:
    inner = element.by_in if compiler.dialect.name == "sqlite" else element.by_exists
    return f"({compiler.process(inner, **options)})"


class _Values(sa.TypeDecorator[Collection[Any]]):
    """Many values as one parameter: an array on PostgreSQL, a JSON text on SQLite."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, item: sa.types.TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.ARRAY(self.item))

    def process_bind_param(self, value: Collection[Any] | None, dialect: sa.Dialect) -> Any:  # noqa: ANN401
        values = list(value or ())
        return json.dumps(values) if dialect.name == "sqlite" else values


def one_of(connection: sa.Connection, column: sa.Column[Any], values: Collection[str | int]) -> sa.ColumnElement[bool]:
    """``column IN values``, all in one parameter: IN with thousands takes longer to write than to run."""
    return _one_of(connection.dialect.name, column, sa.bindparam(None, values, _Values(column.type)))


def one_of_parameter(dialect: str, column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    """`one_of` for a statement that is built once: the values come as the parameter ``name``."""
    return _one_of(dialect, column, sa.bindparam(name, type_=_Values(column.type)))


def _one_of(dialect: str, column: sa.Column[Any], values: sa.BindParameter[Collection[Any]]) -> sa.ColumnElement[bool]:
    if dialect == "sqlite":
        return column.in_(sa.select(sa.func.json_each(values).table_valued("value").c.value))
    return column == sa.any_(values)


class AttributeText(sa.ColumnElement[Any]):
    """A custom attribute of a contact as text; NULL where it is absent.

    The name is part of the SQL text, because an index on an expression serves
    only the very same expression; so only plain names are let in, all others
    raise ``ValueError``.
    """

    type: sa.types.TypeEngine[Any] = sa.Text()
    inherit_cache = False

    def __init__(self, name: str) -> None:
        self.name = _checked(name)


class AttributeNumber(AttributeText):
    """A custom attribute as a number; NULL where it is not written as one (``-12``, ``3.5``)."""

    type = sa.Float()
    inherit_cache = False


class AttributeDate(AttributeText):
    """A custom attribute that is written as a date (``2026-12-01``), else NULL; sorts as dates do."""

    inherit_cache = False


class AttributeForm(StrEnum):
    """How a condition reads a custom attribute; each form needs an index of its own."""

    TEXT = "attribute"  # the word in the index's name
    NUMBER = "number"
    DATE = "date"


AttributeUse: TypeAlias = tuple[str, AttributeForm]


@compiles(AttributeText)
def _attribute_text(element: AttributeText, compiler: SQLCompiler, **_: object) -> str:
    return _attribute_sql(element.name, AttributeForm.TEXT, compiler.dialect.name, column="contact.attributes")


@compiles(AttributeNumber)
def _attribute_number(element: AttributeNumber, compiler: SQLCompiler, **_: object) -> str:
    return _attribute_sql(element.name, AttributeForm.NUMBER, compiler.dialect.name, column="contact.attributes")


@compiles(AttributeDate)
def _attribute_date(element: AttributeDate, compiler: SQLCompiler, **_: object) -> str:
    return _attribute_sql(element.name, AttributeForm.DATE, compiler.dialect.name, column="contact.attributes")


class LowerCase(sa.ColumnElement[str]):
    """A text with its letters A-Z in lower case, nothing else changed, on both databases."""

    type = sa.Text()
    inherit_cache = False

    def __init__(self, text: sa.ColumnElement[str]) -> None:
        self.text = text


@compiles(LowerCase)
def _lower_case(element: LowerCase, compiler: SQLCompiler, **options: object) -> str:
    text = compiler.process(element.text, **options)
    return f"lower({text})" if compiler.dialect.name == "sqlite" else f'lower({text} COLLATE "C")'


def ensure_attribute_indices(connection: sa.Connection, uses: Iterable[AttributeUse]) -> list[AttributeUse]:
    """Index the custom attributes that segments use; gives back those that were not indexed yet.

    Call it inside a write transaction. On SQLite it also gathers the statistics
    that make the planner take the new index.
    """
    present = set(connection.scalars(_INDICES[connection.dialect.name]))
    made = [use for use in sorted(set(uses)) if _index_name(*use) not in present]
    for use in made:
        expression = _attribute_sql(*use, connection.dialect.name, column="attributes")
        connection.exec_driver_sql(f"CREATE INDEX IF NOT EXISTS {_index_name(*use)} ON contact (({expression}))")
    if made:
        connection.exec_driver_sql("ANALYZE contact")
    return made


def _index_name(name: str, form: AttributeForm) -> str:
    return f"ix_contact_{form}_{_checked(name)}"[:63]  # PostgreSQL's longest name


def _attribute_sql(name: str, form: AttributeForm, dialect: str, *, column: str) -> str:
    """The one spelling of an attribute in a form, for queries and indices."""
    if dialect == "sqlite":
        text = f"json_extract({column}, '$.{name}')"
        # digits, at most one point, a minus only in front; a bare CAST would take "3 apples" for 3
        tests = ("GLOB '*[0-9]*'", "NOT GLOB '*[^0-9.-]*'", "NOT GLOB '?*-*'", "NOT GLOB '*.*.*'")
        number = f"CASE WHEN {' AND '.join(f'{text} {test}' for test in tests)} THEN CAST({text} AS REAL) END"
        day = f"CASE WHEN {text} GLOB '{_DATE_GLOB}' THEN {text} END"
    else:
        text = f"({column} ->> '{name}')"
        plain = rf"{text} ~ '^-?([0-9]+\.?[0-9]*|\.[0-9]+)$'"
        number = f"CASE WHEN {plain} THEN CAST({text} AS double precision) END"
        day = f"(CASE WHEN {text} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$' THEN {text} END COLLATE \"C\")"
    return {AttributeForm.TEXT: text, AttributeForm.NUMBER: number, AttributeForm.DATE: day}[form]


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a custom attribute (a-z, 0-9 and _)")
    return name
