"""What is generated from the models: JSON Schemas and the configuration reference."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nurture.workspace.campaign import Campaign
from nurture.workspace.conditions import KNOWN_FIELDS
from nurture.workspace.reference import configuration_reference
from nurture.workspace.schemas import schemas, write_schemas
from nurture.workspace.settings import Settings

REPOSITORY = Path(__file__).parents[2]


def test_the_configuration_reference_is_fresh() -> None:
    written = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert written == configuration_reference(), "write it anew: python -m nurture.workspace.reference"


def test_the_schemas_of_the_sample_clinic_are_fresh() -> None:
    for name, schema in schemas().items():
        written = json.loads((REPOSITORY / ".schemas" / f"{name}.json").read_text(encoding="utf-8"))
        assert written == schema, "write them anew: nurture schema"


def test_every_key_has_its_meaning_in_the_reference() -> None:
    rows = [line.split(" | ") for line in configuration_reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert [row for row in rows if not row[-1].strip(" |")] == []


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for below in part.values():
            yield from _references(below)
    elif isinstance(part, list):
        for below in part:
            yield from _references(below)


@pytest.mark.parametrize("name", ["nurture", "campaign", "segment", "import", "news"])
def test_a_schema_is_complete_in_itself(name: str) -> None:
    schema = schemas()[name]
    for reference in _references(schema):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]
    json.dumps(schema, allow_nan=False)


def test_schemas_complete_keys_and_fields() -> None:
    found = schemas()
    assert set(found["nurture"]["properties"]) == set(Settings.model_fields)
    assert set(found["campaign"]["properties"]) == set(Campaign.model_fields)
    assert found["campaign"]["additionalProperties"] is False
    assert found["nurture"]["properties"]["late"]["default"] == "3 days"
    conditions = found["segment"]["$defs"]["Condition"]["anyOf"][2]["properties"]
    assert set(KNOWN_FIELDS) < set(conditions)


def test_schemas_are_written_into_the_workspace_and_renewed(tmp_path: Path) -> None:
    (tmp_path / ".schemas").mkdir()
    (tmp_path / ".schemas" / "nurture.json").write_text("old")
    paths = write_schemas(tmp_path)
    assert [path.name for path in paths] == [
        "campaign.json",
        "import.json",
        "news.json",
        "nurture.json",
        "segment.json",
    ]
    assert json.loads(paths[3].read_text())["title"] == "Settings"
