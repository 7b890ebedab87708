"""Words for people: who they are, what they allowed, why nobody writes to them."""

from enum import StrEnum


class Category(StrEnum):
    """What a contact is to the clinic; a contact has a set of them."""

    HEALTHCARE_PROVIDER = "healthcare_provider"  # physicians, surgeons, nurse practitioners
    COMMUNITY_AGENCY = "community_agency"  # senior centers, councils, charities
    PRIVATE_BUSINESS = "private_business"  # gyms, studios, employers
    SPORTS_CLUB = "sports_club"  # clubs, teams, leagues
    SCHOOL = "school"  # schools, colleges, universities
    PAST_PATIENT = "past_patient"  # strict rules: consent, no single tracking


class ConsentKind(StrEnum):
    """How a person allowed the clinic to write; strongest first."""

    WRITTEN = "written"  # a signed form or a confirmed sign-up
    VERBAL = "verbal"  # said so, noted by the staff
    IMPLIED = "implied"  # a business relation, e.g. an exchanged card
    INQUIRY = "inquiry"  # the person asked us something; counts as implied, and ends sooner where the law says so


# Consents as bits, so that one integer with a delivery says which of them allow it.
CONSENT_BITS: dict[ConsentKind, int] = {
    ConsentKind.WRITTEN: 1,
    ConsentKind.VERBAL: 2,
    ConsentKind.IMPLIED: 4,
    ConsentKind.INQUIRY: 8,
}


class SuppressionScope(StrEnum):
    """What a suppression covers."""

    ADDRESS = "address"  # one mail address, whoever has it
    DOMAIN = "domain"  # every address at one domain
    ORGANIZATION = "organization"  # every contact of one organization
    TOPIC = "topic"  # one mail address, for the campaigns of one topic


class SuppressionReason(StrEnum):
    """Why an address, domain or organization must not be mailed."""

    UNSUBSCRIBED = "unsubscribed"  # the person left
    COMPLAINED = "complained"  # the person pressed "spam"
    HARD_BOUNCED = "hard_bounced"  # the address does not exist
    SOFT_BOUNCED = "soft_bounced"  # the address failed too often
    MANUAL = "manual"  # the staff decided
    ERASED = "erased"  # the contact was erased; only a keyed hash is kept
