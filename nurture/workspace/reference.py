"""The configuration reference, written from the models; `scripts/write_docs.py` puts it into docs/configuration.md."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue

from nurture.workspace.campaign import Campaign
from nurture.workspace.conditions import (
    BEHAVIOURS,
    CONTACT_DATE_FIELDS,
    CONTACT_TEXT_FIELDS,
    ORGANIZATION_FIELDS,
    Operator,
)
from nurture.workspace.front_matter import NewsFile
from nurture.workspace.reference_texts import AFTER_CONDITIONS, CONDITIONS, INTRODUCTION, SCHEDULES
from nurture.workspace.saved_import import SavedImport
from nurture.workspace.schemas import model_schema
from nurture.workspace.settings import Settings

_FILES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("nurture.yaml", Settings),
    ("campaigns/NAME.yaml", Campaign),
    ("imports/NAME.yaml", SavedImport),
    ("news/NAME.md", NewsFile),
)


def configuration_reference() -> str:
    """The whole page as Markdown."""
    parts, shown = [INTRODUCTION], set[str]()
    for title, model in _FILES:
        parts += [f"## `{title}`", *_file(model, shown)]
    parts += ["## Schedules", SCHEDULES, "## Conditions", CONDITIONS, _fields(), _operators(), AFTER_CONDITIONS]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def settings_by_name() -> list[tuple[str, str]]:
    """Every key of every file by its dotted name (``clinic.name``), with its meaning, for the glossary."""
    found: list[tuple[str, str]] = []
    for title, model in _FILES:
        schema = model_schema(model)
        definitions = schema.get("$defs", {})
        found += [(f"{title}: {name}", meaning) for name, meaning in _names(schema, definitions, "")]
    return found


def _names(schema: JsonSchemaValue, definitions: JsonSchemaValue, prefix: str) -> Iterator[tuple[str, str]]:
    for key, field in schema["properties"].items():
        target = definitions.get(str(field.get("$ref", "")).rpartition("/")[2], {})
        yield prefix + key, _cell(field.get("description") or target.get("description", ""))
        inside = f"{prefix}{key}.NAME." if field.get("type") == "object" else f"{prefix}{key}."
        for name in dict.fromkeys(_models_in(field, definitions)):
            yield from _names(definitions[name], definitions, inside)


def _file(model: type[BaseModel], shown: set[str]) -> Iterator[str]:
    """One table for the file, then one for each kind of mapping in it that was not ``shown`` yet."""
    schema = model_schema(model)
    definitions = schema.get("$defs", {})
    yield _sentence(schema)
    yield _table(schema, definitions)
    waiting = list(_models_in(schema, definitions))
    while waiting:
        name = waiting.pop(0)
        if name in shown:
            continue
        shown.add(name)
        yield f"### {_heading(name)}"
        yield _sentence(definitions[name])
        yield _table(definitions[name], definitions)
        waiting = [*_models_in(definitions[name], definitions), *waiting]


def _sentence(schema: JsonSchemaValue) -> str:
    return str(schema.get("description", "")).replace("\n", " ")


def _heading(name: str) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip().capitalize()


def _models_in(schema: object, definitions: JsonSchemaValue) -> Iterator[str]:
    """The names of the mappings with keys of their own that a schema refers to."""
    if isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name != "Condition" and "properties" in definitions.get(name, {}):
            yield name
        for key, part in schema.items():
            if key != "$defs":
                yield from _models_in(part, definitions)
    elif isinstance(schema, list):
        for part in schema:
            yield from _models_in(part, definitions)


def _table(schema: JsonSchemaValue, definitions: JsonSchemaValue) -> str:
    required = schema.get("required", [])
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, field in schema["properties"].items():
        default = "**required**" if key in required else _default(field)
        target = definitions.get(str(field.get("$ref", "")).rpartition("/")[2], {})
        meaning = field.get("description") or target.get("description", "")
        rows.append(f"| `{key}` | {_kind(field, definitions)} | {default} | {_cell(meaning)} |")
    return "\n".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _default(field: JsonSchemaValue) -> str:
    default = field.get("default")
    if default in (None, [], {}, ""):
        return ""
    if isinstance(default, dict):
        return ", ".join(f"`{key}: {_in_yaml(value)}`" for key, value in default.items())
    if isinstance(default, list):
        return f"`{_in_yaml(default)}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _in_yaml(value: object) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _kind(field: JsonSchemaValue, definitions: JsonSchemaValue) -> str:
    """The type in words; names of mappings link to their tables."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return _named(name, definitions.get(name, {}))
    if "anyOf" in field:
        kinds = [_kind(part, definitions) for part in field["anyOf"] if part.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "title" in field:
        return f"[{field['title']}](#kinds-of-values)"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if field.get("type") == "array":
        return f"list of {_kind(field.get('items', {}), definitions)}"
    if field.get("type") == "object":
        values = field.get("additionalProperties") or next(iter(field["patternProperties"].values()))
        return f"mapping of names to {_kind(values, definitions)}"
    if field.get("format") == "date":
        return "date"
    words = {"string": "text", "integer": "number", "number": "number", "boolean": "`true` or `false`"}
    return words.get(str(field.get("type")), "any value") + _bounds(field)


def _named(name: str, schema: JsonSchemaValue) -> str:
    if name == "Condition":
        return "[condition](#conditions)"
    if "properties" in schema:
        heading = _heading(name)
        return f"[{heading.lower()}](#{heading.lower().replace(' ', '-')})"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return "any value"


def _bounds(field: JsonSchemaValue) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    return f", {low} to {high}" if low is not None and high is not None else ""


def _fields() -> str:
    rows = [
        ("`category`, `tag`", "what the contact is, and its tags; a contact has a set of each"),
        (_codes(CONTACT_TEXT_FIELDS), "the contact's own texts"),
        (_codes(CONTACT_DATE_FIELDS), "the contact's dates"),
        (_codes(ORGANIZATION_FIELDS), "the organization's texts; `org.owner` is a key under `staff`"),
        (_codes(BEHAVIOURS), "what happened between us; `campaign` and `within` may narrow it"),
        ("any other name", "a custom attribute from an import (a-z, 0-9 and `_`)"),
    ]
    lines = ["| field | meaning |", "|---|---|", *(f"| {fields} | {meaning} |" for fields, meaning in rows)]
    return "\n".join(lines)


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _operators() -> str:
    comments = _member_comments(Operator)
    rows = [f"| `{operator}` | {comments[operator.name]} |" for operator in Operator]
    return "\n".join(["| comparison | meaning |", "|---|---|", *rows])


def _member_comments(kind: type[enum.StrEnum]) -> dict[str, str]:
    """What stands behind ``#`` in the line of each member."""
    found = {}
    for line in inspect.getsource(kind).splitlines():
        name, equals, rest = line.partition(" = ")
        if equals and name.strip() in kind.__members__:
            found[name.strip()] = rest.partition("  # ")[2].strip()
    return found
