"""Which consents a mail needs."""

from datetime import date

import pytest

from nurture.audience.consent import IMPOSSIBLE, ConsentEnds, consent_allows, consent_mask
from nurture.vocabulary import Category, ConsentKind
from nurture.workspace.dates import RelativeDate

WRITTEN, VERBAL, IMPLIED, INQUIRY = ConsentKind
PATIENT, SCHOOL = Category.PAST_PATIENT, Category.SCHOOL
SHIPPED = {PATIENT: (WRITTEN,), "other": (WRITTEN, VERBAL, IMPLIED)}


@pytest.mark.parametrize(
    ("categories", "required", "campaign", "mask"),
    [
        ({SCHOOL}, SHIPPED, None, 15),
        ({PATIENT}, SHIPPED, None, 1),
        ({PATIENT, SCHOOL}, SHIPPED, None, 1),  # the patient's rule comes along
        (set(), SHIPPED, None, 15),
        ({SCHOOL}, {"other": ()}, None, 0),
        ({PATIENT}, {"other": ()}, None, 1),  # patients only by their own rule
        ({PATIENT}, {PATIENT: (), "other": ()}, None, 0),
        ({SCHOOL}, {SCHOOL: (VERBAL,), "other": ()}, None, 2),
        ({SCHOOL}, {"other": ()}, (WRITTEN,), 1),
        ({SCHOOL}, SHIPPED, (WRITTEN, VERBAL), 3),
        ({PATIENT}, SHIPPED, (WRITTEN, VERBAL), 1),  # a campaign only tightens
        ({SCHOOL}, SHIPPED, (), 15),
        ({PATIENT}, SHIPPED, (VERBAL,), IMPOSSIBLE),
        ({SCHOOL}, {}, None, 15),
        ({SCHOOL}, {"other": (IMPLIED,)}, None, 12),  # an inquiry is an implied consent
        ({SCHOOL}, {"other": (INQUIRY,)}, None, 8),
    ],
)
def test_mask(categories, required, campaign, mask):
    assert consent_mask(categories, required, campaign) == mask


def test_no_consent_meets_the_impossible():
    assert not consent_allows(IMPOSSIBLE, 15)
    assert consent_allows(0, 0)
    assert consent_allows(3, 2)
    assert not consent_allows(3, 4)


@pytest.mark.parametrize(
    ("kind", "day", "country", "last"),
    [
        (IMPLIED, date(2026, 5, 1), "CA", date(2028, 5, 1)),
        (IMPLIED, date(2024, 2, 29), "CA", date(2026, 2, 28)),
        (INQUIRY, date(2026, 8, 31), "CA", date(2027, 2, 28)),
        (IMPLIED, date(2026, 5, 1), "US", None),
        (IMPLIED, date(2026, 5, 1), None, None),
        (WRITTEN, date(2026, 5, 1), "CA", None),
        (VERBAL, date(2026, 5, 1), "CA", None),
    ],
)
def test_implied_consents_end_by_the_law_of_canada(kind, day, country, last):
    assert ConsentEnds("US").last_day(kind, day, country, None) == last
    # a clinic there sends by that law wherever its readers are
    assert ConsentEnds("CA").last_day(kind, day, "US", None) == ConsentEnds("US").last_day(kind, day, "CA", None)


DAY = date(2026, 5, 1)


@pytest.mark.parametrize(
    ("own", "until", "last"),
    [
        ({}, date(2027, 1, 1), date(2027, 1, 1)),  # agreed to end sooner
        ({}, date(2031, 1, 1), date(2028, 5, 1)),  # the law cannot be put off
        ({"CA": {IMPLIED: RelativeDate(months=12)}}, None, date(2027, 5, 1)),
        ({"CA": {IMPLIED: RelativeDate(months=36)}}, None, date(2028, 5, 1)),
        ({"US": {IMPLIED: RelativeDate(days=90)}}, None, date(2026, 7, 30)),  # the clinic's own country
        ({"GB": {IMPLIED: RelativeDate(days=90)}}, None, date(2028, 5, 1)),
    ],
)
def test_the_earliest_of_law_settings_and_agreement_counts(own, until, last):
    assert ConsentEnds("US", own).last_day(IMPLIED, DAY, "CA", until) == last
