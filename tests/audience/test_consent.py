"""Which consents a mail needs."""

from datetime import date

import pytest

from nurture.audience.consent import IMPOSSIBLE, consent_allows, consent_expiry, consent_mask
from nurture.vocabulary import Category, ConsentKind

WRITTEN, VERBAL, IMPLIED = ConsentKind.WRITTEN, ConsentKind.VERBAL, ConsentKind.IMPLIED
PATIENT, SCHOOL = Category.PAST_PATIENT, Category.SCHOOL
SHIPPED = {PATIENT: (WRITTEN,), "other": (WRITTEN, VERBAL, IMPLIED)}


@pytest.mark.parametrize(
    ("categories", "required", "campaign", "mask"),
    [
        ({SCHOOL}, SHIPPED, None, 7),
        ({PATIENT}, SHIPPED, None, 1),
        ({PATIENT, SCHOOL}, SHIPPED, None, 1),  # the patient's rule comes along
        (set(), SHIPPED, None, 7),
        ({SCHOOL}, {"other": ()}, None, 0),
        ({PATIENT}, {"other": ()}, None, 1),  # patients only by their own rule
        ({PATIENT}, {PATIENT: (), "other": ()}, None, 0),
        ({SCHOOL}, {SCHOOL: (VERBAL,), "other": ()}, None, 2),
        ({SCHOOL}, {"other": ()}, (WRITTEN,), 1),
        ({SCHOOL}, SHIPPED, (WRITTEN, VERBAL), 3),
        ({PATIENT}, SHIPPED, (WRITTEN, VERBAL), 1),  # a campaign only tightens
        ({SCHOOL}, SHIPPED, (), 7),
        ({PATIENT}, SHIPPED, (VERBAL,), IMPOSSIBLE),
        ({SCHOOL}, {}, None, 7),
    ],
)
def test_mask(categories, required, campaign, mask):
    assert consent_mask(categories, required, campaign) == mask


def test_no_consent_meets_the_impossible():
    assert not consent_allows(IMPOSSIBLE, 7)
    assert consent_allows(0, 0)
    assert consent_allows(3, 2)
    assert not consent_allows(3, 4)


@pytest.mark.parametrize(
    ("kind", "day", "country", "last"),
    [
        (IMPLIED, date(2026, 5, 1), "CA", date(2028, 5, 1)),
        (IMPLIED, date(2024, 2, 29), "CA", date(2026, 2, 28)),
        (IMPLIED, date(2026, 5, 1), "US", None),
        (WRITTEN, date(2026, 5, 1), "CA", None),
    ],
)
def test_expiry(kind, day, country, last):
    assert consent_expiry(kind, day, country) == last
