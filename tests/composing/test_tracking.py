"""Of whom it may be noted that a mail is read: the law's countries, past patients, what a contact and a campaign say."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from nurture.composing.tracking import TrackingRules, tracked, tracking_rules
from nurture.vocabulary import Category, Tracked
from nurture.workspace.tracking import Privacy

PERSON, EDITION, NOTHING = Tracked.PERSON, Tracked.EDITION, Tracked.NOTHING
RULES = TrackingRules(partners=True, patients="none", country="US")
SCHOOL, PATIENT = [Category.SCHOOL], [Category.SCHOOL, Category.PAST_PATIENT]


@pytest.mark.parametrize(
    ("country", "may_track", "told"),
    [
        (None, None, PERSON),
        ("US", None, PERSON),
        ("DE", None, NOTHING),
        ("NO", None, NOTHING),
        ("GB", None, NOTHING),
        ("CH", None, PERSON),
        ("DE", True, PERSON),
        ("GB", True, PERSON),
        ("US", False, NOTHING),
        ("DE", False, NOTHING),
    ],
)
def test_a_partner_is_followed_unless_law_or_a_no_forbids_it(country, may_track, told):
    assert tracked(asdict(RULES), categories=SCHOOL, country=country, may_track=may_track) is told


def test_whoever_has_no_country_is_where_the_clinic_is():
    rules = asdict(replace(RULES, country="IE"))
    assert tracked(rules, categories=SCHOOL, country=None, may_track=None) is NOTHING
    assert tracked(rules, categories=SCHOOL, country="US", may_track=None) is PERSON


@pytest.mark.parametrize(
    ("patients", "may_track", "told"),
    [
        ("none", None, NOTHING),
        ("none", True, NOTHING),
        ("edition", None, EDITION),
        ("edition", True, EDITION),
        ("edition", False, NOTHING),
        ("person", None, EDITION),
        ("person", True, PERSON),
        ("person", False, NOTHING),
    ],
)
def test_a_past_patient_is_one_whatever_else_the_person_is(patients, may_track, told):
    rules = asdict(replace(RULES, patients=patients))
    assert tracked(rules, categories=PATIENT, country="US", may_track=may_track) is told


@pytest.mark.parametrize(
    ("privacy", "campaign", "partners", "patients"),
    [
        ({}, None, True, "none"),
        ({"track": False}, True, True, "none"),
        ({"track_patients": "edition"}, None, True, "edition"),
        ({"track": False, "track_patients": "edition"}, None, False, "edition"),
    ],
)
def test_a_campaign_may_say_otherwise_than_the_settings(privacy, campaign, partners, patients):
    assert rules_of(privacy, campaign) == TrackingRules(partners, patients, "US")


@pytest.mark.parametrize(("privacy", "campaign"), [({"track": False}, None), ({"track_patients": "person"}, False)])
def test_where_nothing_is_noted_there_are_no_rules(privacy, campaign):
    assert rules_of(privacy, campaign) is None


def rules_of(privacy, campaign):
    clinic = SimpleNamespace(address=SimpleNamespace(country="US"))
    settings = SimpleNamespace(privacy=Privacy(**privacy), clinic=clinic)
    return tracking_rules(settings, SimpleNamespace(track=campaign))
