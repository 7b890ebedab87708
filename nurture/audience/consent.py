"""Consent as a gate: which consents allow a mail to this person. Pure.

A person with several categories must satisfy the rules of all of them, so
``past_patient`` in the set brings its strict rule to every mail.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Final, Literal

from nurture.vocabulary import CONSENT_BITS, Category, ConsentKind
from nurture.workspace.settings import DEFAULT_CONSENTS

# Asks for a consent that nobody can have: the rules of a person's categories
# and of the campaign exclude each other.
IMPOSSIBLE: Final = 1 << 30
_IMPLIED_YEARS_IN_CANADA: Final = 2  # CASL s. 10(10): an existing business relationship


def consent_mask(
    categories: Collection[Category],
    required: Mapping[Category | Literal["other"], Collection[ConsentKind]],
    campaign_required: Collection[ConsentKind] | None = None,
) -> int:
    """The bits (`CONSENT_BITS`) of which one consent must hold; 0 asks for none.

    ``required`` is ``settings.consent_required``; an empty list asks for none.
    ``campaign_required`` can only tighten. Rules that exclude each other give
    `IMPOSSIBLE`, which no consent meets.
    """
    rules = [_rule(category, required) for category in categories] or [_rule("other", required)]
    if campaign_required is not None:
        rules.append(campaign_required)
    masks = [sum(CONSENT_BITS[kind] for kind in set(rule)) for rule in rules if rule]
    if not masks:
        return 0
    mask = masks[0]
    for other in masks[1:]:
        mask &= other
    return mask or IMPOSSIBLE


def _rule(
    category: Category | Literal["other"], required: Mapping[Category | Literal["other"], Collection[ConsentKind]]
) -> Collection[ConsentKind]:
    if category in required:
        return required[category]
    if category in DEFAULT_CONSENTS:
        return DEFAULT_CONSENTS[category]
    return required.get("other", DEFAULT_CONSENTS["other"])


def consent_allows(mask: int, bits: int) -> bool:
    """Whether the consents that hold (``bits``) meet ``mask``."""
    return mask == 0 or bool(mask & bits)


def consent_expiry(kind: ConsentKind, obtained_on: date, country: str | None) -> date | None:
    """The last day on which a consent allows mail, None where it does not end by itself.

    In Canada an implied consent ends two years after the business relation's
    last event (CASL s. 10(10)). ``country`` is ISO 3166-1 alpha-2.
    """
    if kind is not ConsentKind.IMPLIED or country != "CA":
        return None
    year = obtained_on.year + _IMPLIED_YEARS_IN_CANADA
    if (obtained_on.month, obtained_on.day) == (2, 29):
        return date(year, 2, 28)
    return obtained_on.replace(year=year)
