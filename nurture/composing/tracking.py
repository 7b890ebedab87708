"""What a mail may tell us when it is read: decided for each reader from rules that the edition keeps. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nurture.vocabulary import Category, Tracked
from nurture.workspace.campaign import Campaign
from nurture.workspace.settings import Settings
from nurture.workspace.tracking import PatientTracking

# Where a pixel or a link of one's own needs a consent (Directive 2002/58/EC 5(3); PECR 2003 6): the EEA and the UK.
CONSENT_COUNTRIES: Final = frozenset(
    [
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU"),
        *("LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
        *("IS", "LI", "NO"),
        "GB",
    ]
)


@dataclass(frozen=True, slots=True)
class TrackingRules:
    """What holds for one edition. ``country`` is the clinic's: of contacts who have none."""

    partners: bool
    patients: str  # a PatientTracking
    country: str


def tracking_rules(settings: Settings, campaign: Campaign) -> TrackingRules | None:
    """The rules of a campaign's editions; None: nothing is noted of anybody."""
    partners = settings.privacy.track if campaign.track is None else campaign.track
    patients = PatientTracking.NONE if campaign.track is False else settings.privacy.track_patients
    if not partners and patients is PatientTracking.NONE:
        return None
    return TrackingRules(partners, patients.value, settings.clinic.address.country)


def tracked(
    rules: Mapping[str, Any],
    *,
    categories: Collection[str],
    country: str | None,
    may_track: bool | None,
) -> Tracked:
    """What the mail of one reader tells. ``rules`` are `TrackingRules` as the edition keeps them.

    ``country`` is the contact's, else the organization's. ``may_track`` False is a no to everything; True is the
    consent that the law or the rule asks for; None: nobody asked.
    """
    if may_track is False or (may_track is None and (country or rules["country"]) in CONSENT_COUNTRIES):
        return Tracked.NOTHING
    if Category.PAST_PATIENT not in categories:
        return Tracked.PERSON if rules["partners"] else Tracked.NOTHING
    if rules["patients"] == PatientTracking.NONE:
        return Tracked.NOTHING
    return Tracked.PERSON if rules["patients"] == PatientTracking.PERSON and may_track else Tracked.EDITION
