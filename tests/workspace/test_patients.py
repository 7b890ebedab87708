"""Whether a condition can reach past patients."""

from typing import Any

import pytest

from nurture.workspace.condition_parser import parse_condition
from nurture.workspace.patients import can_match_past_patients, means_past_patients

SEGMENTS = {
    "gyms": parse_condition({"category": "private_business"}),
    "vips": parse_condition({"tag": "vip"}),
    "round": parse_condition({"all": ["round", {"tag": "x"}]}),
}
PATIENT, SCHOOL = {"category": "past_patient"}, {"category": "school"}

CASES: list[tuple[Any, bool]] = [
    (PATIENT, True),
    ({"tag": "vip"}, True),
    ({"category": ["school", "past_patient"]}, True),
    (SCHOOL, False),
    ({"category": {"not": "past_patient"}}, False),
    ({"category": {"not": "school"}}, True),
    ({"category": {"not": ["school", "past_patient"]}}, False),
    ({"category": {"empty": True}}, False),
    ({"category": {"empty": False}}, True),
    ({"not": PATIENT}, False),
    ({"not": {"not": PATIENT}}, True),
    ({"not": SCHOOL}, True),
    ({"all": [{"tag": "vip"}, SCHOOL]}, False),
    ({"any": [{"tag": "vip"}, SCHOOL]}, True),
    ({"any": [{"category": "sports_club"}, SCHOOL]}, False),
    ({"not": {"any": [PATIENT, {"tag": "vip"}]}}, False),
    ({"not": {"all": [PATIENT, {"tag": "vip"}]}}, True),
    ("gyms", False),
    ("vips", True),
    ({"not": "gyms"}, True),
    ({"all": ["vips", "gyms"]}, False),
    ("round", True),
    ("unknown", True),
    ({"replied": True}, True),
]


@pytest.mark.parametrize(("value", "can"), CASES, ids=[str(value) for value, _ in CASES])
def test_a_condition_means_past_patients_unless_it_keeps_to_others(value: object, can: bool) -> None:
    assert means_past_patients(parse_condition(value), SEGMENTS) is can


# a coach who was treated here is in the category sports_club, too
SURE: list[Any] = [
    {"category": {"not": "past_patient"}},
    {"category": {"not": ["school", "past_patient"]}},
    {"category": {"empty": True}},
    {"not": PATIENT},
    {"all": ["gyms", {"not": PATIENT}]},
    {"any": [{"all": [SCHOOL, {"not": PATIENT}]}, {"category": {"empty": True}}]},
    {"not": {"any": [PATIENT, {"tag": "vip"}]}},
    {"not": {"category": ["past_patient", "school"]}},
]


@pytest.mark.parametrize("value", [*SURE, *(value for value, _ in CASES)], ids=str)
def test_only_who_shuts_past_patients_out_by_name_reaches_none(value: object) -> None:
    assert can_match_past_patients(parse_condition(value), SEGMENTS) is (value not in SURE)
