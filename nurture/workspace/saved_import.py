"""A file in ``imports/`` as the program sees it: how to read one source of contacts."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from nurture.vocabulary import Category, ConsentKind
from nurture.workspace.conditions import CONTACT_TEXT_FIELDS, ORGANIZATION_FIELDS
from nurture.workspace.fields import Line, Model, Slug
from nurture.workspace.names import ATTRIBUTE
from nurture.workspace.suggestions import did_you_mean

IMPORT_FIELDS = (
    *CONTACT_TEXT_FIELDS,
    "discharged_on",
    "may_track",
    "category",
    "tags",
    "organization",
    *(name for name in ORGANIZATION_FIELDS if name != "org.name"),
)


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _columns(columns: dict[str, str]) -> dict[str, str]:
    for name in columns:
        if name in IMPORT_FIELDS:
            continue
        if hint := did_you_mean(name, IMPORT_FIELDS, cutoff=0.75):
            raise ValueError(f"unknown field `{name}`{hint}")
        if not ATTRIBUTE.fullmatch(name):
            raise ValueError(f"`{name}` cannot be the name of a custom attribute (a-z, 0-9 and _)")
    if len(set(columns.values())) < len(columns):
        raise ValueError("two fields read the same column")
    return columns


Categories = Annotated[
    tuple[Category, ...],
    BeforeValidator(_one_or_more, json_schema_input_type=Category | tuple[Category, ...]),
]


class ImportConsent(Model):
    """The consent that every imported contact gave."""

    kind: ConsentKind = Field(description="`written`, `verbal` or `implied`.")
    source: Line = Field(description="How the clinic knows: `intake form 2026`, `business cards, spring fair`.")
    date: datetime.date = Field(description="When it was given.")
    until: datetime.date | None = Field(None, description="Its last day, where one was agreed.")


class SavedImport(Model):
    """A saved import, `imports/NAME.yaml`: used by `nurture contacts import NAME FILE`."""

    columns: Annotated[dict[str, Line], AfterValidator(_columns)] = Field(
        default_factory=dict,
        description="Field to column header. Other names become custom attributes; without it, headers are recognized.",
    )
    category: Categories = Field((), description="Categories that every contact gets.")
    tags: tuple[Slug, ...] = Field((), description="Tags that every contact gets.")
    consent: ImportConsent | None = Field(None, description="The consent that every contact gave.")
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        None, description="What separates the columns of a CSV file; found out without it."
    )
    encoding: Literal["utf-8", "cp1252"] | None = Field(
        None, description="How letters are stored in a CSV file; found out without it."
    )
    sheet: Line | None = Field(None, description="Sheet of an XLSX file; the first one without it.")
