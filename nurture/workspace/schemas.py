"""JSON Schemas of the clinic's files, for completion in editors (JSON Schema 2020-12)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, NoDefault

from nurture.vocabulary import Category
from nurture.workspace.campaign import Campaign
from nurture.workspace.conditions import BEHAVIOURS, CONTACT_DATE_FIELDS, KNOWN_FIELDS, Operator
from nurture.workspace.durations import duration_in_words
from nurture.workspace.front_matter import NewsFile
from nurture.workspace.hours import OpeningHours, opening_hours_as_written
from nurture.workspace.saved_import import SavedImport
from nurture.workspace.settings import Settings

SCHEMA_FOLDER = ".schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MODELS: dict[str, type[BaseModel]] = {
    "nurture": Settings,
    "campaign": Campaign,
    "import": SavedImport,
    "news": NewsFile,
}


class _Generator(GenerateJsonSchema):
    """Titles only where a type has one of its own; defaults as people write them."""

    def field_title_should_be_set(self, schema: object) -> bool:
        """Never: the field's key says it already."""
        return False

    def get_default_value(self, schema: Any) -> Any:  # noqa: ANN401 - the library's signature
        """Defaults that are made anew each time count too, but for whole mappings: their keys tell their own."""
        factory = schema.get("default_factory")
        if factory is None or schema.get("default_factory_takes_data"):
            return super().get_default_value(schema)
        value = factory()
        return NoDefault if isinstance(value, BaseModel) or not value else value

    def encode_default(self, dft: object) -> Any:  # noqa: ANN401 - the library's signature
        """A default as it would stand in the YAML."""
        if isinstance(dft, timedelta):
            return duration_in_words(dft)
        if isinstance(dft, OpeningHours):
            return opening_hours_as_written(dft)
        return super().encode_default(dft)


def model_schema(model: type[BaseModel]) -> JsonSchemaValue:
    """The schema of one model; conditions in it refer to ``#/$defs/Condition``."""
    schema = model.model_json_schema(schema_generator=_Generator, mode="validation")
    for field in schema.get("properties", {}).values():
        if field.get("title") == "condition":
            field["$ref"] = "#/$defs/Condition"
            schema.setdefault("$defs", {}).update(_condition_definitions())
    return schema


def schemas() -> dict[str, JsonSchemaValue]:
    """All schemas by their short name: ``nurture``, ``campaign``, ``segment``, ``import``, ``news``."""
    found = {name: {"$schema": _DIALECT, **model_schema(model)} for name, model in _MODELS.items()}
    found["segment"] = {
        "$schema": _DIALECT,
        "title": "Segment",
        "description": "A named rule for contacts, `segments/NAME.yaml`.",
        "$ref": "#/$defs/Condition",
        "$defs": _condition_definitions(),
    }
    return found


def write_schemas(root: Path) -> tuple[Path, ...]:
    """Write the schemas into ``.schemas/`` of a workspace, over older ones; returns the files."""
    folder = root / SCHEMA_FOLDER
    folder.mkdir(exist_ok=True)
    written = []
    for name, schema in sorted(schemas().items()):
        path = folder / f"{name}.json"
        path.write_text(json.dumps(schema, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return tuple(written)


_CONDITION = {"$ref": "#/$defs/Condition"}
_SEVERAL = {"type": "array", "items": _CONDITION, "minItems": 1}


def _condition_properties() -> dict[str, JsonSchemaValue]:
    properties: dict[str, JsonSchemaValue] = {
        "all": {**_SEVERAL, "description": "Every item holds."},
        "any": {**_SEVERAL, "description": "At least one item holds."},
        "not": {**_CONDITION, "description": "It does not hold."},
        "segment": {"type": "string", "description": "The rule of segments/NAME.yaml holds."},
    }
    for kind in BEHAVIOURS:
        properties[kind] = {"$ref": "#/$defs/Behaviour", "description": f"The contact {kind} mail of ours."}
    for name in KNOWN_FIELDS:
        properties[name] = {"$ref": "#/$defs/Comparison"}
    categories = [str(category) for category in Category]
    properties["category"] = {
        "anyOf": [
            {"enum": categories},
            {"type": "array", "items": {"enum": categories}, "minItems": 1},
            {"$ref": "#/$defs/Operations"},
        ]
    }
    for name in CONTACT_DATE_FIELDS:
        properties[name] = {"$ref": "#/$defs/Comparison", "examples": [{"before": "90 days ago"}]}
    return properties


def _condition_definitions() -> dict[str, JsonSchemaValue]:
    return {
        "Condition": {
            "description": "A mapping means all of it, a list means any of it, a text names a segment.",
            "anyOf": [
                {"type": "string"},
                _SEVERAL,
                {
                    "type": "object",
                    "minProperties": 1,
                    "properties": _condition_properties(),
                    "additionalProperties": {"$ref": "#/$defs/Comparison"},
                },
            ],
        },
        "Comparison": {
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                {"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}},
                {"$ref": "#/$defs/Operations"},
            ]
        },
        "Operations": {
            "type": "object",
            "minProperties": 1,
            "properties": {str(operator): {} for operator in Operator},
            "additionalProperties": False,
        },
        "Behaviour": {
            "anyOf": [
                {"type": ["string", "boolean"]},
                {
                    "type": "object",
                    "properties": {
                        "campaign": {"type": "string"},
                        "within": {"type": "string", "examples": ["60 days"]},
                    },
                    "additionalProperties": False,
                },
            ]
        },
    }
