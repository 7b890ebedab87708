"""Values of the sample clinic, and those that are kept for examples, are found before a clinic goes live."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from nurture.workspace.made_up import made_up
from nurture.workspace.scaffold import Answers, init_workspace
from nurture.workspace.settings import Settings
from nurture.workspace.workspace import load_workspace

SAMPLE_CLINIC = Path(__file__).parents[2]

REAL = {
    "clinic": {
        "name": "Cedar Hill Physical Therapy",
        "phone": "(503) 230-4417",
        "address": {"street": "1 Main Street", "city": "Bend", "region": "OR", "postal_code": "97701"},
        "site": "https://cedarhillpt.com",
        "time_zone": "America/Los_Angeles",
    },
    "staff": {"ann": {"name": "Ann Rivers, PT", "address": "ann@cedarhillpt.com", "phone": "(503) 230-4418"}},
    "senders": {
        "main": {
            "name": "Cedar Hill",
            "address": "hello@cedarhillpt.com",
            "smtp": {"host": "smtp.cedarhillpt.com"},
        }
    },
}


def with_value(place: str, value: str) -> Settings:
    settings = Settings.model_validate(REAL).model_dump(mode="json", by_alias=True, exclude_unset=True)
    *way, last = place.split(".")
    inner = settings
    for key in way:
        inner = inner[key]
    inner[last] = value
    settings["clinic"].pop("hours", None)
    return Settings.model_validate(settings)


def test_a_real_clinic_has_none() -> None:
    assert made_up(Settings.model_validate(REAL)) == ()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("clinic.name", "Riverbend Physical Therapy"),
        ("clinic.phone", "(503) 555-0140"),
        ("clinic.phone", "+15035550199"),
        ("clinic.phone", "503 555 0100"),
        ("clinic.site", "https://clinic.example"),
        ("clinic.site", "https://www.example.com/news"),
        ("staff.ann.name", "Maya Okafor, PT, DPT"),
        ("staff.ann.address", "ann@clinic.test"),
        ("staff.ann.phone", "555-0142"),
        ("senders.main.name", "Riverbend Physical Therapy"),
        ("senders.main.address", "hello@example.org"),
        ("senders.main.reply_to", "hello@sub.Example.NET"),
        ("senders.main.smtp.host", "mail.invalid"),
    ],
)
def test_a_value_that_is_nobodys_is_found_at_its_place(place: str, value: str) -> None:
    (found,) = made_up(with_value(place, value))
    assert found.key == place


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("clinic.phone", "(555) 010-0140"),  # an area code
        ("clinic.phone", "503-555-0240"),
        ("clinic.site", "https://example-pt.com"),
        ("clinic.site", "https://examples.com"),
        ("senders.main.smtp.host", "localhost"),  # a mail server on this machine is real
    ],
)
def test_what_only_looks_like_it_is_left_alone(place: str, value: str) -> None:
    assert made_up(with_value(place, value)) == ()


def test_everything_of_the_sample_clinic_and_of_a_new_workspace_is_found(tmp_path: Path) -> None:
    settings = load_workspace(SAMPLE_CLINIC).settings
    keys = {value.key for value in made_up(settings)}
    assert keys >= {"clinic.name", "clinic.phone", "clinic.address.street", "clinic.site"}
    for name in settings.staff:
        assert {f"staff.{name}.name", f"staff.{name}.address", f"staff.{name}.phone"} <= keys
    for name in settings.senders:
        assert {f"senders.{name}.name", f"senders.{name}.address"} <= keys
    init_workspace(tmp_path / "clinic", Answers(), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
    keys = {value.key for value in made_up(load_workspace(tmp_path / "clinic").settings)}
    assert keys == {
        "clinic.name",
        "clinic.phone",
        "clinic.address.street",
        "clinic.site",
        "senders.main.name",
        "senders.main.address",
    }
